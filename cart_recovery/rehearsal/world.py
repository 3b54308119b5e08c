"""What surrounds the system on a stepped clock: where events come from and who reacts to messages."""

from collections.abc import Iterator
from typing import Protocol

from cart_recovery.inbox import Arrival
from cart_recovery.v1.event_pb2 import TrackRequest


class World(Protocol):
    """The outside of the system. Times are microseconds since 1970 UTC."""

    def next_event(self) -> int | None:
        """When the next event comes, or None at the end."""

    def take(self, until_micros: int) -> list[TrackRequest]:
        """The events that come up to then, in order."""

    def next_reaction(self) -> int | None:
        """When a recipient next does something with a message, or None."""

    def react(self, until_micros: int) -> None:
        """Lets the recipients do what they do up to then, over HTTP."""

    def receive(self, arrival: Arrival, now_micros: int) -> None:
        """A message arrived in the inbox."""


class FileWorld:
    """Recorded events in order of time; nobody reacts to a message."""

    def __init__(self, requests: Iterator[TrackRequest], *, batch_limit: int = 10_000) -> None:
        self._requests = requests
        self._batch_limit = batch_limit
        self._ahead = next(requests, None)

    def next_event(self) -> int | None:
        """When the next event happened."""
        return None if self._ahead is None else self._ahead.event.event_time.ToMicroseconds()

    def take(self, until_micros: int) -> list[TrackRequest]:
        """The events up to then, at most so many that a batch stays small in memory."""
        taken: list[TrackRequest] = []
        while self._ahead is not None and len(taken) < self._batch_limit:
            # An event out of order goes with its neighbours; its own time is in it.
            if self._ahead.event.event_time.ToMicroseconds() > until_micros:
                break
            taken.append(self._ahead)
            self._ahead = next(self._requests, None)
        return taken

    def next_reaction(self) -> int | None:
        """Never."""
        return None

    def react(self, until_micros: int) -> None:
        """Nothing to do."""

    def receive(self, arrival: Arrival, now_micros: int) -> None:
        """The message stays in the inbox."""
