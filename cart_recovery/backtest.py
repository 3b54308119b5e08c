"""A backtest: the engine offline over an event file, and what it would have decided, per day and per action."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import TrackRequest
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.reason_pb2 import Reason
from rust_features import Offline

_BATCH = 50_000


@dataclass
class Backtest:
    """Figures of one backtest. Days are UTC."""

    rejected: Callable[[int, str], None]
    """Told the row and the reason of an event that the engine refuses."""
    decided: Callable[[DecisionRecord], None]
    """Told every decision."""
    events: int = 0
    engine_seconds: float = 0.0
    """In the engine, with its decisions; without reading the file."""
    engine_cpu_seconds: float = 0.0
    """The same of processor time, which holds on a busy machine too."""
    decisions: int = 0
    holdout: int = 0
    sends: int = 0
    by_day: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Decisions per action, by day."""
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Why an action was rejected, by action."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Why a decided touch would not have been sent."""

    def run(self, offline: Offline, rows: Iterator[tuple[int, TrackRequest]], progress: Callable[[int], None]) -> None:
        """Folds `rows` (row number, request) in their order, then lets everything fall due that still will."""
        batch: list[tuple[int, bytes]] = []
        for number, request in rows:
            batch.append((number, request.SerializeToString()))
            if len(batch) == _BATCH:
                self._fold(offline, batch)
                batch = []
                progress(self.events)
        self._fold(offline, batch)
        with self._in_engine():
            while (due := offline.next_due()) is not None:
                offline.advance(due)
        self._collect(offline)

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "events": self.events,
            "engine_seconds": round(self.engine_seconds, 3),
            "engine_cpu_seconds": round(self.engine_cpu_seconds, 3),
            "events_per_second": self.events_per_second,
            "decisions": self.decisions,
            "holdout": self.holdout,
            "sends": self.sends,
            "by_day": {day: dict(counts) for day, counts in sorted(self.by_day.items())},
            "rejected_actions": {action: dict(counts) for action, counts in sorted(self.reasons.items())},
            "skipped": dict(self.skipped),
        }

    @property
    def events_per_second(self) -> int:
        """Rate in the engine."""
        return round(self.events / self.engine_seconds) if self.engine_seconds else 0

    @contextmanager
    def _in_engine(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self.engine_seconds += time.perf_counter() - wall
        self.engine_cpu_seconds += time.thread_time() - cpu

    def _fold(self, offline: Offline, batch: list[tuple[int, bytes]]) -> None:
        frame = pl.DataFrame({"request": [request for _, request in batch]}, schema={"request": pl.Binary})
        with self._in_engine():
            refused = offline.run(frame)
        self.events += len(batch) - len(refused)
        for index, message in refused:
            self.rejected(batch[index][0], message)
        self._collect(offline)

    def _collect(self, offline: Offline) -> None:
        for serialised in offline.take_decisions():
            record = DecisionRecord.FromString(serialised)
            self._count(record)
            self.decided(record)
        for serialised in offline.take_sends():
            outcome = MessageOutcome.FromString(serialised)
            if outcome.HasField("skipped"):
                self.skipped[Reason.Name(outcome.skipped.reason)] += 1
            else:
                self.sends += 1

    def _count(self, record: DecisionRecord) -> None:
        self.decisions += 1
        self.holdout += record.holdout
        day = datetime.fromtimestamp(record.clock.seconds, UTC).date().isoformat()
        self.by_day[day][record.candidates[record.chosen].action.action_id] += 1
        for candidate in record.candidates:
            for reason in candidate.reasons:
                self.reasons[candidate.action.action_id][Reason.Name(reason)] += 1
