"""SIGKILL at random moments under load: nothing accepted is lost or repeated, no claim brings two e-mails."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.counts import KILLS, SEED
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import Entry, decisions, outcomes
from tests.harness.load import Load, lost_and_twice
from tests.harness.states import assert_equal_to_replay
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(360 + 32 * KILLS)]

LONGEST_LIFE_SECONDS = 1.5
"""A process is killed at a random moment up to so long after it came up."""

SETTLING_SECONDS = 120.0 + 4 * KILLS
"""How long touches may take to their end after the last kill."""

Record = Callable[[str, object], None]
"""Keeps a figure beside the result of a test."""

FINAL = ("sent", "skipped", "failed", "unknown")


@pytest.fixture
def settings() -> dict[str, str]:
    """Further settings of both processes."""
    return {}


@pytest.fixture
def deployment(tmp_path: Path, settings: dict[str, str]) -> Iterator[Deployment]:
    # So few that kills meet the writing of snapshots.
    with deployed(tmp_path, snapshot_messages="30", **settings) as deployment:
        yield deployment


@pytest.mark.parametrize(
    "settings",
    [{"front": "grpcio", "durability": "process"}, {"front": "native", "durability": "disk"}],
    ids=["grpcio-process", "native-disk"],
)
def test_killed_scorers_lose_and_repeat_nothing(deployment: Deployment, record_property: Record) -> None:
    def kill_and_restart() -> None:
        deployment.scorer.kill()
        deployment.start_scorer()

    check_kills(deployment, kill_and_restart, random.Random(SEED), record_property)


def test_killed_dispatchers_send_each_claim_at_most_once(deployment: Deployment, record_property: Record) -> None:
    # A slow mail server makes it likely that a kill meets a call in hand.
    deployment.sink.answer_delay_seconds = 0.1

    def kill_and_restart() -> None:
        deployment.dispatcher.kill()
        deployment.start_dispatcher()

    check_kills(deployment, kill_and_restart, random.Random(SEED + 1), record_property)


def test_everything_killed_at_once_loses_and_repeats_nothing(deployment: Deployment, record_property: Record) -> None:
    deployment.sink.answer_delay_seconds = 0.1

    def kill_and_restart() -> None:
        deployment.scorer.kill()
        deployment.dispatcher.kill()
        deployment.nats.kill()
        deployment.nats.start()
        deployment.start()

    check_kills(deployment, kill_and_restart, random.Random(SEED + 2), record_property)


def check_kills(
    deployment: Deployment, kill_and_restart: Callable[[], None], moments: random.Random, record: Record
) -> None:
    """Kills under load, then lets everything come to rest and counts."""
    deployment.start()
    load = Load(deployment, callers=2, pause_seconds=0.02)
    load.start()
    try:
        load.wait_for_accepted(50, within=60)
        for _ in range(KILLS):
            # The random moment is what is tested, there is no event to wait for.
            time.sleep(moments.uniform(0, LONGEST_LIFE_SECONDS))
            kill_and_restart()
        deployment.wait_until_deciding()
        load.wait_for_accepted(50, within=60)
    finally:
        load.stop()
    # What was decided meanwhile leaves as fast as it can.
    deployment.sink.answer_delay_seconds = 0.0
    deployment.wait_until_published()
    journal = eventually(lambda: settled(deployment), within=SETTLING_SECONDS, what="every contact has its outcome")
    record_figures(deployment, load, journal, record)
    faults = lost_and_twice(deployment, load, journal)
    for fault, names in faults.items():
        record(fault, len(names))
    assert not any(faults.values()), faults
    assert_claims_sent_once(deployment, journal)
    deployment.scorer.stop()
    replayed = deployment.directory / "replayed"
    assert_equal_to_replay(deployment.data_directory, replayed, deployment.keys, deployment.nats_url)


def settled(deployment: Deployment) -> list[Entry] | None:
    """The journal, once every decided contact in it has ended and every message that arrived is accounted for."""
    arrived = arrived_sends(deployment)
    journal = deployment.journal()
    ended = {outcome.send_id for kind in FINAL for outcome in outcomes(journal, kind)}
    may_have_left = {outcome.send_id for kind in ("sent", "unknown") for outcome in outcomes(journal, kind)}
    return journal if contacted(journal) <= ended and arrived <= may_have_left else None


def contacted(journal: list[Entry]) -> set[str]:
    """Send ids of the decisions that chose to write."""
    records = decisions(journal)
    return {record.send_id for record in records if record.candidates[record.chosen].action.action_id != "none"}


def arrived_sends(deployment: Deployment) -> set[str]:
    """Send ids of the messages that reached the mail server."""
    return {delivery.message_id.strip("<>").partition("@")[0] for delivery in deployment.sink.deliveries()}


def assert_claims_sent_once(deployment: Deployment, journal: list[Entry]) -> None:
    """No message arrived twice, what is reported sent has arrived, and no send is reported in two ways."""
    assert not deployment.sink.repeated()
    sent = {outcome.send_id for outcome in outcomes(journal, "sent")}
    assert sent, "the load brought no e-mail"
    assert sent <= arrived_sends(deployment)
    reports = {
        (entry.outcome.send_id, entry.event.event_id)
        for entry in journal
        if entry.outcome.WhichOneof("outcome") in ("sent", "failed", "unknown")
    }
    counts = Counter(send_id for send_id, _ in reports)
    assert not [send_id for send_id, count in counts.items() if count > 1]


def record_figures(deployment: Deployment, load: Load, journal: list[Entry], record: Record) -> None:
    """What the kills met."""
    record("events accepted", len(load.accepted))
    record("events unanswered", len(load.unanswered))
    record("decisions answered", len(load.decided))
    record("e-mails", len(deployment.sink.deliveries()))
    record("sends of unknown fate", len(outcomes(journal, "unknown")))
