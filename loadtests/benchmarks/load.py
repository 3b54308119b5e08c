"""A closed loop of gRPC calls from one process: one after the other, or so many in flight. It shares the machine with
the server, so that its rate is good for a ratio and is no capacity."""

import threading
import time
from collections.abc import Sequence
from statistics import median

import grpc

from loadtests.benchmarks.comparison import Unmeasured

DEADLINE_SECONDS = 30.0


class Caller:
    """Calls one method of one server with raw bytes."""

    def __init__(self, channel: grpc.Channel, method: str) -> None:
        """`method` is its full name, /package.Service/Method."""
        self._call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

    def __call__(self, request: bytes) -> bytes:
        """The reply. Raises grpc.RpcError."""
        reply: bytes = self._call(request, timeout=DEADLINE_SECONDS)
        return reply

    def p50_micros(self, requests: Sequence[bytes]) -> float:
        """The median duration of calls one after the other."""
        durations = []
        for request in requests:
            start = time.perf_counter_ns()
            self(request)
            durations.append(time.perf_counter_ns() - start)
        return median(durations) / 1_000

    def calls_per_second(self, requests: Sequence[bytes], in_flight: int) -> float:
        """The rate of a burst that keeps at most `in_flight` calls going. Raises Unmeasured where one fails."""
        places = threading.Semaphore(in_flight)
        failures: list[str] = []

        def leave(future: "grpc.Future[bytes]") -> None:
            error = future.exception()
            if error is not None:
                failures.append(str(error))
            places.release()

        start = time.perf_counter()
        for request in requests:
            places.acquire()
            self._call.future(request, timeout=DEADLINE_SECONDS).add_done_callback(leave)
        for _ in range(in_flight):
            places.acquire()
        seconds = time.perf_counter() - start
        if failures:
            raise Unmeasured(f"{len(failures)} of {len(requests)} calls failed, the first: {failures[0]}")
        return len(requests) / seconds
