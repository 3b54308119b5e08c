"""Track and Score do without NATS: from the start, under load, and until the spool is full."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from cart_recovery.v1.event_pb2 import ACKNOWLEDGE_JOURNALED, Event
from tests.harness.client import EVENTS, SCORING, Client, refusal_of
from tests.harness.counts import AWAY_SECONDS
from tests.harness.deployment import Deployment, deployed
from tests.harness.load import Load, assert_exactly_once
from tests.harness.shop import Shop
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

LEAST_SPOOL_BYTES = 1 << 20
EVENTS_THAT_FILL_IT = 20_000

LEAST_PACE = 20
"""Events a second that must be taken without NATS; the load brings some hundred."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path) as deployment:
        yield deployment


def test_without_nats_at_start_events_are_taken_and_decisions_are_not(deployment: Deployment) -> None:
    shop = Shop(seed=31)
    shopper = shop.shopper()
    deployment.nats.stop()
    deployment.start_scorer()
    with deployment.client() as client:
        assert client.health(EVENTS) == "SERVING"
        assert client.health(SCORING) == "NOT_SERVING"
        assert client.health() == "NOT_SERVING"
        early = shop.abandoning(shopper)
        for event in early:
            client.track(event)
        with pytest.raises(grpc.RpcError) as caught:
            client.score(shop.score(shopper))
        refusal = refusal_of(caught.value)
        assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert refusal.reason == "REASON_STATE_NOT_LOADED"
        assert deployment.metric("spool_depth_messages") == len(early)
        deployment.nats.start()
        deployment.wait_until_deciding()
        client.track(shop.viewed(shopper), acknowledge=ACKNOWLEDGE_JOURNALED, timeout=30)
    journal = deployment.journal()
    events = [entry.event.event_id for entry in journal if entry.message.HasField("event")]
    assert events[: len(early)] == [deployment.token("event", event.event_id) for event in early]
    assert not [entry for entry in journal[: len(early)] if entry.message.HasField("decision")]


def test_nats_lost_under_load_loses_and_repeats_nothing(deployment: Deployment) -> None:
    deployment.start()
    load = Load(deployment)
    load.start()
    try:
        load.wait_for_accepted(100, within=30)
        deployment.nats.kill()
        accepted, decided = len(load.accepted), len(load.decided)
        # How long the outage lasts is what is tested, there is no event to wait for.
        time.sleep(AWAY_SECONDS)
        # The pace without NATS shows that neither call waits for it.
        assert len(load.accepted) - accepted > LEAST_PACE * AWAY_SECONDS
        assert len(load.decided) - decided > LEAST_PACE * AWAY_SECONDS / 8
        deployment.nats.start()
        load.wait_for_accepted(100, within=60)
    finally:
        load.stop()
    assert not load.failures
    deployment.wait_until_published()
    assert_exactly_once(deployment, load, deployment.journal())
    print(
        f"NATS away for {AWAY_SECONDS} s: {len(load.accepted)} events accepted, {len(load.decided)} decisions answered"
    )


def test_a_full_spool_refuses_until_it_is_drained(tmp_path: Path) -> None:
    with deployed(tmp_path, spool_limit_bytes=str(LEAST_SPOOL_BYTES)) as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        deployment.nats.stop()
        shop = Shop(seed=32)
        with deployment.client() as client:
            accepted = fill_spool(client, shop)
            with pytest.raises(grpc.RpcError) as caught:
                client.score(shop.score(shop.shopper()))
            assert refusal_of(caught.value).reason == "REASON_SPOOL_FULL"
            client.score(shop.score(shop.shopper(), dry_run=True))
            deployment.nats.start()
            late = shop.viewed(shop.shopper())
            eventually(lambda: is_accepted(client, late), within=60, what="room in the spool")
        deployment.wait_until_published()
        tokens = Counter(entry.event.event_id for entry in deployment.journal() if entry.message.HasField("event"))
        expected = {deployment.token("event", event_id) for event_id in [*accepted, late.event_id]}
        assert {tokens[one] for one in expected} == {1}
        # The cart that came with the refused Score may fit where its decision did not.
        assert len(tokens.keys() - expected) <= 1


def fill_spool(client: Client, shop: Shop) -> list[str]:
    """Tracks until the spool is full; returns the ids of the accepted events."""
    accepted: list[str] = []
    shopper = shop.shopper()
    for _ in range(EVENTS_THAT_FILL_IT):
        event = shop.cart_updated(shopper)
        try:
            client.track(event)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refusal.reason == "REASON_SPOOL_FULL"
            assert refusal.retry_after is not None
            return accepted
        accepted.append(event.event_id)
    pytest.fail("the spool was never full")


def is_accepted(client: Client, event: Event) -> bool:
    """Whether Track takes the event now."""
    try:
        client.track(event)
    except grpc.RpcError:
        return False
    return True
