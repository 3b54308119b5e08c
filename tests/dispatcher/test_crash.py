"""A dispatcher killed at each stage: the next one finishes what is known and never sends twice."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.scoring_pb2 import ConfirmRequest
from tests.dispatcher.conftest import Start
from tests.dispatcher.dispatcher_process import to_json
from tests.dispatcher.servers import Behaviour
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]


class Stuck:
    """Holds up whoever reaches it until it is lifted, and tells that somebody did."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.lifted = asyncio.Event()

    async def hold(self) -> None:
        if not self.lifted.is_set():
            self.reached.set()
            await self.lifted.wait()


@asynccontextmanager
async def killed(world: World, reached: asyncio.Event) -> AsyncIterator[None]:
    """Runs a dispatcher process while the block decides, and kills it once the stage is reached."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.dispatcher.dispatcher_process", to_json(world.settings)
    )
    try:
        yield
        await asyncio.wait_for(reached.wait(), 20)
    finally:
        process.kill()
        await process.wait()


def at_confirm(number: int) -> Callable[[World, Stuck], asyncio.Event]:
    """Stuck in the nth Confirm: 1 before the claim, 2 after it, 3 after the provider's answer."""

    def arrange(world: World, stuck: Stuck) -> asyncio.Event:
        async def answer(_request: ConfirmRequest) -> None:
            if len(world.scorer.confirms) == number:
                await stuck.hold()

        world.scorer.answer = answer
        return stuck.reached

    return arrange


def at_report(outcome: str) -> Callable[[World, Stuck], asyncio.Event]:
    """Stuck while the outcome is tracked."""

    def arrange(world: World, stuck: Stuck) -> asyncio.Event:
        async def before(event: Event) -> None:
            if event.message_outcome.WhichOneof("outcome") == outcome:
                await stuck.hold()

        world.scorer.before_track = before
        return stuck.reached

    return arrange


def before_the_content(world: World, _stuck: Stuck) -> asyncio.Event:
    """Stuck at the recipient: nothing of the message was given away."""
    world.mail.behaviour.hang_at_recipient = True
    return world.mail.asked


def in_the_provider(world: World, _stuck: Stuck) -> asyncio.Event:
    """Stuck after the final dot: the message has left, and no reply came."""
    world.mail.behaviour.hang_after_content = True
    return world.mail.arrived


@pytest.mark.parametrize(
    ("arrange", "outcome", "emails"),
    [
        pytest.param(at_report("scheduled"), "sent", 1, id="while scheduling"),
        pytest.param(at_confirm(1), "sent", 1, id="before the claim"),
        pytest.param(at_confirm(2), "sent", 1, id="between claim and provider"),
        pytest.param(before_the_content, "sent", 1, id="before the content"),
        pytest.param(in_the_provider, "unknown", 1, id="in the provider"),
        pytest.param(at_confirm(3), "sent", 1, id="after the provider"),
        pytest.param(at_report("sent"), "sent", 1, id="while reporting"),
    ],
)
async def test_killed_dispatcher_is_succeeded(
    world: World, start: Start, arrange: Callable[[World, Stuck], asyncio.Event], outcome: str, emails: int
) -> None:
    # Long enough that the stage is left only by the kill.
    world.change(provider_timeout_seconds=1.0, scorer_patience_seconds=10.0)
    stuck = Stuck()
    reached = arrange(world, stuck)
    async with killed(world, reached):
        record = await world.decide()
    stuck.lifted.set()
    world.mail.behaviour = Behaviour()
    await start()
    ended = await world.scorer.outcome(outcome, timeout_seconds=30)
    assert ended.send_id == record.send_id
    assert len(world.mail.accepted) == emails
    assert len(world.scorer.outcomes("sent", "unknown", "failed", "skipped")) == 1


async def test_redelivered_messages_send_nothing_twice(world: World, start: Start) -> None:
    """Dispatchers crash in the process itself, three times in a row, wherever they happen to be."""
    stuck = Stuck()

    async def hold(_: object) -> None:
        await stuck.hold()

    world.scorer.before_track = hold
    world.scorer.answer = hold
    world.change(provider_timeout_seconds=0.2, scorer_patience_seconds=10.0)
    await world.decide()
    for _ in range(3):
        running = await start()
        await asyncio.wait_for(stuck.reached.wait(), 15)
        await running.crash()
        stuck.reached.clear()
    stuck.lifted.set()
    await start()
    await world.scorer.outcome("sent", timeout_seconds=30)
    assert len(world.mail.accepted) == 1


async def test_message_that_always_fails_is_buried(world: World, start: Start) -> None:
    world.change(provider_timeout_seconds=0.1)
    await start()
    await world.js.publish("dec.0.email", b"\xff not a message")
    found = await eventually(lambda: world.js.get_last_msg("LEDGER", "dead.*"))
    assert found.data == b"\xff not a message"
    await world.decide()
    await world.scorer.outcome("sent")


async def eventually(call: Callable[[], Awaitable[RawStreamMsg]]) -> RawStreamMsg:
    while True:
        try:
            return await call()
        except NotFoundError:
            await asyncio.sleep(0.05)
