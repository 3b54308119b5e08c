"""A rehearsal: the same dispatcher on a clock that somebody steps, with touches due only when fired."""

import secrets

import pytest

from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import CapReservation, Skip
from dispatcher.clock import MICROS, SteppedClock
from tests.dispatcher.conftest import Start
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

START_MICROS = 1_760_000_000 * MICROS
HOUR_MICROS = 3_600 * MICROS


async def test_nothing_leaves_before_its_time_is_fired(world: World, start: Start) -> None:
    clock = SteppedClock(START_MICROS)
    dispatcher = (running := await start(rehearsal_clock=clock)).dispatcher
    await world.decide(now_micros=START_MICROS, delay_micros=HOUR_MICROS)
    await running.settled()
    assert dispatcher.next_due() == START_MICROS + HOUR_MICROS
    assert await dispatcher.fire_due(START_MICROS + HOUR_MICROS - 1) == 0
    clock.move_to(START_MICROS + HOUR_MICROS)
    assert await dispatcher.fire_due(clock.now_micros()) == 1
    await running.settled()
    assert dispatcher.next_due() is None
    sent = world.scorer.outcomes("sent")[0]
    assert sent.sent.sent_time.ToMicroseconds() == START_MICROS + HOUR_MICROS
    assert world.mail.accepted[0]["Date"] == "Thu, 09 Oct 2025 09:53:20 +0000"


async def test_order_cancels_in_a_rehearsal_too(world: World, start: Start) -> None:
    running = await start(rehearsal_clock=SteppedClock(START_MICROS))
    record = await world.decide(now_micros=START_MICROS, delay_micros=HOUR_MICROS)
    await running.settled()
    world.scorer.skip[record.decision_id] = Skip(reason=Reason.REASON_CART_ORDERED, ends_sequence=True)
    await world.order(record)
    await running.settled()
    assert running.dispatcher.next_due() is None
    assert world.scorer.outcomes("skipped")[0].skipped.reason == Reason.REASON_CART_ORDERED


async def test_cap_windows_follow_the_clock(world: World, start: Start) -> None:
    clock = SteppedClock(START_MICROS)
    running = await start(rehearsal_clock=clock)
    alias = secrets.token_bytes(16)
    cap = CapReservation(rule_id="daily", max_sends=1, window_seconds=86_400)
    for hours in (0, 1, 25):
        await world.decide(alias=alias, now_micros=START_MICROS, delay_micros=hours * HOUR_MICROS, caps=[cap])
    await running.settled()
    while (due_micros := running.dispatcher.next_due()) is not None:
        clock.move_to(due_micros)
        await running.dispatcher.fire_due(due_micros)
    assert len(world.scorer.outcomes("sent")) == 2
    assert [outcome.skipped.reason for outcome in world.scorer.outcomes("skipped")] == [Reason.REASON_CAP_REACHED]


async def test_every_contacted_decision_ends_in_an_email_or_a_reason(world: World, start: Start) -> None:
    clock = SteppedClock(START_MICROS)
    running = await start(rehearsal_clock=clock)
    for index in range(30):
        record = await world.decide(
            now_micros=START_MICROS, delay_micros=index % 7 * HOUR_MICROS, address=None if index % 5 == 0 else "a@b.c"
        )
        if index % 3 == 0:
            world.scorer.skip[record.decision_id] = Skip(reason=Reason.REASON_OUT_OF_STOCK)
    await running.settled()
    while (due_micros := running.dispatcher.next_due()) is not None:
        clock.move_to(due_micros)
        await running.dispatcher.fire_due(due_micros)
    await running.settled()
    assert len(world.mail.accepted) + len(world.scorer.outcomes("skipped")) == 30
    assert len(world.mail.accepted) == len(world.scorer.outcomes("sent"))
