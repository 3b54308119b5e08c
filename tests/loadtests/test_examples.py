"""The engine's own programs: built, run and read, and one that fails leaves no figure."""

import json
import shutil
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.example import Example

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="the programs are built from their source"),
]
GOALS = {
    "fold": [("events folded a second", 1_000_000, True)],
    "restart": [("snapshot loaded", 10, False)],
    "identity": [
        # One in a hundred of those that a quick run has.
        ("customers with an alias of another, or with a shared device", 20, False),
        ("customers that lack one of their own", 0, False),
        ("a look at a customer who is woven to be slow", 1_000, False),
    ],
    "soak": [("growth after the warm-up, of the memory", 1, False)],
}


@pytest.mark.parametrize("name", list(GOALS))
def test_a_program_is_run_and_its_figures_are_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["loadtest", name, "--quick", "--data", str(tmp_path), "--json"]) == EXIT_DONE
    report = json.loads(capsys.readouterr().out)
    assert (report["name"], len(report["ratios"])) == (name, len(GOALS[name]))
    assert [(goal["figure"], goal["bound"], goal["at_least"]) for goal in report["goals"]] == GOALS[name]
    assert all(len(figure["rounds"]) == 1 for figure in report["figures"])


def test_a_customer_takes_memory_and_a_snapshot_holds_what_was_written(tmp_path: Path) -> None:
    example = Example("snapshot_scale", "dev")
    written = example.figures(tmp_path, 2_000)
    assert 100 < int(written["bytes_per_customer"]) < 10_000
    assert example.figures(tmp_path)["digest"] == written["digest"]


def test_a_program_that_fails_leaves_no_figure(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unmeasured, match="soak ended with exit code 1"):
        Example("soak", "dev").figures()
    assert "say how many events" in capfd.readouterr().err
