"""SIGTERM: calls in hand are finished, the spool is flushed, and the exit code is 0 within the drain time."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from cart_recovery.v1.event_pb2 import ACKNOWLEDGE_JOURNALED
from tests.harness.client import SCORING
from tests.harness.deployment import Deployment, deployed
from tests.harness.load import Load, assert_exactly_once
from tests.harness.shop import Shop
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DRAIN_SECONDS = 6
ENDING_SECONDS = DRAIN_SECONDS + 5
"""Calls and spool share the drain time; the rest is for the process to end."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, drain_seconds=str(DRAIN_SECONDS)) as deployment:
        yield deployment


def test_a_scorer_that_is_asked_to_stop_loses_nothing(deployment: Deployment) -> None:
    deployment.start_scorer()
    deployment.wait_until_deciding()
    load = Load(deployment)
    load.start()
    try:
        load.wait_for_accepted(100, within=30)
        deployment.scorer.ask_to_stop()
        assert deployment.scorer.wait(within=ENDING_SECONDS) == 0
    finally:
        load.stop()
    assert {failure.code for failure in load.failures} <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert deployment.scorer.log_lines("scorer stopped")[0]["flushed"] is True
    # Nothing was started since: what the journal holds was flushed before the end.
    assert_exactly_once(deployment, load, deployment.journal())


def test_a_call_in_hand_is_answered_while_the_scorer_stops(deployment: Deployment) -> None:
    deployment.start_scorer()
    deployment.wait_until_deciding()
    shop = Shop(seed=81)
    with deployment.client() as client, deployment.client() as watcher:
        client.track(shop.viewed(shop.shopper()), acknowledge=ACKNOWLEDGE_JOURNALED)
        deployment.nats.stop()
        call = client.track_later(shop.viewed(shop.shopper()), acknowledge=ACKNOWLEDGE_JOURNALED, timeout=30)
        eventually(lambda: deployment.metric("spool_depth_messages") > 0, within=10, what="the call is in hand")
        deployment.scorer.ask_to_stop()
        eventually(lambda: watcher.health(SCORING) != "SERVING", within=10, what="health says that it stops")
        deployment.nats.start()
        assert call.result(timeout=30).journal_sequence > 0
        assert deployment.scorer.wait(within=ENDING_SECONDS) == 0


def test_a_scorer_without_nats_stops_within_the_drain_time_and_keeps_its_spool(deployment: Deployment) -> None:
    deployment.start_scorer()
    deployment.wait_until_deciding()
    deployment.nats.stop()
    shop = Shop(seed=82)
    events = shop.abandoning(shop.shopper())
    deployment.track_all(events)
    deployment.scorer.ask_to_stop()
    assert deployment.scorer.wait(within=ENDING_SECONDS) == 0
    deployment.nats.start()
    deployment.start_scorer()
    deployment.wait_until_published()
    found = [entry.event.event_id for entry in deployment.journal() if entry.message.HasField("event")]
    assert found == [deployment.token("event", event.event_id) for event in events]


def test_a_dispatcher_that_is_asked_to_stop_finishes_what_it_has_in_hand(deployment: Deployment) -> None:
    deployment.sink.answer_delay_seconds = 1.0
    deployment.start()
    shop = Shop(seed=83)
    shopper = shop.shopper()
    deployment.track_all(shop.abandoning(shopper))
    sink = deployment.sink
    eventually(lambda: sink.attempts(shopper.email), within=40, what="the call of the mail server")
    assert deployment.dispatcher.stop(within=ENDING_SECONDS) == 0
    assert len(sink.deliveries(shopper.email)) == 1
    deployment.wait_and_read("message_outcome.sent")


def test_a_dispatcher_that_lost_nats_stops(deployment: Deployment) -> None:
    deployment.start()
    deployment.nats.stop()
    deployment.dispatcher.wait_for_log("nats_error", within=10)
    assert deployment.dispatcher.stop(within=ENDING_SECONDS) == 0


def test_a_dispatcher_that_is_just_finding_nats_again_stops(deployment: Deployment) -> None:
    deployment.start()
    deployment.nats.stop()
    deployment.dispatcher.wait_for_log("nats_error", within=10)
    deployment.nats.start()
    assert deployment.dispatcher.stop(within=ENDING_SECONDS) == 0


def test_a_dispatcher_that_never_found_nats_stops(deployment: Deployment) -> None:
    deployment.nats.stop()
    deployment.dispatcher.start()
    deployment.dispatcher.wait_for_log("nats_error", within=30)
    assert deployment.dispatcher.stop(within=ENDING_SECONDS) == 0
