"""The rate of a replay: both journals are read, decisions become rows, and the text says what the figures say."""

import json
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE
from cart_recovery.settings import Settings
from loadtests.benchmarks.backtest_rate import MIXES
from loadtests.benchmarks.replay_rate import Report, Run, render
from tests.harness.bundle import release_bundle
from tests.harness.policy import exploring_policy

EVENTS = 3_000


def test_the_journals_of_both_mixes_are_replayed_into_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release_bundle(Settings(data_directory=tmp_path), exploring_policy())
    assert main(["loadtest", "replay-rate", "--events", str(EVENTS), "--data", str(tmp_path), "--json"]) == EXIT_DONE
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["browsing_share"] for run in runs] == list(MIXES)
    browsing, filling = runs
    assert 0 < browsing["rows"] < filling["rows"]
    for run in runs:
        assert run["messages"] >= EVENTS + run["rows"]
        assert run["messages_per_second"] == round(run["messages"] / run["seconds"])


def test_the_report_names_mix_figures_and_machine() -> None:
    run = Run(0.9, 1_000_000, 25_000, 4.0, 2.5)
    assert render(Report({"cores": "2"}, "7", (run,))).splitlines() == [
        "Replay of a simulated shop's journal into feature rows, median of 5",
        "",
        "without a cart    messages      rows      CPU     wall  messages/s    rows/s  messages/s of CPU",
        "           90%   1,000,000    25,000   4.00 s   2.50 s     400,000    10,000            250,000",
        "",
        "engine 7; cores 2",
    ]
