"""How many events a second a backtest takes, its decisions included, with a shop's own mix of events and real models.

The events are made beside the clock and given to the engine as they would come from a file that was read already.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import rust_features
from cart_recovery.backtest import Backtest
from cart_recovery.v1.event_pb2 import TrackRequest
from loadtests.benchmarks.machine import machine
from rust_features import Offline

MIXES = (0.9, 0.0)
"""Share of visits that fill no cart: as in a real shop, and none, where decisions cost most."""


@dataclass(frozen=True)
class Run:
    """One mix."""

    browsing_share: float
    events: int
    customers: int
    decisions: int
    sends: int
    cpu_seconds: float
    """Of one thread, in the engine."""
    seconds: float

    @property
    def events_per_second(self) -> int:
        """Of processor time."""
        return round(self.events / self.cpu_seconds)


@dataclass(frozen=True)
class Report:
    """The whole benchmark."""

    machine: dict[str, str]
    engine_version: str
    runs: tuple[Run, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values, the rate of each run among them."""
        runs = [asdict(run) | {"events_per_second": run.events_per_second} for run in self.runs]
        return asdict(self) | {"runs": runs}


def measure(
    *,
    events: int,
    make_events: Callable[[float], Iterator[TrackRequest]],
    make_engine: Callable[[], Offline],
    progress: Callable[[str], None],
) -> Report:
    """Runs each mix through an engine of its own. `make_events` gives at least so many events of a mix."""
    runs = tuple(_run(share, islice(make_events(share), events), make_engine(), progress) for share in MIXES)
    return Report(machine(), rust_features.ENGINE_VERSION, runs)


def render(report: Report) -> str:
    """The report as text."""
    lines = [
        "Backtest of the simulated shop, one thread; reading and parsing a file excluded",
        "",
        f"{'without a cart':>14}{'events':>12}{'customers':>11}{'decisions':>11}{'e-mails':>9}"
        f"{'CPU':>9}{'wall':>9}{'events/s of CPU':>17}",
    ]
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    return "\n".join([*lines, *map(_row, report.runs), "", f"engine {report.engine_version}; {where}"])


def _row(run: Run) -> str:
    return (
        f"{run.browsing_share:>14.0%}{run.events:>12,}{run.customers:>11,}{run.decisions:>11,}{run.sends:>9,}"
        f"{run.cpu_seconds:>7.2f} s{run.seconds:>7.2f} s{run.events_per_second:>17,}"
    )


def backtested(
    share: float, events: Iterator[TrackRequest], engine: Offline, progress: Callable[[str], None]
) -> Backtest:
    """Runs the events of a mix through the engine. Raises ValueError where it refuses one."""
    refused: list[str] = []
    backtest = Backtest(rejected=lambda _, reason: refused.append(reason), decided=lambda _: None)
    backtest.run(engine, enumerate(events), lambda done: progress(f"{share:.0%} without a cart: {done:,} events"))
    if refused:
        raise ValueError(f"{len(refused):,} events were refused, the first one because: {refused[0]}")
    return backtest


def _run(share: float, events: Iterator[TrackRequest], engine: Offline, progress: Callable[[str], None]) -> Run:
    backtest = backtested(share, events, engine, progress)
    return Run(
        browsing_share=share,
        events=backtest.events,
        customers=engine.counts()["customers"],
        decisions=backtest.decisions,
        sends=backtest.sends,
        cpu_seconds=backtest.engine_cpu_seconds,
        seconds=backtest.engine_seconds,
    )
