"""The stepper: one thing at a time, in order, and only when the system rests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cart_recovery.inbox import Arrival
from cart_recovery.rehearsal.stepper import Stepper, SystemStuck
from cart_recovery.rehearsal.world import FileWorld, World
from cart_recovery.v1.event_pb2 import TrackRequest

T = 1_000
"""Time of inactivity in these tests, microseconds."""
TOUCH_DELAY = 2_500


def request(time: int) -> TrackRequest:
    made = TrackRequest()
    made.event.event_time.FromMicroseconds(time)
    return made


@dataclass
class Rehearsed:
    """The smallest system with deadlines and touches: one cart that every event restarts; it logs what it is told."""

    log: list[tuple[str, int]] = field(default_factory=list)
    clock: int = 0
    deadline: int | None = None
    touches: list[int] = field(default_factory=list)
    unrest: int = 0

    def send(self, requests: Iterable[TrackRequest]) -> int:
        for one in requests:
            time = one.event.event_time.ToMicroseconds()
            # The fold fires a deadline before the event that passes it, however events were batched.
            self._fire(time)
            self.clock = max(self.clock, time)
            self.deadline = self.clock + T
            self.log.append(("event", time))
        self.unrest = 3
        return 0

    def advance(self, time_micros: int) -> None:
        self.clock = max(self.clock, time_micros)
        self._fire(self.clock)
        self.unrest = 3

    def next_deadline(self) -> int | None:
        return self.deadline

    def next_touch(self) -> int | None:
        return min(self.touches, default=None)

    def fire_touches(self, until_micros: int) -> None:
        assert self.unrest == 0
        self.log += [("touch", time) for time in sorted(self.touches) if time <= until_micros]
        self.touches = [time for time in self.touches if time > until_micros]

    def moving(self) -> str | None:
        self.unrest = max(0, self.unrest - 1)
        return "the test" if self.unrest else None

    def deliver(self, world: World, now_micros: int) -> None:
        pass

    def _fire(self, time: int) -> None:
        if self.deadline is not None and self.deadline <= time:
            self.log.append(("deadline", self.deadline))
            self.touches.append(self.deadline + TOUCH_DELAY)
            self.deadline = None


def run(times: list[int]) -> Rehearsed:
    system = Rehearsed()
    world = FileWorld(request(time) for time in times)
    Stepper(world, system, abandonment_micros=T, progress=lambda _: None).run()
    return system


@given(st.lists(st.integers(1, 20_000), max_size=60).map(sorted))
def test_everything_happens_once_and_in_the_order_of_time(times: list[int]) -> None:
    system = run(times)
    moments = [time for _, time in system.log]
    assert moments == sorted(moments)
    assert [time for kind, time in system.log if kind == "event"] == times
    abandoned = [earlier + T for earlier, later in pairwise([*times, 10**9]) if later >= earlier + T]
    assert [time for kind, time in system.log if kind == "deadline"] == abandoned
    assert [time for kind, time in system.log if kind == "touch"] == [time + TOUCH_DELAY for time in abandoned]


def test_it_runs_on_until_nothing_is_pending() -> None:
    assert run([5]).log == [("event", 5), ("deadline", 5 + T), ("touch", 5 + T + TOUCH_DELAY)]


def test_events_that_can_bring_about_nothing_before_the_last_go_out_together() -> None:
    batches: list[int] = []

    class Counting(Rehearsed):
        def send(self, requests: Iterable[TrackRequest]) -> int:
            taken = list(requests)
            batches.append(len(taken))
            return super().send(taken)

    world = FileWorld(request(time) for time in (10, 20, 30, 5_000))
    Stepper(world, Counting(), abandonment_micros=T, progress=lambda _: None).run()
    assert batches == [3, 1]


def test_a_reaction_comes_when_its_time_has_come() -> None:
    class Reacting(FileWorld):
        reactions = [400, 3_000]  # noqa: RUF012 (consumed by this one world)

        def next_reaction(self) -> int | None:
            return self.reactions[0] if self.reactions else None

        def react(self, until_micros: int) -> None:
            system.log.append(("reaction", self.reactions.pop(0)))

        def receive(self, arrival: Arrival, now_micros: int) -> None:
            raise AssertionError("nothing arrives here")

    system = Rehearsed()
    Stepper(Reacting(iter([request(300), request(500)])), system, abandonment_micros=T, progress=lambda _: None).run()
    assert [kind for kind, _ in system.log] == ["event", "reaction", "event", "deadline", "reaction", "touch"]


def test_a_deadline_that_never_fires_is_reported_and_does_not_spin() -> None:
    class Broken(Rehearsed):
        def _fire(self, time: int) -> None:
            pass

    stepper = Stepper(FileWorld(iter([request(1)])), Broken(), abandonment_micros=T, progress=lambda _: None)
    with pytest.raises(SystemStuck, match="did not fire"):
        stepper.run()
