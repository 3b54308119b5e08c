"""Both fronts and the empty servers that they are built on, measured in turns in one run.

Each in turn is called by one caller, then has 32 calls in flight, once with decisions that are journalled and once with
dry runs, where the scorer's process does nothing but answer.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured
from loadtests.benchmarks.echo import METHOD as ECHO_METHOD
from loadtests.benchmarks.machine import machine, today
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
    timed,
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
    profile: str = "release"
    """Of Cargo, for the tonic echo."""


_P50, _CPU, _DRY_CPU = (
    "p50, one caller",
    f"CPU per decision, {IN_FLIGHT} in flight",
    f"CPU per dry run, {IN_FLIGHT} in flight",
)
Round = dict[str, dict[str, float]]
"""Microseconds by server and figure."""
_REASON = (
    "What a dry run takes beyond an echo is a Score in process (`cart-recovery loadtest spool`), nearly half of it two "
    "forests; most of the rest is system calls (perf: send, epoll, recv, pwrite). The relay gathers messages, and a "
    "reply leaves in one write. A tenth of grpcio's processor time is out of reach while the work of the decision "
    "itself is the same on both sides."
)
_GOALS = (
    Goal(_P50, "grpcio", "grpcio echo", 1.10, reason=_REASON),
    Goal(_P50, "native", "tonic echo", 1.15, reason=_REASON),
    Goal(_DRY_CPU, "native", "tonic echo", 1.4, reason=_REASON),
    Goal(_DRY_CPU, "native", "grpcio", 0.10, reason=_REASON),
    Goal(_CPU, "native", "grpcio", 0.10, reason=_REASON),
)


def measure(benchmark: Benchmark, *, make_bundle: MakeBundle, progress: Callable[[str], None]) -> Comparison:
    """Starts everything, measures, stops everything. Raises NotServing or Unmeasured."""
    decided = benchmark.warm_up + 2 * benchmark.rounds * benchmark.calls
    # A dry run about a cart that was decided about would repeat that decision.
    needed = decided + benchmark.calls
    if needed > benchmark.customers:
        raise Unmeasured(f"{needed:,} calls need as many customers, because each decides about a cart of its own")
    with ExitStack() as stack:
        servers = _scorers(stack, benchmark, make_bundle, progress)
        requests = score_requests(range(decided), benchmark.actions)
        calls = {name: caller(stack, server, SCORE_METHOD) for name, server in servers.items()}
        warm = [next(requests) for _ in range(benchmark.warm_up)]
        replies = {name: [len(checked(call(one), benchmark.actions)) for one in warm] for name, call in calls.items()}
        reply_bytes = round(median(replies["grpcio"]))
        for name, server in zip(
            ECHOES, (echo(reply_bytes, THREADS), tonic_echo(reply_bytes, profile=benchmark.profile)), strict=True
        ):
            servers[name] = stack.enter_context(server)
            calls[name] = caller(stack, servers[name], ECHO_METHOD)
            for one in warm:
                calls[name](one)
        dry = list(score_requests(range(decided, needed), benchmark.actions, dry_run=True))
        rounds = []
        for number in range(benchmark.rounds):
            alone, together = ([next(requests) for _ in range(benchmark.calls)] for _ in range(2))
            rounds.append(_round(servers, calls, alone, together, dry, benchmark.actions))
            progress(f"round {number + 1} of {benchmark.rounds} is measured")
    return _comparison(benchmark, reply_bytes, rounds)


def _comparison(benchmark: Benchmark, reply_bytes: int, rounds: list[Round]) -> Comparison:
    figures = [
        Figure(server, name, "µs", tuple(each[server][name] for each in rounds))
        for name in (_P50, _CPU, _DRY_CPU)
        for server in rounds[0]
    ]
    return Comparison(
        name="fronts",
        title="Both fronts over empty echoes",
        setting=(
            f"Score among {benchmark.actions} actions by models of {benchmark.trees} trees of {benchmark.leaves} "
            f"leaves, {benchmark.customers:,} customers in memory, replies of {reply_bytes} bytes; {benchmark.calls:,} "
            "calls of each server a round. The echoes answer as many bytes and look at nothing. The p50 is that of one "
            "caller, the servers in turns, a round's calls each; CPU is that of the server's process, of a decision "
            "with relay and feed, of a dry run with nothing behind its answer. Nothing is pinned: where caller and "
            "server share a processor, none at rest has to wake for a call."
        ),
        date=today(),
        machine=machine(),
        versions={"engine": rust_features.ENGINE_VERSION},
        figures=tuple(figures),
        goals=_GOALS,
        missing={},
    )


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
    figures: Round = {}
    for name, server in servers.items():
        # Nobody's journal is written under another one's clock.
        p50 = _alone(server, calls[name], alone, actions)
        _rest(servers)
        cpu = _in_flight(server, calls[name], together, actions)
        _rest(servers)
        dry_cpu = _in_flight(server, calls[name], dry, actions)
        figures[name] = {_P50: p50, _CPU: cpu, _DRY_CPU: dry_cpu}
    return figures


def _rest(servers: dict[str, Server]) -> None:
    for front in FRONTS:
        await_rest(servers[front])


def _alone(server: Server, call: Call, batch: list[bytes], actions: int) -> float:
    """The median duration of a call in microseconds."""
    waits, replies = timed(call, batch)
    _check(server, replies, actions)
    return median(waits) / 1_000


def _in_flight(server: Server, call: Call, batch: list[bytes], actions: int) -> float:
    """CPU time per call in microseconds, of a scorer until all is journalled and folded."""
    spent = cpu_of_process(server.process_id)
    before = spent()
    with ThreadPoolExecutor(IN_FLIGHT) as callers:
        replies = list(callers.map(call, batch))
    if server.metrics_url:
        await_rest(server)
    micros = (spent() - before) * 1e6 / len(batch)
    _check(server, replies, actions)
    return micros


def _check(server: Server, replies: list[bytes], actions: int) -> None:
    """An echo's replies say nothing."""
    for reply in replies if server.metrics_url else ():
        checked(reply, actions)
