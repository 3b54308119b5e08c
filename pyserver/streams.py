"""Bounds the calls that stay open: each of them holds a thread for as long as its client likes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from pyserver import refusals
from rust_features import CallMetrics, too_many_streams

Handler = Callable[[Any, grpc.ServicerContext], Iterator[Any]]


class Slots:
    """How many streams may be open at once, of all the calls that share these slots."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free = threading.BoundedSemaphore(limit)

    def take(self) -> bool:
        """Takes a slot; False where none is free."""
        return self._free.acquire(blocking=False)

    def give_back(self) -> None:
        """Frees a slot that was taken."""
        self._free.release()


class BoundedStream:
    """A handler whose stream takes a slot while it is open, and is refused at once with RESOURCE_EXHAUSTED where none
    is free."""

    def __init__(
        self,
        method: str,
        handler: Handler,
        slots: Slots,
        metrics: CallMetrics,
        *,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Refusals count as those of `method`. With `pool`, streams hold that pool's threads and not the server's."""
        self._method = method
        self._handler = handler
        self._slots = slots
        self._metrics = metrics
        # gRPC looks for a handler's own pool under this name.
        self.experimental_thread_pool = pool

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """The stream's answers."""
        if not self._slots.take():
            refused = too_many_streams(self._slots.limit)
            self._metrics.refused(self._method, refused.reason)
            refusals.abort(context, refused)
        try:
            yield from self._handler(request, context)
        finally:
            self._slots.give_back()
