"""How much a Score costs over an empty gRPC call: the ratio of both p50, measured in turns in one run.

In every round one caller calls the echo, then the scorer, with the very same requests; the echo answers as many bytes
as Score does. Relay and feed run beside the Scores, each of which journals its decision, and rest beside the echo.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import rust_features
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.echo import METHOD as ECHO_METHOD
from loadtests.benchmarks.machine import machine
from loadtests.benchmarks.servers import Server, await_rest, echo, scorer
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


@dataclass(frozen=True)
class Benchmark:
    """What to measure."""

    actions: tuple[int, ...] = (8, 32)
    """Candidate actions, "none" among them; each is a run of its own."""
    trees: int = 300
    leaves: int = 31
    """Of each tree, as many as a bundle for production has at most."""
    customers: int = 100_000
    rounds: int = 5
    calls: int = 1_000
    """Calls of each server in a round."""
    warm_up: int = 500


@dataclass(frozen=True)
class Round:
    """One round of calls in turns."""

    score_p50_micros: float
    echo_p50_micros: float
    score_cpu_micros: float
    """CPU time of the scorer's process per call, relay and feed included."""
    echo_cpu_micros: float

    @property
    def ratio(self) -> float:
        """Score p50 over echo p50."""
        return self.score_p50_micros / self.echo_p50_micros


@dataclass(frozen=True)
class Run:
    """All rounds with one number of actions."""

    actions: int
    request_bytes: float
    reply_bytes: int
    rounds: tuple[Round, ...]

    def medians(self) -> dict[str, float]:
        """The median over the rounds, of the ratio and of each figure."""
        names = ("ratio", "score_p50_micros", "echo_p50_micros", "score_cpu_micros", "echo_cpu_micros")
        return {name: median(getattr(each, name) for each in self.rounds) for name in names}


@dataclass(frozen=True)
class Report:
    """The whole benchmark."""

    benchmark: Benchmark
    machine: dict[str, str]
    engine_version: str
    runs: tuple[Run, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values, the medians of each run among them."""
        plain = asdict(self)
        plain["runs"] = [asdict(run) | {"medians": run.medians()} for run in self.runs]
        return plain


def measure(benchmark: Benchmark, *, make_bundle: MakeBundle, progress: Callable[[str], None]) -> Report:
    """Starts everything, measures, stops everything. Raises NotServing or Unmeasured."""
    runs = tuple(_run(benchmark, actions, make_bundle, progress) for actions in benchmark.actions)
    return Report(benchmark, machine(), rust_features.ENGINE_VERSION, runs)


def render(report: Report) -> str:
    """The report as text."""
    benchmark = report.benchmark
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        f"Score over an empty grpcio echo: {benchmark.customers:,} customers in memory, {benchmark.trees} trees of "
        f"{benchmark.leaves} leaves",
        f"a model, one caller, calls in turns, median of {benchmark.rounds} rounds of {benchmark.calls:,} calls",
        "",
        f"{'actions':>7}{'ratio':>8}{'Score p50':>12}{'echo p50':>12}{'Score CPU':>12}{'echo CPU':>12}{'reply':>9}",
    ]
    for run in report.runs:
        figures = run.medians()
        times = "".join(
            f"{figures[name]:>9.0f} µs"
            for name in ("score_p50_micros", "echo_p50_micros", "score_cpu_micros", "echo_cpu_micros")
        )
        lines.append(f"{run.actions:>7}{figures['ratio']:>8.3f}{times}{run.reply_bytes:>7} B")
    return "\n".join([*lines, "", f"engine {report.engine_version}; {where}"])


def _run(benchmark: Benchmark, actions: int, make_bundle: MakeBundle, progress: Callable[[str], None]) -> Run:
    needed = benchmark.warm_up + benchmark.rounds * benchmark.calls
    if needed > benchmark.customers:
        raise Unmeasured(f"{needed:,} calls need as many customers, because each decides about a cart of its own")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress(
            f"{actions} actions: making a bundle with {benchmark.trees} trees of {benchmark.leaves} leaves a model"
        )
        make_data(directory, make_bundle, actions=actions, trees=benchmark.trees, leaves=benchmark.leaves)
        server = stack.enter_context(scorer(directory, THREADS))
        progress(f"{actions} actions: {benchmark.customers:,} customers come in")
        preload(server, benchmark.customers)
        score = caller(stack, server, SCORE_METHOD)
        requests = score_requests(range(needed), actions)
        replies = [len(checked(score(next(requests)), actions)) for _ in range(benchmark.warm_up // 2)]
        reply_bytes = round(median(replies))
        peer = stack.enter_context(echo(reply_bytes, THREADS))
        empty = caller(stack, peer, ECHO_METHOD)
        _in_turns(score, empty, [next(requests) for _ in range(benchmark.warm_up - len(replies))], actions)
        rounds = []
        for number in range(benchmark.rounds):
            await_rest(server)
            batch = [next(requests) for _ in range(benchmark.calls)]
            rounds.append(_round(server, peer, score, empty, batch, actions))
            progress(f"{actions} actions: round {number + 1} of {benchmark.rounds}: ratio {rounds[-1].ratio:.3f}")
    return Run(actions, sum(map(len, batch)) / len(batch), reply_bytes, tuple(rounds))


def _round(server: Server, peer: Server, score: Call, empty: Call, batch: list[bytes], actions: int) -> Round:
    clocks = cpu_of_process(server.process_id), cpu_of_process(peer.process_id)
    before = [clock() for clock in clocks]
    scores, echoes = _in_turns(score, empty, batch, actions)
    spent = [(clock() - start) * 1e6 / len(batch) for clock, start in zip(clocks, before, strict=True)]
    return Round(median(scores) / 1_000, median(echoes) / 1_000, spent[0], spent[1])


def _in_turns(score: Call, empty: Call, batch: list[bytes], actions: int) -> tuple[list[int], list[int]]:
    """Durations in nanoseconds of a batch of each; the echoes first, so that no journal is written meanwhile."""
    echoes, _ = timed(empty, batch)
    scores, replies = timed(score, batch)
    for reply in replies:
        checked(reply, actions)
    return scores, echoes
