"""Both fronts and the empty servers that they are built on, measured in turns in one run.

One caller calls each of the four after the other; then each in turn has 32 calls in flight, once with decisions that
are journalled and once with dry runs, where the scorer's process does nothing but answer.
"""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import rust_features
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.echo import METHOD as ECHO_METHOD
from loadtests.benchmarks.machine import machine
from loadtests.benchmarks.servers import FRONTS, Server, await_rest, echo, scorer, tonic_echo
from loadtests.benchmarks.traffic import (
    SCORE_METHOD,
    THREADS,
    Call,
    MakeBundle,
    caller,
    checked,
    make_data,
    preload,
    score_requests,
)
from loadtests.processor import cpu_of_process

IN_FLIGHT = 32
ECHOES = ("grpcio echo", "tonic echo")


@dataclass(frozen=True)
class Benchmark:
    """What to measure."""

    actions: int = 32
    """Candidate actions, "none" among them."""
    trees: int = 300
    leaves: int = 31
    customers: int = 100_000
    rounds: int = 5
    calls: int = 1_000
    """Calls of each server in a round with one caller, and so many again of each kind in flight."""
    warm_up: int = 500


@dataclass(frozen=True)
class Figures:
    """One server in one round."""

    p50_micros: float
    """With one caller."""
    cpu_micros: float
    """CPU time of its process per call in flight, of a scorer with relay and feed."""
    dry_cpu_micros: float
    """The same of dry runs, which are not journalled."""


Round = dict[str, Figures]


@dataclass(frozen=True)
class Report:
    """The whole benchmark."""

    benchmark: Benchmark
    machine: dict[str, str]
    engine_version: str
    reply_bytes: int
    rounds: tuple[Round, ...]

    def medians(self) -> Round:
        """Of each server, the median of each figure over the rounds."""
        names = ("p50_micros", "cpu_micros", "dry_cpu_micros")
        return {
            server: Figures(*(median(getattr(each[server], name) for each in self.rounds) for name in names))
            for server in self.rounds[0]
        }

    def ratios(self) -> dict[str, tuple[float, float, float]]:
        """The least, the median and the greatest ratio of the rounds."""
        found = {}
        for meaning, (above, below, name) in _RATIOS.items():
            each = [getattr(one[above], name) / getattr(one[below], name) for one in self.rounds]
            found[meaning] = (min(each), median(each), max(each))
        return found

    def as_json(self) -> dict[str, Any]:
        """JSON values, medians and ratios among them."""
        medians = {server: asdict(figures) for server, figures in self.medians().items()}
        return asdict(self) | {"medians": medians, "ratios": self.ratios()}


_RATIOS = {
    "grpcio over its echo, p50": ("grpcio", "grpcio echo", "p50_micros"),
    "native over its echo, p50": ("native", "tonic echo", "p50_micros"),
    "native over its echo, CPU per dry run": ("native", "tonic echo", "dry_cpu_micros"),
    "native over grpcio, CPU per dry run": ("native", "grpcio", "dry_cpu_micros"),
    "native over grpcio, CPU per decision": ("native", "grpcio", "cpu_micros"),
}


def measure(benchmark: Benchmark, *, make_bundle: MakeBundle, progress: Callable[[str], None]) -> Report:
    """Starts everything, measures, stops everything. Raises NotServing or Unmeasured."""
    needed = benchmark.warm_up + 2 * benchmark.rounds * benchmark.calls
    if needed > benchmark.customers:
        raise Unmeasured(f"{needed:,} calls need as many customers, because each decides about a cart of its own")
    with ExitStack() as stack:
        servers = _scorers(stack, benchmark, make_bundle, progress)
        requests = score_requests(needed, benchmark.actions)
        calls = {name: caller(stack, server, SCORE_METHOD) for name, server in servers.items()}
        warm = [next(requests) for _ in range(benchmark.warm_up)]
        replies = {name: [len(checked(call(one), benchmark.actions)) for one in warm] for name, call in calls.items()}
        reply_bytes = round(median(replies["grpcio"]))
        for name, server in zip(ECHOES, (echo(reply_bytes, THREADS), tonic_echo(reply_bytes)), strict=True):
            servers[name] = stack.enter_context(server)
            calls[name] = caller(stack, servers[name], ECHO_METHOD)
            for one in warm:
                calls[name](one)
        dry = list(score_requests(benchmark.calls, benchmark.actions, dry_run=True))
        rounds = []
        for number in range(benchmark.rounds):
            alone, together = ([next(requests) for _ in range(benchmark.calls)] for _ in range(2))
            rounds.append(_round(servers, calls, alone, together, dry, benchmark.actions))
            progress(f"round {number + 1} of {benchmark.rounds} is measured")
    return Report(benchmark, machine(), rust_features.ENGINE_VERSION, reply_bytes, tuple(rounds))


def render(report: Report) -> str:
    """The report as text."""
    benchmark = report.benchmark
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        f"Both fronts: {benchmark.customers:,} customers in memory, {benchmark.actions} actions,",
        f"{benchmark.trees} trees of {benchmark.leaves} leaves a model, replies of {report.reply_bytes} bytes,",
        f"median of {benchmark.rounds} rounds of {benchmark.calls:,} calls",
        "",
        f"{'':<12}{'p50, one caller':>18}{f'CPU, {IN_FLIGHT} in flight':>20}{'of dry runs':>14}",
    ]
    for server, median_of in report.medians().items():
        cpu = f"{median_of.cpu_micros:>17.1f} µs{median_of.dry_cpu_micros:>11.1f} µs"
        lines.append(f"{server:<12}{median_of.p50_micros:>15.0f} µs{cpu}")
    lines += ["", f"{'':<40}{'least':>8}{'median':>8}{'most':>8}"]
    for meaning, ratios in report.ratios().items():
        lines.append(f"{meaning:<40}" + "".join(f"{ratio:>8.3f}" for ratio in ratios))
    return "\n".join([*lines, "", f"engine {report.engine_version}; {where}"])


def _scorers(
    stack: ExitStack, benchmark: Benchmark, make_bundle: MakeBundle, progress: Callable[[str], None]
) -> dict[str, Server]:
    servers = {}
    for front in FRONTS:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress(f"{front}: making a bundle with {benchmark.trees} trees of {benchmark.leaves} leaves a model")
        make_data(directory, make_bundle, actions=benchmark.actions, trees=benchmark.trees, leaves=benchmark.leaves)
        servers[front] = stack.enter_context(scorer(directory, THREADS, front=front))
        progress(f"{front}: {benchmark.customers:,} customers come in")
        preload(servers[front], benchmark.customers)
    return servers


def _round(
    servers: dict[str, Server],
    calls: dict[str, Call],
    alone: list[bytes],
    together: list[bytes],
    dry: list[bytes],
    actions: int,
) -> Round:
    _rest(servers)
    waits = _in_turns(calls, alone, actions)
    figures = {}
    for name, server in servers.items():
        _rest(servers)
        cpu = _in_flight(server, calls[name], together)
        _rest(servers)
        figures[name] = Figures(median(waits[name]) / 1_000, cpu, _in_flight(server, calls[name], dry))
    return figures


def _rest(servers: dict[str, Server]) -> None:
    for front in FRONTS:
        await_rest(servers[front])


def _in_turns(calls: dict[str, Call], batch: list[bytes], actions: int) -> dict[str, list[int]]:
    """Durations in nanoseconds of each server's calls; the replies are looked at afterwards."""
    clock = time.perf_counter_ns
    waits: dict[str, list[int]] = {name: [] for name in calls}
    replies: dict[str, list[bytes]] = {name: [] for name in calls}
    for request in batch:
        for name, call in calls.items():
            start = clock()
            reply = call(request)
            waits[name].append(clock() - start)
            replies[name].append(reply)
    for front in FRONTS:
        for reply in replies[front]:
            checked(reply, actions)
    return waits


def _in_flight(server: Server, call: Call, batch: list[bytes]) -> float:
    """CPU time per call in microseconds, of a scorer until all is journalled and folded."""
    spent = cpu_of_process(server.process_id)
    before = spent()
    with ThreadPoolExecutor(IN_FLIGHT) as callers:
        for _ in callers.map(call, batch):
            pass
    if server.metrics_url:
        await_rest(server)
    return (spent() - before) * 1e6 / len(batch)
