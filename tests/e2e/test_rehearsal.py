"""A rehearsal is the live system on a file's clock: it takes the decisions that a backtest of the same file takes."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.decisions import decisions_of
from audit.journal import read_journal
from cart_recovery.nats_server import NatsServer
from tests.evaluation_files import evaluation_file
from tests.file_counts import abandoned_carts, rees46_events

ASSUMED = ["--map", "rees46", "--assume-consent", "--assume-addresses"]
COLUMNS = ["event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price"]
COLUMNS += ["user_id", "user_session"]
T_SECONDS = 1800


def small_shop(path: Path) -> None:
    """Forty sessions: each looks and puts into the cart, every third buys, every fifth looks again much later."""
    rows = []
    for session in range(40):
        product, price = 100 + session % 7, f"{20 + session}.50"
        person = [str(product), "9", "shoes.boots", "elm", price, str(session % 31), f"session-{session}"]
        minutes = [(0, "view"), (2, "cart")]
        minutes += [(9, "purchase")] * (session % 3 == 0) + [(100, "view")] * (session % 5 == 0)
        rows += [(session * 3 + minute, kind, person) for minute, kind in minutes]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for minute, kind, person in sorted(rows, key=lambda row: row[0]):
            writer.writerow([f"2025-03-04 {9 + minute // 60:02}:{minute % 60:02}:00 UTC", kind, *person])


def command(data: Path, name: str, *words: str) -> dict[str, Any]:
    """Runs a command to its end; returns its JSON."""
    ended = subprocess.run(
        [sys.executable, "-m", "cart_recovery.cli", name, *words, "--data", str(data), "--json"],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def decisions_of_backtest(path: Path) -> dict[str, tuple[int, str, str]]:
    """Touch, action and time of every decision, by its id."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["decision_id"]: (row["touch"], row["action"], row["time"]) for row in rows}


def decisions_of_rehearsal(data: Path) -> dict[str, tuple[int, str, str]]:
    with NatsServer(data / "rehearsal" / "nats") as server:
        records = decisions_of(read_journal(server.url)).values()
    return {
        record.decision_id: (
            record.touch,
            record.candidates[record.chosen].action.action_id,
            record.clock.ToJsonString(),
        )
        for record in records
    }


def check(file: Path, data: Path) -> None:
    """Rehearses and backtests one file and compares."""
    decisions = data / "decisions.jsonl"
    data.mkdir()
    backtest = command(data, "backtest", str(file), *ASSUMED, "--decisions", str(decisions))
    rehearsal = command(data, "rehearse", str(file), *ASSUMED)
    abandoned = abandoned_carts(rees46_events(file), abandonment_seconds=T_SECONDS)
    assert abandoned > 0
    assert backtest["counts"]["abandoned_carts"] == rehearsal["inactivity_decisions"] == abandoned
    assert rehearsal["emails"] + rehearsal["skipped"] == rehearsal["contacted_decisions"]
    assert rehearsal["emails"] == len(list((data / "rehearsal" / "inbox").glob("*.eml"))) > 0
    assert rehearsal["emails"] == backtest["sends"]
    expected = decisions_of_backtest(decisions)
    assert decisions_of_rehearsal(data) == expected
    assert len({action for _, action, _ in expected.values()}) > 1
    assert {touch for touch, _, _ in expected.values()} >= {1, 2}
    replayed = subprocess.run(
        [sys.executable, "-m", "cart_recovery.cli", "decision", "replay", "--all", "--data", str(data / "rehearsal")],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert replayed.returncode == 0, replayed.stdout.decode()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_rehearsal_takes_the_decisions_of_a_backtest(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    small_shop(file)
    check(file, tmp_path / "data")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_rehearsal_of_a_public_file_takes_the_decisions_of_a_backtest(tmp_path: Path) -> None:
    check(evaluation_file("rees46_2019_oct_3h.csv.gz"), tmp_path / "data")
