"""An event loop in a thread of its own, for the asynchronous parts of a program that steps synchronously."""

import asyncio
import concurrent.futures
import math
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CALL_SECONDS = 120.0
"""How long a bounded call may take."""
SPELL_SECONDS = 0.2
"""How late a call may notice Ctrl-C. A wait without end never does once a library (polars) has a signal handler."""


class LoopThread:
    """Runs coroutines from another thread."""

    def __init__(self, name: str, *, call_seconds: float = CALL_SECONDS) -> None:
        self._call_seconds = call_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Starts a coroutine and does not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T], *, bounded: bool = True) -> T:
        """Runs a coroutine to its end and returns what it returns; an unbounded call takes as long as its work.

        Raises what it raises, or TimeoutError. Work that nobody waits for any more, also after Ctrl-C, is cancelled.
        """
        future = self.begin(work)
        try:
            limit = time.monotonic() + self._call_seconds if bounded else math.inf
            while not concurrent.futures.wait((future,), SPELL_SECONDS).done:
                if time.monotonic() >= limit:
                    raise TimeoutError(f"a call took longer than {self._call_seconds} s")
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Ends the loop; whatever still runs in it is cancelled."""
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
