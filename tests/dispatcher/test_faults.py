"""Peers that are slow or away: nothing is lost, nothing happens twice."""

import asyncio

import pytest

from cart_recovery.v1.scoring_pb2 import ConfirmRequest
from dispatcher import metrics
from tests.dispatcher.conftest import Start
from tests.dispatcher.servers import NatsServer
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]


def redeliveries() -> float:
    return sum(sample.value for metric in metrics.REDELIVERIES.collect() for sample in metric.samples)


async def test_touch_in_hand_for_long_is_not_delivered_again(world: World, start: Start) -> None:
    world.change(provider_timeout_seconds=0.2, scorer_patience_seconds=10.0)

    async def slow(request: ConfirmRequest) -> None:
        if len(world.scorer.confirms) == 1:
            # Several times the wait after which the server would deliver again.
            await asyncio.sleep(3)

    world.scorer.answer = slow
    before = redeliveries()
    await start()
    await world.decide()
    await world.scorer.outcome("sent")
    assert redeliveries() == before
    assert len(world.scorer.confirms) == 3


async def test_scorer_away_only_delays(world: World, start: Start) -> None:
    world.change(scorer_patience_seconds=20.0)
    running = await start()
    world.scorer.away = True
    await world.decide()
    while not world.scorer.confirms:  # noqa: ASYNC110 - the call that fails is all there is to see
        await asyncio.sleep(0.05)
    world.scorer.away = False
    await world.scorer.outcome("sent")
    assert len(world.mail.accepted) == 1
    await running.stop()


async def test_nats_killed_and_back_sends_once(world: World, start: Start, broker: NatsServer) -> None:
    stuck, go_on = asyncio.Event(), asyncio.Event()

    async def hold(request: ConfirmRequest) -> None:
        if request.claimed:
            stuck.set()
            await go_on.wait()

    world.scorer.answer = hold
    world.change(scorer_patience_seconds=20.0)
    await start()
    await world.decide()
    await stuck.wait()
    broker.kill()
    go_on.set()
    await asyncio.to_thread(broker.start)
    await world.scorer.outcome("sent", timeout_seconds=60)
    assert len(world.mail.accepted) == 1
    await world.decide()
    await world.scorer.outcome("sent", count=2, timeout_seconds=60)
    assert len(world.mail.accepted) == 2
