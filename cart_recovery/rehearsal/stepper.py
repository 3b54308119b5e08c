"""Steps the clock: to the next event, deadline, due touch or reaction, and only when the whole system rests."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cart_recovery.rehearsal.world import World
from cart_recovery.v1.event_pb2 import TrackRequest

_POLL_SECONDS = 0.001
_REST_TIMEOUT_SECONDS = 60.0


class SystemStuck(Exception):
    """The system did not come to rest; the message says what is still moving."""


class System(Protocol):
    """The live system as the stepper needs it. Times are microseconds since 1970 UTC."""

    def send(self, requests: Iterable[TrackRequest]) -> int:
        """Tracks events over gRPC; returns how many were refused."""

    def advance(self, time_micros: int) -> None:
        """Moves the clock of engine and dispatcher on."""

    def next_deadline(self) -> int | None:
        """When the engine next decides by inactivity."""

    def next_touch(self) -> int | None:
        """When the dispatcher's next touch falls due."""

    def fire_touches(self, until_micros: int) -> None:
        """Lets the dispatcher carry out the touches due by then."""

    def moving(self) -> str | None:
        """What is not at rest, in words; None where spool, journal, fold and dispatcher rest."""

    def deliver(self, world: World, now_micros: int) -> None:
        """Hands the messages that arrived in the inbox to the world."""


@dataclass
class Steps:
    """What was done so far."""

    now_micros: int = 0
    events: int = 0
    refused: int = 0
    deadlines: int = 0
    touches: int = 0
    reactions: int = 0


class Stepper:
    """Runs one world against one system until nothing is pending."""

    def __init__(
        self, world: World, system: System, *, abandonment_micros: int, progress: Callable[[Steps], None]
    ) -> None:
        """`abandonment_micros` is the policy's time of inactivity, T: events closer together than that may go out
        together, because none of them can bring about a deadline before the last."""
        self._world = world
        self._system = system
        self._abandonment_micros = abandonment_micros
        self._progress = progress
        self._last_deadline: int | None = None
        self.steps = Steps()

    def run(self) -> Steps:
        """Steps until nothing is pending. Raises SystemStuck."""
        while self._step():
            self._rest()
            self._system.deliver(self._world, self.steps.now_micros)
            self._progress(self.steps)
        return self.steps

    def _step(self) -> bool:
        """Does the one thing that comes next; of several at the same time the deadline goes first, the event last."""
        deadline = self._system.next_deadline()
        touch = self._system.next_touch()
        reaction = self._world.next_reaction()
        event = self._world.next_event()
        due = [time for time in (deadline, touch, reaction) if time is not None]
        first_due = min(due, default=None)
        if event is not None and (first_due is None or event < first_due):
            self._events(event, first_due)
        elif first_due is None:
            return False
        else:
            self._advance(first_due)
            if first_due == deadline:
                self._deadline(deadline)
            elif first_due == touch:
                self._system.fire_touches(first_due)
                self.steps.touches += 1
            else:
                self._world.react(first_due)
                self.steps.reactions += 1
        return True

    def _events(self, first: int, first_due: int | None) -> None:
        until = first + self._abandonment_micros - 1
        if first_due is not None:
            until = min(until, first_due - 1)
        requests = self._world.take(until)
        self.steps.refused += self._system.send(requests)
        self.steps.events += len(requests)
        times = (request.event.event_time.ToMicroseconds() for request in requests)
        self.steps.now_micros = max(self.steps.now_micros, max(times, default=0))

    def _deadline(self, deadline: int) -> None:
        if deadline == self._last_deadline:
            raise SystemStuck(f"the deadline at {deadline} µs did not fire though the clock has passed it")
        self._last_deadline = deadline
        self.steps.deadlines += 1

    def _advance(self, time_micros: int) -> None:
        """A thing that is overdue, such as a touch without delay, happens now."""
        self.steps.now_micros = max(self.steps.now_micros, time_micros)
        self._system.advance(self.steps.now_micros)
        self._rest()

    def _rest(self) -> None:
        limit = time.monotonic() + _REST_TIMEOUT_SECONDS
        while (moving := self._system.moving()) is not None:
            if time.monotonic() > limit:
                raise SystemStuck(f"the system did not come to rest within {_REST_TIMEOUT_SECONDS:.0f} s: {moving}")
            time.sleep(_POLL_SECONDS)
