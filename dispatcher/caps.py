"""Frequency caps, reserved right before a send, so that two dispatchers cannot both take the last place. The engine
checks caps too; here only the race is decided."""

import hashlib
import re
from collections import OrderedDict, deque
from typing import Protocol

from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError, NotFoundError

from cart_recovery.v1.scoring_pb2 import CapReservation
from dispatcher.clock import MICROS, Clock
from dispatcher.streams import SUBJECT_FULL, retried

NAME_TAKEN = 10058
"""Server code: the stream exists with other settings."""
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

CLOCKED_LIMIT = 1_000_000
"""Customers and rules that a rehearsal keeps reservations of; the one reserved longest ago goes first."""


class Caps(Protocol):
    """Takes a place under a cap."""

    async def reserve(self, customer: str, send_id: str, cap: CapReservation) -> bool:
        """True where the send has its place, new or from before; False where the cap is reached."""


class JetStreamCaps:
    """One stream per rule, one subject per customer: the server refuses a reservation too many, and forgets each after
    the window."""

    def __init__(self, js: JetStreamContext, *, replicas: int) -> None:
        self._js = js
        self._replicas = replicas
        self._known: set[str] = set()

    async def reserve(self, customer: str, send_id: str, cap: CapReservation) -> bool:
        """Publishes the reservation, unless the customer's subject holds the send's own one."""
        rule = rule_name(cap.rule_id)
        await self._open(rule, cap)
        subject = f"cap.{rule}.{customer}"
        # The backoff of a send that is tried again is longer than any duplicate window.
        if await self._holds(rule, subject, send_id, cap.max_sends):
            return True
        # Within the window, the id keeps two attempts at the same time from taking two places.
        headers = {api.Header.MSG_ID.value: send_id}
        try:
            await retried(lambda: self._js.publish(subject, send_id.encode(), headers=dict(headers)))
        except APIError as error:
            if error.err_code != SUBJECT_FULL:
                raise
            return await self._holds(rule, subject, send_id, cap.max_sends)
        return True

    async def _open(self, rule: str, cap: CapReservation) -> None:
        if rule in self._known:
            return
        config = api.StreamConfig(
            name=f"CAP_{rule}",
            subjects=[f"cap.{rule}.*"],
            storage=api.StorageType.FILE,
            num_replicas=self._replicas,
            discard=api.DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_msgs_per_subject=cap.max_sends,
            max_age=cap.window_seconds,
            duplicate_window=min(120, cap.window_seconds),
        )
        try:
            await retried(lambda: self._js.add_stream(config))
        except BadRequestError as error:
            # A rule's numbers never change under one id, so the stream that stands is the rule.
            if error.err_code != NAME_TAKEN:
                raise
        self._known.add(rule)

    async def _holds(self, rule: str, subject: str, send_id: str, max_sends: int) -> bool:
        sequence = 1
        for _ in range(max_sends):
            found = await self._next(rule, subject, sequence)
            if found is None:
                return False
            if found.data == send_id.encode():
                return True
            sequence = (found.seq or sequence) + 1
        return False

    async def _next(self, rule: str, subject: str, sequence: int) -> api.RawStreamMsg | None:
        try:
            return await retried(lambda: self._js.get_msg(f"CAP_{rule}", sequence, subject=subject, next=True))
        except NotFoundError:
            return None


class ClockedCaps:
    """The same rule in memory, on the clock of a rehearsal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reserved: OrderedDict[tuple[str, str], deque[tuple[int, str]]] = OrderedDict()

    async def reserve(self, customer: str, send_id: str, cap: CapReservation) -> bool:
        """Counts the reservations within the window that ends now."""
        now_micros = self._clock.now_micros()
        places = self._reserved.setdefault((cap.rule_id, customer), deque())
        while places and places[0][0] <= now_micros - cap.window_seconds * MICROS:
            places.popleft()
        if any(holder == send_id for _, holder in places):
            return True
        if len(places) >= cap.max_sends:
            return False
        places.append((now_micros, send_id))
        self._reserved.move_to_end((cap.rule_id, customer))
        if len(self._reserved) > CLOCKED_LIMIT:
            self._reserved.popitem(last=False)
        return True


def rule_name(rule_id: str) -> str:
    """The rule's name in streams and subjects: itself where that is allowed, else a hash."""
    if PLAIN_NAME.fullmatch(rule_id):
        return rule_id
    return hashlib.sha256(rule_id.encode()).hexdigest()[:32]
