"""Acts the moment a send is claimed in the ledger: as the server stores the claim, not when the dispatcher tells."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Self

import nats
from nats.aio.msg import Msg


class ClaimWatch:
    """Follows the ledger's subjects in a thread of its own while the block lasts."""

    def __init__(self, nats_url: str, delays: random.Random, *, longest_seconds: float) -> None:
        """Each action follows its claim after a random delay."""
        self._nats_url = nats_url
        self._delays = delays
        self._longest_seconds = longest_seconds
        self._actions: dict[str, Callable[[], object]] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._following = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._follow()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._following.wait(10), "the ledger cannot be followed"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    def when_claimed(self, send_id: str, action: Callable[[], object]) -> None:
        """Runs the action once, in a thread, after the send's first claim."""
        self._actions[send_id] = action

    async def _follow(self) -> None:
        client = await nats.connect(self._nats_url, allow_reconnect=False)
        try:
            await client.subscribe("led.*", cb=self._on_entry)
            await client.flush()
            self._following.set()
            await self._stopping.wait()
        finally:
            await client.close()
            await self._loop.shutdown_default_executor()

    async def _on_entry(self, message: Msg) -> None:
        if (message.headers or {}).get("Ledger-Stage") != "claimed":
            return
        action = self._actions.pop(message.subject.removeprefix("led."), None)
        if action is not None:
            delay = self._delays.uniform(0, self._longest_seconds)
            self._loop.call_later(delay, self._loop.run_in_executor, None, action)
