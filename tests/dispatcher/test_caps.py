"""Frequency caps at send time: the same behaviour from JetStream and on a rehearsal's clock; no race is lost."""

import asyncio
import secrets

import pytest
from nats.js import JetStreamContext, api

from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import CapReservation
from dispatcher.caps import Caps, ClockedCaps, JetStreamCaps, rule_name
from dispatcher.clock import MICROS, SteppedClock
from tests.dispatcher.conftest import Start
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

CAP = CapReservation(rule_id="two a day", max_sends=2, window_seconds=86_400)


@pytest.fixture(params=["server", "clock"])
def caps(request: pytest.FixtureRequest, world: World) -> Caps:
    return JetStreamCaps(world.js, replicas=1) if request.param == "server" else ClockedCaps(SteppedClock(0))


async def test_cap_holds_for_each_customer(caps: Caps) -> None:
    sends = [secrets.token_hex(16) for _ in range(3)]
    assert [await caps.reserve("ada", send, CAP) for send in sends] == [True, True, False]
    assert await caps.reserve("bob", sends[2], CAP)


async def test_place_taken_before_is_kept(caps: Caps) -> None:
    sends = [secrets.token_hex(16) for _ in range(2)]
    for send in sends:
        assert await caps.reserve("ada", send, CAP)
    for send in sends:
        assert await caps.reserve("ada", send, CAP)


async def test_retries_keep_one_place_however_late_they_come(world: World) -> None:
    cap = CapReservation(rule_id="week", max_sends=3, window_seconds=604_800)
    clock = SteppedClock(0)
    # The server remembers ids for a moment only, as it does between the attempts of a send that backs off.
    await world.js.add_stream(
        api.StreamConfig(
            name="CAP_week",
            subjects=["cap.week.*"],
            discard=api.DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_msgs_per_subject=3,
            max_age=604_800,
            duplicate_window=0.1,
        )
    )
    for caps in (JetStreamCaps(world.js, replicas=1), ClockedCaps(clock)):
        assert await caps.reserve("ada", "other", cap)
        for _ in range(4):
            assert await caps.reserve("ada", "retried", cap)
            await ids_forgotten(world.js, "cap.week.probe")
            clock.move_to(clock.now_micros() + 900 * MICROS)
        assert await caps.reserve("ada", "later", cap)
        assert not await caps.reserve("ada", "too many", cap)


async def ids_forgotten(js: JetStreamContext, subject: str) -> None:
    """Waits until the server takes an id published from now on for a new one, and with it every id before."""
    headers = {"Nats-Msg-Id": secrets.token_hex(8)}
    await js.publish(subject, headers=dict(headers))
    while (await js.publish(subject, headers=dict(headers))).duplicate:  # noqa: ASYNC110 - forgets on its own clock
        await asyncio.sleep(0.02)
    await js.purge_stream("CAP_week", subject=subject)


async def test_rules_do_not_share_places(caps: Caps) -> None:
    other = CapReservation(rule_id="another", max_sends=1, window_seconds=3600)
    for rule in (CAP, other):
        assert await caps.reserve("ada", "s1", rule)
    assert not await caps.reserve("ada", "s2", other)
    assert await caps.reserve("ada", "s2", CAP)


async def test_place_is_free_again_after_the_window(world: World) -> None:
    short = CapReservation(rule_id="short", max_sends=1, window_seconds=1)
    live = JetStreamCaps(world.js, replicas=1)
    clock = SteppedClock(0)
    clocked = ClockedCaps(clock)
    for caps in (live, clocked):
        assert await caps.reserve("ada", "s1", short)
        assert not await caps.reserve("ada", "s2", short)
    clock.move_to(MICROS)
    assert await clocked.reserve("ada", "s2", short)
    while not await live.reserve("ada", "s2", short):  # noqa: ASYNC110 - the server forgets on its own clock
        await asyncio.sleep(0.1)


async def test_two_dispatchers_never_exceed_a_cap(world: World) -> None:
    both = [JetStreamCaps(world.js, replicas=1) for _ in range(2)]
    cap = CapReservation(rule_id="five", max_sends=5, window_seconds=3600)
    sends = [secrets.token_hex(16) for _ in range(40)]
    taken = await asyncio.gather(*(both[index % 2].reserve("ada", send, cap) for index, send in enumerate(sends)))
    assert sum(taken) == 5


async def test_names_that_subjects_cannot_hold_are_hashed() -> None:
    await asyncio.sleep(0)
    assert rule_name("email_1_per_day") == "email_1_per_day"
    assert len({rule_name("a b"), rule_name("a.b"), rule_name("*")}) == 3
    assert all(name.isalnum() for name in (rule_name("a b"), rule_name(">")))


async def test_racing_dispatchers_skip_what_the_cap_refuses(world: World, start: Start) -> None:
    await asyncio.gather(start(), start())
    alias = secrets.token_bytes(16)
    cap = CapReservation(rule_id="one_a_week", max_sends=1, window_seconds=604_800)
    await asyncio.gather(*(world.decide(alias=alias, caps=[cap]) for _ in range(4)))
    await world.scorer.outcome("skipped", count=3)
    await world.scorer.outcome("sent")
    assert len(world.mail.accepted) == 1
    assert {outcome.skipped.reason for outcome in world.scorer.outcomes("skipped")} == {Reason.REASON_CAP_REACHED}
