"""Fixtures: one nats-server for the module, a fresh world and running dispatchers for each test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from dispatcher.clock import Clock
from dispatcher.dispatcher import Dispatcher
from tests.dispatcher.servers import NatsServer, nats_server
from tests.dispatcher.world import World

Start = Callable[..., Awaitable["Running"]]


class Running:
    """A dispatcher at work in this process."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.task = asyncio.create_task(dispatcher.run())

    async def settled(self) -> None:
        """Waits until everything journalled was taken in and is done."""
        while not await self.dispatcher.at_rest():  # noqa: ASYNC110 - asking is all that this port offers
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """The orderly end."""
        await self.dispatcher.stop()
        await self.task

    async def crash(self) -> None:
        """Everything is dropped where it stands."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def world(broker: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    built = await World.build(broker.url, tmp_path / "data")
    yield built
    await built.close()


@pytest_asyncio.fixture
async def start(world: World) -> AsyncIterator[Start]:
    """Starts dispatchers with the world's settings and ends those still running."""
    running: list[Running] = []

    async def begin(rehearsal_clock: Clock | None = None) -> Running:
        begun = Running(Dispatcher(world.settings, rehearsal_clock=rehearsal_clock))
        running.append(begun)
        ready = asyncio.create_task(begun.dispatcher.ready())
        await asyncio.wait({ready, begun.task}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if begun.task.done():
            await begun.task
        return begun

    yield begin
    for begun in running:
        if not begun.task.done():
            await begun.stop()
