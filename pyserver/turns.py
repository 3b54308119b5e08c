"""Threads that know how long the call they work on has waited for its turn."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class TurnPool(ThreadPoolExecutor):
    """A thread pool whose work can ask how long it was queued."""

    def __init__(self, threads: int, *, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._turn = threading.local()

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues `work`."""
        return super().submit(self._take_up, time.perf_counter_ns(), work, args, kwargs)

    @property
    def waited_nanos(self) -> int:
        """How long the work of the calling thread was queued."""
        waited: int = self._turn.waited_nanos
        return waited

    def _take_up(self, queued: int, work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._turn.waited_nanos = time.perf_counter_ns() - queued
        return work(*args, **kwargs)
