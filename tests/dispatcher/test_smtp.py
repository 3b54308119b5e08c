"""What a mail server can do to a message, and what becomes of the touch."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.clock import MICROS, SteppedClock
from dispatcher.failures import BACKOFF_SECONDS
from tests.dispatcher.conftest import Running, Start
from tests.dispatcher.secure_mail import PASSWORD, TIMEOUT_SECONDS, USER, Authority, linked
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

START_MICROS = 1_760_000_000 * MICROS


async def rehearse(world: World, start: Start) -> tuple[Running, SteppedClock]:
    """One decision at the rehearsal's start, fired once."""
    clock = SteppedClock(START_MICROS)
    running = await start(rehearsal_clock=clock)
    await world.decide(now_micros=START_MICROS)
    await running.settled()
    assert await running.dispatcher.fire_due(START_MICROS) == 1
    return running, clock


async def fire_next(running: Running, clock: SteppedClock) -> None:
    due_micros = running.dispatcher.next_due()
    assert due_micros is not None
    clock.move_to(due_micros)
    await running.dispatcher.fire_due(due_micros)


async def test_transient_refusals_are_retried_with_backoff_and_sent_once(world: World, start: Start) -> None:
    world.mail.behaviour.recipient_replies = ["450 4.2.1 busy"]
    world.mail.behaviour.content_replies = ["451 4.3.0 try later"]
    running, clock = await rehearse(world, start)
    waits = []
    for _ in range(2):
        before = clock.now_micros()
        await fire_next(running, clock)
        waits.append((clock.now_micros() - before) // MICROS)
    assert waits == list(BACKOFF_SECONDS[:2])
    assert len(world.mail.accepted) == 1
    assert len(world.scorer.outcomes("sent")) == 1


async def test_server_that_is_down_is_tried_until_it_is_up(world: World, start: Start) -> None:
    await world.mail.stop()
    running, clock = await rehearse(world, start)
    assert not world.scorer.outcomes("sent", "failed", "unknown")
    await world.mail.start()
    await fire_next(running, clock)
    assert len(world.scorer.outcomes("sent")) == len(world.mail.accepted) == 1


async def test_server_that_stays_down_fails_the_touch_in_the_end(world: World, start: Start) -> None:
    await world.mail.stop()
    running, clock = await rehearse(world, start)
    while running.dispatcher.next_due() is not None:
        await fire_next(running, clock)
    failed = world.scorer.outcomes("failed")[0].failed
    assert not failed.permanent and failed.diagnostic


async def test_unknown_mailbox_fails_with_the_servers_words_but_no_address(world: World, start: Start) -> None:
    world.mail.behaviour.recipient_replies = ["550 5.1.1 <ada@customer.example> does not live here"]
    running, _ = await rehearse(world, start)
    failed = world.scorer.outcomes("failed")[0].failed
    assert failed.permanent
    assert failed.diagnostic == "550 5.1.1 <address> does not live here"
    assert running.dispatcher.next_due() is None


async def test_refused_content_fails_without_blaming_the_address(world: World, start: Start) -> None:
    world.mail.behaviour.content_replies = ["554 5.7.1 spam"]
    await rehearse(world, start)
    failed = world.scorer.outcomes("failed")[0].failed
    assert not failed.permanent and failed.diagnostic == "554 5.7.1 spam"


async def test_connection_lost_after_the_final_dot_is_unknown_and_final(world: World, start: Start) -> None:
    world.mail.behaviour.drop_after_content = True
    running, _ = await rehearse(world, start)
    assert len(world.scorer.outcomes("unknown")) == 1
    assert running.dispatcher.next_due() is None
    assert len(world.mail.accepted) == 1


async def test_hang_before_content_is_retried(world: World, start: Start) -> None:
    world.mail.behaviour.hang_at_recipient = True
    started = time.monotonic()
    running, clock = await rehearse(world, start)
    assert time.monotonic() - started < 5
    world.mail.behaviour.hang_at_recipient = False
    await fire_next(running, clock)
    assert len(world.scorer.outcomes("sent")) == 1


async def test_hang_after_content_is_unknown(world: World, start: Start) -> None:
    world.mail.behaviour.hang_after_content = True
    running, _ = await rehearse(world, start)
    assert len(world.scorer.outcomes("unknown")) == 1
    assert running.dispatcher.next_due() is None


async def test_words_that_are_no_utf8_are_told_all_the_same(world: World, start: Start) -> None:
    world.mail.behaviour.recipient_replies = ["550 5.1.1 Empfänger unbekannt".encode("latin-1")]
    await rehearse(world, start)
    failed = world.scorer.outcomes("failed")[0].failed
    assert failed.permanent and failed.diagnostic == "550 5.1.1 Empf?nger unbekannt"


async def test_refused_login_is_tried_until_it_is_put_right(world: World, start: Start, tmp_path: Path) -> None:
    async with linked(Authority(tmp_path)) as link:
        link.server.password = "another"
        world.change(smtp=link.settings, provider_timeout_seconds=TIMEOUT_SECONDS)
        running, clock = await rehearse(world, start)
        assert not world.scorer.outcomes("sent", "failed", "unknown")
        link.server.password = PASSWORD
        before = clock.now_micros()
        await fire_next(running, clock)
        assert (clock.now_micros() - before) // MICROS == BACKOFF_SECONDS[0]
        assert len(world.scorer.outcomes("sent")) == len(link.server.accepted) == 1


async def test_login_that_stays_refused_fails_the_touch_in_the_end(world: World, start: Start, tmp_path: Path) -> None:
    async with linked(Authority(tmp_path)) as link:
        link.server.password = "another"
        link.server.refusal = f"535 5.7.8 no entry for {USER} with {PASSWORD}"
        world.change(smtp=link.settings, provider_timeout_seconds=TIMEOUT_SECONDS)
        running, clock = await rehearse(world, start)
        while running.dispatcher.next_due() is not None:
            await fire_next(running, clock)
    failed = world.scorer.outcomes("failed")[0].failed
    assert not failed.permanent and failed.diagnostic == "535 5.7.8 no entry for <login> with <login>"


async def test_untrusted_certificate_fails_the_touch_and_blames_nobody(
    world: World, start: Start, tmp_path: Path
) -> None:
    async with linked(Authority(tmp_path)) as link:
        smtp = replace(link.settings, ca_file=Authority(tmp_path).file)
        world.change(smtp=smtp, provider_timeout_seconds=TIMEOUT_SECONDS)
        running, clock = await rehearse(world, start)
        while running.dispatcher.next_due() is not None:
            await fire_next(running, clock)
        assert not link.server.logins and not link.readable()
    failed = world.scorer.outcomes("failed")[0].failed
    assert not failed.permanent and "certificate verify failed" in failed.diagnostic


async def test_malformed_address_fails_as_such(world: World, start: Start) -> None:
    clock = SteppedClock(START_MICROS)
    running = await start(rehearsal_clock=clock)
    await world.decide(now_micros=START_MICROS, address="not an address\r\nBcc: all@customer.example")
    await running.settled()
    await running.dispatcher.fire_due(START_MICROS)
    assert world.scorer.outcomes("failed")[0].failed.permanent
    assert not world.mail.accepted
