"""The rate of catching up: both read the whole journal of a real server, and a reader that errs is not measured."""

import json
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE
from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from loadtests.benchmarks.catch_up import ROUNDS
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.journal_reading import CLIENT, ENGINE, read
from tests.harness.bundle import release_bundle
from tests.harness.policy import exploring_policy


@pytest.mark.alone
@pytest.mark.slow
def test_engine_and_client_read_the_whole_journal_of_a_shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release_bundle(Settings(data_directory=tmp_path), exploring_policy())
    assert main(["loadtest", "catch-up", "--quick", "--data", str(tmp_path), "--json"]) == EXIT_DONE
    report = json.loads(capsys.readouterr().out)
    figures = {(figure["side"], figure["name"]): figure["rounds"] for figure in report["figures"]}
    assert {side for side, _ in figures} == {ENGINE, CLIENT}
    assert all(len(rounds) == ROUNDS and min(rounds) > 0 for rounds in figures.values())
    assert min(figures[ENGINE, "own CPU per message"]) > min(figures[CLIENT, "own CPU per message"])
    (goal,) = report["goals"]
    assert (goal["figure"], goal["ours"], goal["peer"]) == ("messages a second", ENGINE, "")
    assert (goal["bound"], goal["at_least"]) == (250_000, True)


def test_a_server_without_a_journal_is_not_measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with NatsServer(tmp_path / "nats") as nats, pytest.raises(Unmeasured, match="could not be read by the client"):
        read(CLIENT, nats.url)
    assert "reading JOURNAL" in capfd.readouterr().err
