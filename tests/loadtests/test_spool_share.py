"""What the spool takes of a Score: every engine answers in process and over its front, and a goal is told."""

import json
import shutil
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("cargo") is None, reason="the engines are opened by a program built from its source")
def test_every_engine_is_called_in_process_and_over_its_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["loadtest", "spool", "--quick", "--data", str(tmp_path), "--json"]
    assert main(arguments) == EXIT_DONE
    report = json.loads(capsys.readouterr().out)
    figures = {(figure["side"], figure["name"]): figure["rounds"] for figure in report["figures"]}
    within, over = "p50 of Score in process", "p50 of Score over the native front"
    assert set(figures) == {(side, name) for side in ("no spool", "process", "disk") for name in (within, over)}
    for side in ("no spool", "process", "disk"):
        assert len(figures[side, within]) == 1
        assert 0 < min(figures[side, within]) < min(figures[side, over])
    assert [goal["bound"] for goal in report["goals"]] == [6.0, 1.03, 1.03]
