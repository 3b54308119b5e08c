"""From a decision in the journal to an e-mail, and to the outcome in the journal again."""

import asyncio

import pytest

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ConfirmResponse, DecidedAnew, Skip, Trigger, WaitUntil
from tests.dispatcher.conftest import Start
from tests.dispatcher.world import ADDRESS, World, policy

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_decision_becomes_one_email_and_one_outcome(world: World, start: Start) -> None:
    await start()
    record = await world.decide()
    sent = await world.scorer.outcome("sent")
    assert (sent.decision_id, sent.send_id, sent.touch) == (record.decision_id, record.send_id, 1)
    assert sent.provider == "smtp" and not sent.sent.crossed
    assert world.mail.recipients == [ADDRESS]
    message = world.mail.accepted[0]
    assert message["Message-ID"] == f"<{record.send_id}@shop.example>" == sent.provider_message_id
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert world.scorer.outcomes("scheduled")[0].send_id == record.send_id


async def test_claim_is_confirmed_at_the_journals_end(world: World, start: Start) -> None:
    await start()
    await world.decide()
    sent = await world.scorer.outcome("sent")
    first, second, third = world.scorer.confirms
    assert not first.claimed and second.claimed and third.claimed
    assert second.minimum_sequence == sent.sent.claimed_sequence >= first.minimum_sequence
    assert third.minimum_sequence >= second.minimum_sequence


async def test_nothing_leaves_where_none_was_chosen(world: World, start: Start) -> None:
    running = await start()
    await world.decide(channel=Channel.CHANNEL_NONE)
    await running.settled()
    assert not world.mail.accepted and not world.scorer.events


async def test_unserved_channel_is_skipped_with_its_reason(world: World, start: Start) -> None:
    running = await start()
    await world.decide(channel=Channel.CHANNEL_SMS)
    skipped = await world.scorer.outcome("skipped")
    assert skipped.skipped.reason == Reason.REASON_CHANNEL_UNAVAILABLE
    assert not world.mail.accepted
    await running.stop()


async def test_person_without_address_is_skipped(world: World, start: Start) -> None:
    await start()
    await world.decide(address=None)
    assert (await world.scorer.outcome("skipped")).skipped.reason == Reason.REASON_NOT_REACHABLE


async def test_order_before_the_claim_is_confirmed_skips(world: World, start: Start) -> None:
    async def ordered_meanwhile(request: ConfirmRequest) -> ConfirmResponse | None:
        if not request.claimed:
            return None
        return ConfirmResponse(skip=Skip(reason=Reason.REASON_CART_ORDERED))

    world.scorer.answer = ordered_meanwhile
    await start()
    await world.decide()
    assert (await world.scorer.outcome("skipped")).skipped.reason == Reason.REASON_CART_ORDERED
    assert not world.mail.accepted


async def test_order_during_the_provider_call_is_reported_as_crossed(world: World, start: Start) -> None:
    async def ordered_after_the_call(request: ConfirmRequest) -> ConfirmResponse | None:
        if not world.mail.accepted:
            return None
        return ConfirmResponse(skip=Skip(reason=Reason.REASON_CART_ORDERED), state_sequence=77)

    world.scorer.answer = ordered_after_the_call
    await start()
    await world.decide()
    sent = (await world.scorer.outcome("sent")).sent
    assert sent.crossed and sent.checked_sequence == 77


async def test_order_cancels_a_pending_touch_before_it_is_due(world: World, start: Start) -> None:
    running = await start()
    record = await world.decide(delay_micros=3_600_000_000)
    await world.scorer.outcome("scheduled")
    world.scorer.skip[record.decision_id] = Skip(reason=Reason.REASON_CART_ORDERED, ends_sequence=True)
    sequence = await world.order(record)
    assert (await world.scorer.outcome("skipped")).skipped.reason == Reason.REASON_CART_ORDERED
    assert world.scorer.confirms[0].minimum_sequence == sequence
    await running.settled()
    info = await world.js.stream_info("TOUCHES")
    assert info.state.messages == 0


async def test_quiet_hours_wait_by_a_new_schedule(world: World, start: Start) -> None:
    async def quiet_once(request: ConfirmRequest) -> ConfirmResponse | None:
        if len(world.scorer.confirms) > 1:
            return None
        wait = WaitUntil(reason=Reason.REASON_QUIET_HOURS)
        wait.time.GetCurrentTime()
        return ConfirmResponse(wait_until=wait)

    world.scorer.answer = quiet_once
    await start()
    await world.decide()
    await world.scorer.outcome("sent")
    assert len(world.mail.accepted) == 1


async def test_scorer_behind_is_asked_again(world: World, start: Start) -> None:
    world.scorer.behind_answers = 3
    await start()
    await world.decide()
    await world.scorer.outcome("sent")
    assert len(world.mail.accepted) == 1


async def test_second_decision_of_the_same_send_is_not_sent_again(world: World, start: Start) -> None:
    await start()
    record = await world.decide()
    await world.scorer.outcome("sent")
    other = await world.decide(alias=record.aliases[0], send_id=record.send_id, trigger=Trigger.TRIGGER_EXIT_INTENT)
    skipped = await world.scorer.outcome("skipped")
    assert skipped.decision_id == other.decision_id
    assert skipped.skipped.reason == Reason.REASON_ALREADY_CLAIMED
    assert len(world.mail.accepted) == 1


async def test_superseded_decision_leaves_the_send_to_its_successor(world: World, start: Start) -> None:
    await start()
    first = await world.decide(delay_micros=1_500_000)
    world.scorer.skip[first.decision_id] = Skip(reason=Reason.REASON_DECISION_SUPERSEDED, ends_sequence=True)
    second = await world.decide(alias=first.aliases[0], send_id=first.send_id, delay_micros=3_000_000)
    sent = await world.scorer.outcome("sent")
    assert sent.decision_id == second.decision_id
    assert world.scorer.outcomes("skipped")[0].decision_id == first.decision_id


async def test_later_touch_is_decided_when_due_and_sent_once(world: World, start: Start) -> None:
    world.activate(policy(max_touches=2))
    later: list[str] = []

    async def decide_later(request: ConfirmRequest) -> ConfirmResponse | None:
        if request.touch != 2:
            return None
        if not later:
            record = await world.decide(touch=2, trigger=Trigger.TRIGGER_TOUCH_DUE)
            later.append(record.decision_id)
        return ConfirmResponse(decided_anew=DecidedAnew(decision_id=later[0]))

    world.scorer.answer = decide_later
    running = await start()
    first = await world.decide()
    await world.scorer.outcome("sent", count=2)
    await running.settled()
    assert [outcome.touch for outcome in world.scorer.outcomes("sent")] == [1, 2]
    asked = [request for request in world.scorer.confirms if request.touch]
    assert [(request.decision_id, request.touch) for request in asked] == [(first.decision_id, 2)]
    assert len(world.mail.accepted) == 2


async def test_stop_finishes_the_touch_in_hand(world: World, start: Start) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: ConfirmRequest) -> None:
        asked.set()
        await go_on.wait()

    world.scorer.answer = slow
    running = await start()
    await world.decide()
    await asked.wait()
    await running.dispatcher.stop()
    go_on.set()
    await running.task
    assert len(world.mail.accepted) == 1 and len(world.scorer.outcomes("sent")) == 1
