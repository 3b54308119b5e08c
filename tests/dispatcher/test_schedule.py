"""The schedule port: the same behaviour from JetStream and from the heap."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

import nats.errors
import pytest
import pytest_asyncio
from nats.js import JetStreamContext

from cart_recovery.v1.channel_pb2 import Channel
from dispatcher.clock import MICROS
from dispatcher.schedule import HeapSchedule, JetStreamSchedule, Schedule, decode, encode
from dispatcher.streams import create_streams, due_consumer
from dispatcher.touch import Touch
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Subject(Protocol):
    """A schedule and a way to see what falls due."""

    @property
    def schedule(self) -> Schedule: ...

    async def due(self, seconds: float) -> list[Touch]:
        """What has fallen due `seconds` from now."""


class Server:
    def __init__(self, schedule: JetStreamSchedule, subscription: JetStreamContext.PullSubscription) -> None:
        self.schedule = schedule
        self._subscription = subscription

    async def due(self, seconds: float) -> list[Touch]:
        touches: list[Touch] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = (await self._subscription.fetch(1, timeout=left))[0]
            except nats.errors.TimeoutError:
                break
            await message.ack_sync()
            touches.append(decode(message.data, message.headers or {}))
        return touches


class Heap:
    def __init__(self) -> None:
        self.schedule = HeapSchedule()

    async def due(self, seconds: float) -> list[Touch]:
        return self.schedule.fire(now() + round(seconds * MICROS))


@pytest_asyncio.fixture(params=["server", "heap"])
async def subject(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Subject]:
    if request.param == "heap":
        yield Heap()
        return
    await create_streams(world.js, world.settings)
    subscription = await due_consumer(world.js, "email", world.settings)
    yield Server(JetStreamSchedule(world.js, ttl_seconds=3600, jitter_seconds=0), subscription)


def now() -> int:
    return time.time_ns() // 1000


def a_touch() -> Touch:
    return Touch(
        storefront_id="shop",
        aliases=(secrets.token_bytes(16), secrets.token_bytes(16)),
        decision_id=secrets.token_hex(16),
        send_id=secrets.token_hex(16),
        channel=Channel.CHANNEL_EMAIL,
        number=1,
        first_due_micros=now(),
        journal_sequence=7,
    )


async def test_touch_falls_due_whole_and_once(subject: Subject) -> None:
    touch = a_touch()
    await subject.schedule.put(touch, now() + MICROS)
    assert await subject.due(3) == [touch]
    assert await subject.due(1) == []


async def test_touch_does_not_fall_due_early(subject: Subject) -> None:
    await subject.schedule.put(a_touch(), now() + 3600 * MICROS)
    assert await subject.due(1.2) == []


async def test_past_due_touch_falls_due_at_once(subject: Subject) -> None:
    touch = a_touch()
    await subject.schedule.put(touch, now() - 3600 * MICROS)
    assert await subject.due(2) == [touch]


async def test_new_schedule_of_a_touch_replaces_the_old(subject: Subject) -> None:
    touch = a_touch()
    await subject.schedule.put(touch, now() + MICROS)
    await subject.schedule.put(touch, now() + 3600 * MICROS)
    assert await subject.schedule.pending(touch.customer) == [touch]
    assert await subject.due(2.2) == []


async def test_cancelled_touch_never_falls_due_and_others_do(subject: Subject) -> None:
    dropped, kept = a_touch(), a_touch()
    kept = replace(kept, aliases=dropped.aliases)
    for touch in (dropped, kept):
        await subject.schedule.put(touch, now() + MICROS)
    await subject.schedule.cancel(dropped)
    await subject.schedule.cancel(dropped)
    assert await subject.schedule.pending(dropped.customer) == [kept]
    assert await subject.due(3) == [kept]
    assert await subject.schedule.pending(dropped.customer) == []


async def test_two_decisions_of_one_send_wait_side_by_side(subject: Subject) -> None:
    first = a_touch()
    second = replace(first, decision_id=secrets.token_hex(16))
    for touch in (first, second):
        await subject.schedule.put(touch, now() + MICROS)
    due = await subject.due(3)
    assert {touch.decision_id for touch in due} == {first.decision_id, second.decision_id}


async def test_undecided_touch_keeps_its_fields_on_the_wire() -> None:
    await asyncio.sleep(0)
    later = replace(a_touch(), send_id="", channel=Channel.CHANNEL_UNSPECIFIED, number=2)
    assert decode(*encode(later)) == later
    assert not later.decided


async def test_heap_fires_in_order_of_time() -> None:
    await asyncio.sleep(0)
    heap = HeapSchedule()
    touches = [a_touch() for _ in range(20)]
    for offset, touch in enumerate(touches):
        await heap.put(touch, (37 * offset) % 20)
    assert heap.due_time() == 0
    early = heap.fire(9)
    late = heap.fire(19)
    assert early + late == sorted(touches, key=lambda touch: (37 * touches.index(touch)) % 20)
    assert len(early) == 10 and heap.due_time() is None
