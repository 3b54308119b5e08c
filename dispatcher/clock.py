"""Where the dispatcher reads the time: integer microseconds since 1970 UTC, from the wall or from a rehearsal."""

import time
from dataclasses import dataclass
from typing import Protocol

MICROS = 1_000_000
"""Microseconds in a second."""


class Clock(Protocol):
    """A source of the present time."""

    def now_micros(self) -> int:
        """Microseconds since 1970 UTC."""


class WallClock:
    """The machine's own clock."""

    def now_micros(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000


@dataclass
class SteppedClock:
    """A clock that stands until somebody moves it: rehearsals step it from event to event."""

    time_micros: int

    def now_micros(self) -> int:
        """The time it was last moved to."""
        return self.time_micros

    def move_to(self, time_micros: int) -> None:
        """Moves on; never back."""
        self.time_micros = max(self.time_micros, time_micros)
