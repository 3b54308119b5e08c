"""The worker pulls while it may, and not one message more."""

import asyncio

import pytest
from nats.aio.msg import Msg

from dispatcher import streams
from dispatcher.worker import Worker
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_stop_while_waiting_for_a_place_pulls_no_more(world: World) -> None:
    world.change(concurrency=1)
    in_hand, go_on = asyncio.Event(), asyncio.Event()
    handled: list[Msg] = []

    async def handle(message: Msg) -> None:
        handled.append(message)
        in_hand.set()
        await go_on.wait()

    async def bury(_message: Msg) -> None:
        raise AssertionError("nothing is to be buried")

    await world.decide()
    await world.decide()
    consumer = await streams.decisions_consumer(world.js, world.settings)
    worker = Worker("decisions", consumer, handle, bury, world.settings, world.js)
    stopping = asyncio.Event()
    running = asyncio.create_task(worker.run(stopping))
    await in_hand.wait()
    stopping.set()
    go_on.set()
    await running
    assert len(handled) == 1
    consumed = await consumer.consumer_info()
    assert (consumed.num_pending, consumed.num_ack_pending) == (1, 0)
