"""The rate of a backtest: every event counts, decisions are taken, and the text says what the figures say."""

import json
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE
from cart_recovery.settings import Settings
from loadtests.benchmarks.backtest_rate import MIXES, Report, Run, render
from tests.harness.bundle import release_bundle
from tests.harness.policy import exploring_policy

EVENTS = 3_000


def test_every_event_of_both_mixes_is_folded_and_decided_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release_bundle(Settings(data_directory=tmp_path), exploring_policy())
    assert main(["loadtest", "backtest", "--events", str(EVENTS), "--data", str(tmp_path), "--json"]) == EXIT_DONE
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["browsing_share"], run["events"]) for run in runs] == [(share, EVENTS) for share in MIXES]
    browsing, filling = runs
    assert 0 < browsing["decisions"] < filling["decisions"]
    for run in runs:
        assert 0 < run["sends"] <= run["decisions"]
        assert run["events_per_second"] == round(EVENTS / run["cpu_seconds"])


def test_the_report_names_mix_figures_and_machine() -> None:
    run = Run(0.9, 3_000_000, 260_000, 85_000, 57_000, 10.0, 12.5)
    assert render(Report({"cores": "2"}, "7", (run,))).splitlines() == [
        "Backtest of the simulated shop, one thread; reading and parsing a file excluded",
        "",
        "without a cart      events  customers  decisions  e-mails      CPU     wall  events/s of CPU",
        "           90%   3,000,000    260,000     85,000   57,000  10.00 s  12.50 s          300,000",
        "",
        "engine 7; cores 2",
    ]
