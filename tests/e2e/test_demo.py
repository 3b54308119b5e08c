"""The demo from an empty directory to its figures, and what it invites a person to look at afterwards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.children import child_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEMO_SECONDS = 400


def command(*words: str, seconds: int = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cart_recovery.cli", *words],
        capture_output=True,
        text=True,
        env=child_environment({}),
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def told(directory: Path) -> "subprocess.CompletedProcess[str]":
    return command("demo", "--json", "--data", str(directory), seconds=DEMO_SECONDS)


@pytest.fixture(scope="module")
def figures(told: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert told.returncode == 0, told.stderr[-3000:]
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_the_story_tells_every_turn_it_can_take(told: "subprocess.CompletedProcess[str]") -> None:
    for words in (
        "an e-mail in",
        "with an offer",
        "in the holdout",
        "not written to",
        "reaches",
        "clicks the link",
        "comes back and buys",
        "uses the offer and saves",
        "is not sent: the cart was ordered",
        "unsubscribes with one click",
    ):
        assert words in told.stderr


def test_the_figures_are_complete_and_consistent(figures: dict[str, Any]) -> None:
    assert figures["abandoned"] >= figures["eligible"] > 0
    assert figures["contacted"] > 0 and figures["held_out"] > 0
    assert figures["contacted"] + figures["held_out"] <= figures["abandoned"]
    assert figures["discount_cost_minor"] > 0
    incremental = figures["incremental_revenue"]
    assert incremental["low"] < incremental["estimate"] < incremental["high"]
    assert 0 < figures["latency"]["p50_micros"] <= figures["latency"]["p99_micros"]


def test_every_decision_is_executed_again_bit_for_bit(figures: dict[str, Any], directory: Path) -> None:
    replayed = command("decision", "replay", "--all", "--json", "--data", str(directory / "demo"))
    assert replayed.returncode == 0, replayed.stdout
    assert json.loads(replayed.stdout)["decisions"] > figures["abandoned"] / 2


def test_an_email_can_be_opened(figures: dict[str, Any], directory: Path) -> None:
    opened = command("inbox", "1", "--data", str(directory / "demo"))
    assert opened.returncode == 0
    assert "unsubscribe" in opened.stdout.lower()
