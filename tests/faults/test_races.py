"""An order or opt-out races against a due send: what the journal had before the claim is never sent."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import MessageOutcome
from tests.harness.claims import ClaimWatch
from tests.harness.counts import RACES, SEED
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import Entry, Stored, decisions, outcomes, read_stream
from tests.harness.policy import quick_policy
from tests.harness.shop import Shop, Shopper
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180 + 3 * RACES)]

WAVE = 16
"""Shoppers whose sends fall due together; the dispatcher has half as many in hand at once."""

DELAY_SECONDS = 2
EARLIEST_SECONDS = -0.5
LATEST_SECONDS = 1.5
"""When the order or opt-out is tracked, seconds from the due time."""

AIMED_SECONDS = 0.03
"""An aimed rival is tracked at a random moment up to so long after the claim was stored."""

PROVIDER_SECONDS = 0.4
"""How long the mail server thinks: time enough for some to cross the message."""

MANY = 100
"""From so many races on every way to finish must have been met."""

CLOSE = timedelta(milliseconds=100)

FINAL = ("sent", "skipped", "failed", "unknown")


@dataclass(frozen=True)
class Race:
    """One shopper's send and what raced against it."""

    shopper: Shopper
    rival: Event


@dataclass(frozen=True)
class Finish:
    """How a race ended, as the streams tell."""

    rival_sequence: int
    rival_time: datetime
    outcome: MessageOutcome
    claim_time: datetime | None
    """When the ledger stored the first claim."""
    after_sequence: int
    """JOURNAL's last sequence right after the provider's answer, as the ledger has it."""
    arrived: int


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, policy=quick_policy(delay_seconds=DELAY_SECONDS)) as deployment:
        deployment.sink.answer_delay_seconds = PROVIDER_SECONDS
        deployment.start()
        yield deployment


def test_nothing_is_sent_that_the_journal_forbade_before_the_claim(deployment: Deployment) -> None:
    moments, shop = random.Random(SEED), Shop(seed=SEED)
    races: list[Race] = []
    with ClaimWatch(deployment.nats_url, random.Random(SEED), longest_seconds=AIMED_SECONDS) as watch:
        while len(races) < RACES:
            races.extend(run_wave(deployment, watch, shop, moments, min(WAVE, RACES - len(races))))
        journal = eventually(lambda: all_ended(deployment, races), within=60, what="every race has its outcome")
    ledger = read_stream(deployment.nats_url, "LEDGER")
    finishes = [finish_of(deployment, race, journal, ledger) for race in races]
    for finish in finishes:
        check(finish)
    print_figures(finishes)
    kinds = {finish.outcome.WhichOneof("outcome") for finish in finishes}
    assert kinds == {"sent", "skipped"}, "the races were not close"
    if len(races) >= MANY:
        assert any(finish.outcome.sent.crossed for finish in finishes), "no rival met a call of the mail server"


def check(finish: Finish) -> None:
    """The law of one race."""
    if finish.outcome.WhichOneof("outcome") == "skipped":
        assert finish.arrived == 0
        return
    assert finish.outcome.HasField("sent")
    assert finish.arrived == 1
    assert finish.claim_time is not None
    sent = finish.outcome.sent
    assert finish.rival_sequence > sent.claimed_sequence, "sent though journalled before the claim was confirmed"
    assert finish.rival_time >= finish.claim_time, "sent though journalled before the claim"
    assert 0 < finish.after_sequence <= sent.checked_sequence
    assert sent.crossed == (finish.rival_sequence <= sent.checked_sequence)


def run_wave(deployment: Deployment, watch: ClaimWatch, shop: Shop, moments: random.Random, size: int) -> list[Race]:
    """Lets so many carts be abandoned together; half of the rivals aim at the claim, half at the due time."""
    shoppers = [shop.shopper() for _ in range(size)]
    deployment.track_all([event for shopper in shoppers for event in shop.abandoning(shopper)])
    carts = {deployment.token("cart", shopper.cart_id): shopper for shopper in shoppers}
    decided = eventually(lambda: decided_carts(deployment, carts), within=60, what="a decision for each cart")
    races, timers = [], []
    for number, (shopper, record) in enumerate(decided):
        rival = shop.ordered(shopper) if moments.random() < 0.5 else shop.opted_out(shopper)
        races.append(Race(shopper, rival))
        track = partial(deployment.track_all, [rival])
        if number % 2:
            watch.when_claimed(record.send_id, track)
        else:
            due = record.candidates[record.chosen].action.send_time.ToMicroseconds() / 1e6
            moment = due + moments.uniform(EARLIEST_SECONDS, LATEST_SECONDS)
            timers.append(threading.Timer(max(0.0, moment - time.time()), track))
    for timer in timers:
        timer.start()
    for timer in timers:
        timer.join()
    return races


def decided_carts(deployment: Deployment, carts: dict[str, Shopper]) -> list[tuple[Shopper, DecisionRecord]] | None:
    """Each cart's decision; None until every cart has one."""
    records = {record.request.cart_id: record for record in decisions(deployment.journal())}
    return [(carts[cart], records[cart]) for cart in carts] if carts.keys() <= records.keys() else None


def all_ended(deployment: Deployment, races: list[Race]) -> list[Entry] | None:
    """The journal, once it holds every rival and an outcome of every send."""
    journal = deployment.journal()
    events = {entry.event.event_id for entry in journal}
    ended = {outcome.send_id for kind in FINAL for outcome in outcomes(journal, kind)}
    rivals = {deployment.token("event", race.rival.event_id) for race in races}
    sends = {record.send_id for record in decisions(journal)}
    return journal if rivals <= events and sends <= ended else None


def finish_of(deployment: Deployment, race: Race, journal: list[Entry], ledger: list[Stored]) -> Finish:
    """Puts together what the streams say about one race."""
    token = deployment.token("event", race.rival.event_id)
    rival = next(entry for entry in journal if entry.event.event_id == token)
    cart = deployment.token("cart", race.shopper.cart_id)
    send_id = next(record.send_id for record in decisions(journal) if record.request.cart_id == cart)
    own = [entry for entry in journal if entry.outcome.send_id == send_id]
    # Reported twice under one event id, an outcome counts once.
    ends = {entry.event.event_id: entry.outcome for entry in own if entry.outcome.WhichOneof("outcome") in FINAL}
    assert len(ends) == 1, f"{len(ends)} different outcomes of one send"
    steps = [entry for entry in ledger if entry.subject == f"led.{send_id}"]
    claims = [entry.time for entry in steps if entry.headers["Ledger-Stage"] == "claimed"]
    return Finish(
        rival_sequence=rival.sequence,
        rival_time=rival.time,
        outcome=next(iter(ends.values())),
        claim_time=min(claims, default=None),
        after_sequence=int(steps[-1].headers["Ledger-After-Sequence"]),
        arrived=len(deployment.sink.deliveries(race.shopper.email)),
    )


def print_figures(finishes: list[Finish]) -> None:
    """How close the races were."""
    sent = [finish.outcome.sent for finish in finishes if finish.outcome.HasField("sent")]
    crossed = sum(one.crossed for one in sent)
    gaps = [finish.rival_time - finish.claim_time for finish in finishes if finish.claim_time is not None]
    close = sum(abs(gap) < CLOSE for gap in gaps)
    print(f"races {len(finishes)}: sent {len(sent)}, of these crossed {crossed}; not sent {len(finishes) - len(sent)}")
    print(f"claimed {len(gaps)}, of these {close} within {CLOSE.total_seconds()} s of the order or opt-out")
