"""How many messages a second `rust_features.replay` takes: the journal of a simulated shop with its decisions.

Each mix has a journal of its own, made by an offline run before the clock starts. Processor time is of all threads.
"""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import median
from typing import Any

import polars as pl

import rust_features
from cart_recovery.v1.event_pb2 import TrackRequest
from loadtests.benchmarks.backtest_rate import MIXES, backtested
from loadtests.benchmarks.machine import machine
from rust_features import Offline

ROUNDS = 5
_WINDOW_SECONDS = 3 * 86_400


@dataclass(frozen=True)
class Run:
    """One mix; times are the median of the rounds."""

    browsing_share: float
    messages: int
    rows: int
    cpu_seconds: float
    seconds: float

    @property
    def messages_per_second(self) -> int:
        """By the clock."""
        return round(self.messages / self.seconds)

    @property
    def rows_per_second(self) -> int:
        """By the clock; the whole journal is folded for them."""
        return round(self.rows / self.seconds)

    @property
    def messages_per_cpu_second(self) -> int:
        """Of processor time, which holds on a busy machine too."""
        return round(self.messages / self.cpu_seconds)


@dataclass(frozen=True)
class Report:
    """The whole benchmark."""

    machine: dict[str, str]
    engine_version: str
    runs: tuple[Run, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values, the rates of each run among them."""
        rates = ("messages_per_second", "rows_per_second", "messages_per_cpu_second")
        runs = [asdict(run) | {name: getattr(run, name) for name in rates} for run in self.runs]
        return asdict(self) | {"runs": runs}


def measure(
    *,
    events: int,
    make_events: Callable[[float], Iterator[TrackRequest]],
    make_engine: Callable[[], Offline],
    progress: Callable[[str], None],
) -> Report:
    """Runs each mix. `make_events` gives at least so many events of it; `make_engine` one that keeps a journal."""

    def run(share: float) -> Run:
        engine = make_engine()
        backtested(share, islice(make_events(share), events), engine, progress)
        return _replayed(share, pl.DataFrame(engine.journal()), progress)

    return Report(machine(), rust_features.ENGINE_VERSION, tuple(run(share) for share in MIXES))


def render(report: Report) -> str:
    """The report as text."""
    lines = [
        f"Replay of a simulated shop's journal into feature rows, median of {ROUNDS}",
        "",
        f"{'without a cart':>14}{'messages':>12}{'rows':>10}{'CPU':>9}{'wall':>9}"
        f"{'messages/s':>12}{'rows/s':>10}{'messages/s of CPU':>19}",
    ]
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    return "\n".join([*lines, *map(_row, report.runs), "", f"engine {report.engine_version}; {where}"])


def _row(run: Run) -> str:
    return (
        f"{run.browsing_share:>14.0%}{run.messages:>12,}{run.rows:>10,}{run.cpu_seconds:>7.2f} s{run.seconds:>7.2f} s"
        f"{run.messages_per_second:>12,}{run.rows_per_second:>10,}{run.messages_per_cpu_second:>19,}"
    )


def _replayed(share: float, journal: pl.DataFrame, progress: Callable[[str], None]) -> Run:
    seconds, cpu_seconds, rows = [], [], 0
    for number in range(1, ROUNDS + 1):
        progress(f"{share:.0%} without a cart: {len(journal):,} messages, round {number} of {ROUNDS}")
        started, cpu_started = time.perf_counter(), _cpu_seconds()
        rows = len(pl.DataFrame(rust_features.replay(journal, attribution_window_seconds=_WINDOW_SECONDS)))
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(_cpu_seconds() - cpu_started)
    return Run(share, len(journal), rows, median(cpu_seconds), median(seconds))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
