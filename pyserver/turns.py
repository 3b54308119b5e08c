"""Threads that refuse a call which waited too long for its turn."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rust_features import CallQueue


class TurnPool(ThreadPoolExecutor):
    """A thread pool whose work can ask whether it was queued for too long."""

    def __init__(self, threads: int, *, name: str, queue: CallQueue) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._turn = threading.local()
        self._queue = queue

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues `work`."""
        if self._work_queue.empty():
            self._queue.found_empty()
        return super().submit(self._take_up, time.perf_counter_ns(), work, args, kwargs)

    def admit(self, received: int) -> None:
        """Raises Refused where the calling thread's work waited too long: for the thread, and since its message was
        `received`, in nanoseconds of `perf_counter_ns`. Between the two it waited for its sender."""
        self._queue.admit(self._turn.waited + time.perf_counter_ns() - received)

    def _take_up(self, queued: int, work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._turn.waited = time.perf_counter_ns() - queued
        return work(*args, **kwargs)
