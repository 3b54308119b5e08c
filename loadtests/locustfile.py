"""Locust users over gRPC: storefronts call Track, checkouts call Score.

`cart-recovery loadtest` runs this file in a process of its own, because gevent has to be there first. By hand:
`locust -f loadtests/locustfile.py --host 127.0.0.1:50051`.
"""

import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.experimental.gevent
from hdrh.histogram import HdrHistogram
from locust import User, between, constant_pacing, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtests.processor import CpuClock, CpuUnknown, cpu_of_page, cpu_of_process
from loadtests.shoppers import METHODS, score_request, visit
from loadtests.verdict import EXIT_MISSED, CallFigures, Summary

grpc.experimental.gevent.init_gevent()

_CUSTOMERS = 50_000
_DEADLINE_SECONDS = 5.0
_HIGHEST_MICROS = 60_000_000


class Measured:
    """Latencies of this run in microseconds, finer than Locust's milliseconds, and the server's CPU time."""

    def __init__(self) -> None:
        self.histograms = {name: HdrHistogram(1, _HIGHEST_MICROS, 3) for name in METHODS}
        self.failures = dict.fromkeys(METHODS, 0)
        self.cpu: CpuClock | None = None
        self.cpu_start = 0.0
        self.cpu_missing = "neither the server's process id nor its metrics page was given"
        self.started = 0.0

    def summary(self, slo_p99_ms: float | None) -> Summary:
        """The figures of the run so far."""
        seconds = time.monotonic() - self.started
        calls = tuple(
            CallFigures(
                name=name,
                calls=histogram.get_total_count(),
                failures=self.failures[name],
                p50_micros=histogram.get_value_at_percentile(50),
                p99_micros=histogram.get_value_at_percentile(99),
            )
            for name, histogram in self.histograms.items()
        )
        answered = sum(each.calls for each in calls)
        cpu_seconds, cpu_missing = self._cpu_seconds()
        per_call = cpu_seconds * 1e6 / answered if cpu_seconds is not None and answered else None
        return Summary(seconds, calls, per_call, cpu_missing, slo_p99_ms)

    def _cpu_seconds(self) -> tuple[float | None, str]:
        if self.cpu is None:
            return None, self.cpu_missing
        try:
            return self.cpu() - self.cpu_start, ""
        except CpuUnknown as error:
            return None, str(error)


measured = Measured()


def add_options(parser: LocustArgumentParser) -> None:
    """The options of this file, beside Locust's own."""
    parser.add_argument("--slo-p99-ms", type=float, default=None, help="exit 3 where a call's p99 is above")
    parser.add_argument("--server-pid", type=int, default=None, help="process whose CPU time is counted")
    parser.add_argument("--metrics-url", default=None, help="page that shows process_cpu_seconds_total")
    parser.add_argument("--summary", default=None, help="file for the figures as JSON")


def begin(environment: Environment, **_: Any) -> None:
    """Takes the first reading of the server's CPU time."""
    options = environment.parsed_options
    if options is not None and options.server_pid is not None:
        measured.cpu = cpu_of_process(options.server_pid)
    elif options is not None and options.metrics_url is not None:
        measured.cpu = cpu_of_page(options.metrics_url)
    measured.started = time.monotonic()
    try:
        measured.cpu_start = measured.cpu() if measured.cpu else 0.0
    except CpuUnknown as error:
        measured.cpu = None
        measured.cpu_missing = str(error)


def judge(environment: Environment, **_: Any) -> None:
    """Writes the figures and sets the exit code."""
    options = environment.parsed_options
    summary = measured.summary(options.slo_p99_ms if options is not None else None)
    if options is not None and options.summary:
        Path(options.summary).write_text(json.dumps(summary.as_json()))
    environment.process_exit_code = 0 if summary.met else EXIT_MISSED


_numbers = itertools.count()
"""Of the users of this process: each is a seed of its own."""


class GrpcUser(User):
    """One connection that sends raw bytes and reports every call."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # A connection for each user: channels with equal arguments would share one.
        self._channel = grpc.insecure_channel(self.host or "", options=[("grpc.use_local_subchannel_pool", 1)])
        self._stubs: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {
            name: self._channel.unary_unary(path) for name, path in METHODS.items()
        }
        self.generator = random.Random(next(_numbers))

    def on_stop(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def call(self, name: str, request: bytes) -> None:
        """Calls and reports duration and outcome."""
        start = time.perf_counter_ns()
        failure: grpc.RpcError | None = None
        reply = b""
        try:
            reply = self._stubs[name](request, timeout=_DEADLINE_SECONDS)
        except grpc.RpcError as error:
            failure = error
            measured.failures[name] += 1
        micros = (time.perf_counter_ns() - start) / 1_000
        measured.histograms[name].record_value(min(int(micros) or 1, _HIGHEST_MICROS))
        self.environment.events.request.fire(
            request_type="gRPC",
            name=name,
            response_time=micros / 1_000,
            response_length=len(reply),
            exception=failure,
            context={},
        )


class Storefront(GrpcUser):
    """Shoppers who come, look, and sometimes buy: some ten events a second for each user."""

    weight = 9
    wait_time = between(0.2, 0.6)

    @task
    def visit(self) -> None:
        """Tracks the events of one visit."""
        for request in visit(self.generator.randrange(_CUSTOMERS), self.generator):
            self.call("Track", request.SerializeToString())
            time.sleep(self.generator.uniform(0.02, 0.1))


class Checkout(GrpcUser):
    """A checkout that asks once in a tenth of a second what to do about a cart."""

    weight = 1
    wait_time = constant_pacing(0.1)

    @task
    def score(self) -> None:
        """Asks for a decision about a cart that nobody asked about before."""
        request = score_request(self.generator.randrange(_CUSTOMERS), self.generator)
        self.call("Score", request.SerializeToString())


_LISTENERS = ((events.init_command_line_parser, add_options), (events.test_start, begin), (events.quitting, judge))
for hook, listener in _LISTENERS:
    hook.add_listener(listener)  # type: ignore[no-untyped-call]
