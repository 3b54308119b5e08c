"""When touches fall due: kept by JetStream in production, by a heap in rehearsals and demos, behind one port."""

import hashlib
import heapq
from datetime import UTC, datetime
from typing import Protocol

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from dispatcher.clock import MICROS
from dispatcher.streams import TOUCHES, retried
from dispatcher.touch import Touch, outcome_of

SEND_ID_HEADER = "Send-Id"
SEQUENCE_HEADER = "Journal-Sequence"

LATER = "later"
"""Stands for the channel of touches that are decided when they fall due."""

HEAP_LIMIT = 1_000_000
"""Touches that a heap holds at most; one more is refused."""


class ScheduleFull(Exception):
    """The heap holds as many touches as it may."""


class Schedule(Protocol):
    """Keeps touches until they fall due. Delivering the due ones is not part of the port: JetStream delivers to a
    consumer, whoever owns a heap fires it."""

    async def put(self, touch: Touch, due_micros: int) -> None:
        """Keeps `touch` until `due_micros`; replaces an earlier schedule of the same touch."""

    async def pending(self, customer: str) -> list[Touch]:
        """The touches of a customer that have not fallen due."""

    async def cancel(self, touch: Touch) -> None:
        """Drops a pending touch; one that is not pending is no error."""


class JetStreamSchedule:
    """Schedules kept by the server: they outlive every dispatcher. Due touches arrive on `due.<channel>`,
    those still to be decided on `due.later`."""

    def __init__(self, js: JetStreamContext, *, ttl_seconds: int, jitter_seconds: int) -> None:
        self._js = js
        self._ttl_seconds = ttl_seconds
        self._jitter_seconds = jitter_seconds

    async def put(self, touch: Touch, due_micros: int) -> None:
        """Publishes the schedule, at a whole second not before `due_micros`."""
        payload, headers = encode(touch)
        headers |= {
            api.Header.SCHEDULE.value: f"@at {self._due_time(touch, due_micros):%Y-%m-%dT%H:%M:%SZ}",
            api.Header.SCHEDULE_TARGET.value: f"due.{channel_name(touch.channel) if touch.decided else LATER}",
            # A schedule whose time passed during an outage fires at once; its due message must not live for ever.
            api.Header.SCHEDULE_TTL.value: f"{self._ttl_seconds}s",
        }
        subject = _subject(touch)
        await retried(lambda: self._js.publish(subject, payload, headers=dict(headers), stream=TOUCHES))

    async def pending(self, customer: str) -> list[Touch]:
        """Reads the customer's schedules from the stream."""
        touches: list[Touch] = []
        sequence = 1
        while True:
            try:
                found = await self._js.get_msg(TOUCHES, sequence, subject=f"sch.{customer}.>", next=True)
            except NotFoundError:
                return touches
            touches.append(decode(found.data or b"", found.headers or {}))
            sequence = (found.seq or sequence) + 1

    async def cancel(self, touch: Touch) -> None:
        """Purges the touch's schedule."""
        await retried(lambda: self._js.purge_stream(TOUCHES, subject=_subject(touch)))

    def _due_time(self, touch: Touch, due_micros: int) -> datetime:
        whole_seconds = -(-due_micros // MICROS)
        return datetime.fromtimestamp(whole_seconds + _jitter(touch, self._jitter_seconds), UTC)


class HeapSchedule:
    """Schedules in memory, fired by whoever steps the clock. They die with the process."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._touches: dict[str, tuple[int, Touch]] = {}
        self._by_customer: dict[str, set[str]] = {}
        self._order = 0

    async def put(self, touch: Touch, due_micros: int) -> None:
        """Keeps the touch. Raises ScheduleFull at the bound."""
        if len(self._touches) >= HEAP_LIMIT and touch.schedule_id not in self._touches:
            raise ScheduleFull(f"{HEAP_LIMIT} touches are pending")
        self._order += 1
        self._touches[touch.schedule_id] = (self._order, touch)
        self._by_customer.setdefault(touch.customer, set()).add(touch.schedule_id)
        heapq.heappush(self._heap, (due_micros, self._order, touch.schedule_id))

    async def pending(self, customer: str) -> list[Touch]:
        """The customer's touches in the order they were scheduled."""
        entries = sorted(self._touches[name] for name in self._by_customer.get(customer, ()))
        return [touch for _, touch in entries]

    async def cancel(self, touch: Touch) -> None:
        """Forgets the touch."""
        if touch.schedule_id in self._touches:
            self._forget(touch.schedule_id)

    def due_time(self) -> int | None:
        """When the next touch falls due, microseconds since 1970 UTC; None where nothing is pending."""
        while self._heap and not self._stands(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire(self, until_micros: int) -> list[Touch]:
        """Takes out every touch due by then, earliest first."""
        fired: list[Touch] = []
        while (due_micros := self.due_time()) is not None and due_micros <= until_micros:
            _, _, name = heapq.heappop(self._heap)
            fired.append(self._forget(name))
        return fired

    def _stands(self, entry: tuple[int, int, str]) -> bool:
        _, order, name = entry
        return name in self._touches and self._touches[name][0] == order

    def _forget(self, name: str) -> Touch:
        _, touch = self._touches.pop(name)
        names = self._by_customer[touch.customer]
        names.discard(name)
        if not names:
            del self._by_customer[touch.customer]
        return touch


def encode(touch: Touch) -> tuple[bytes, dict[str, str]]:
    """A touch as payload and headers: the payload is the event that tells of its scheduling."""
    outcome = outcome_of(touch)
    outcome.scheduled.due_time.FromMicroseconds(touch.first_due_micros)
    event = Event(storefront_id=touch.storefront_id, message_outcome=outcome)
    event.identity.aliases.extend(touch.aliases)
    # The fired message loses its Nats-Msg-Id, so the send id travels in a header of its own.
    headers = {SEND_ID_HEADER: touch.send_id, SEQUENCE_HEADER: str(touch.journal_sequence)}
    return event.SerializeToString(deterministic=True), headers


def decode(payload: bytes, headers: dict[str, str]) -> Touch:
    """The touch that `encode` wrote. Raises on anything else."""
    event = Event.FromString(payload)
    outcome = event.message_outcome
    if not outcome.HasField("scheduled") or not event.identity.aliases:
        raise ValueError("not a scheduled touch")
    return Touch(
        storefront_id=event.storefront_id,
        aliases=tuple(event.identity.aliases),
        decision_id=outcome.decision_id,
        send_id=outcome.send_id,
        channel=outcome.channel,
        number=outcome.touch,
        first_due_micros=outcome.scheduled.due_time.ToMicroseconds(),
        journal_sequence=int(headers.get(SEQUENCE_HEADER, "0")),
    )


def channel_name(channel: Channel.ValueType) -> str:
    """The channel's name in subjects: "email", "in_app"."""
    return Channel.Name(channel).removeprefix("CHANNEL_").lower()


def _subject(touch: Touch) -> str:
    return f"sch.{touch.customer}.{touch.schedule_id}"


def _jitter(touch: Touch, seconds: int) -> int:
    if seconds <= 0:
        return 0
    digest = hashlib.sha256(touch.schedule_id.encode()).digest()
    return int.from_bytes(digest[:8], "little") % seconds
