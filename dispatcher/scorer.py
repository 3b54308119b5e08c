"""The scorer as the dispatcher sees it: Confirm before a send, Track after it. A gRPC status becomes one of this
module's exceptions here and nowhere else.

    ScorerError
    ├── ScorerAway        try again later
    ├── DecisionUnknown   it is older than the scorer's memory
    └── ScorerRefused     the request itself is at fault
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from cart_recovery.v1.event_pb2 import Acknowledge, Event, TrackRequest, TrackResponse
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ConfirmResponse
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from dispatcher.settings import ScorerTls

CALL_TIMEOUT_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 2.0
DETAILS_KEY = "grpc-status-details-bin"

AWAY_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Codes after which the same request may succeed. FAILED_PRECONDITION is STATE_BEHIND: the fold has to catch up."""

T = TypeVar("T")


class ScorerError(Exception):
    """The scorer did not do what was asked."""


class ScorerAway(ScorerError):
    """The scorer cannot answer now."""

    def __init__(self, words: str, delay_seconds: float) -> None:
        """`delay_seconds` is the scorer's own wish; 0 where it has none."""
        super().__init__(words)
        self.delay_seconds = delay_seconds


class DecisionUnknown(ScorerError):
    """No such decision is known any more."""


class ScorerRefused(ScorerError):
    """The request is at fault; repeating it is no use."""


def _channel(target: str, tls: ScorerTls | None) -> aio.Channel:
    options = [("grpc.max_reconnect_backoff_ms", 2_000)]
    if tls is None:
        return aio.insecure_channel(target, options=options)
    credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)
    return aio.secure_channel(target, credentials, options=options)


class Scorer:
    """One channel to the scorer's gRPC services."""

    def __init__(self, target: str, *, patience_seconds: float, tls: ScorerTls | None = None) -> None:
        self._channel = _channel(target, tls)
        self._scoring = ScoringServiceStub(self._channel)
        self._events = EventServiceStub(self._channel)
        self._patience_seconds = patience_seconds
        self._impatient = asyncio.Event()

    def lose_patience(self) -> None:
        """From now on nothing waits for a scorer that is away: the process stops."""
        self._impatient.set()

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def confirm(
        self, decision_id: str, *, minimum_sequence: int, touch: int = 0, claimed: bool = False
    ) -> ConfirmResponse:
        """Asks whether a send may go, waiting with patience for a scorer that is away or behind.

        Raises ScorerAway once the patience is over, DecisionUnknown, ScorerRefused.
        """
        request = ConfirmRequest(
            decision_id=decision_id, minimum_sequence=minimum_sequence, touch=touch, claimed=claimed
        )
        return await self._patiently(lambda: self._scoring.Confirm(request, timeout=CALL_TIMEOUT_SECONDS))

    async def track(self, event: Event) -> None:
        """Hands an event to the journal by way of the scorer's spool, with the same patience and exceptions."""
        request = TrackRequest(event=event, acknowledge=Acknowledge.ACKNOWLEDGE_SPOOLED)
        await self._patiently(lambda: self._events.Track(request, timeout=CALL_TIMEOUT_SECONDS))

    async def track_once(self, event: Event, *, journalled: bool, timeout_seconds: float) -> TrackResponse:
        """One try, for callers with a person waiting. With `journalled` it answers once the event is folded."""
        acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED if journalled else Acknowledge.ACKNOWLEDGE_SPOOLED
        request = TrackRequest(event=event, acknowledge=acknowledge)
        try:
            return await self._events.Track(request, timeout=timeout_seconds)
        except aio.AioRpcError as error:
            raise scorer_error(error) from error

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await call()
            except aio.AioRpcError as error:
                translated = scorer_error(error)
                if not isinstance(translated, ScorerAway):
                    raise translated from error
                wait_seconds = min(max(pause_seconds, translated.delay_seconds), LONGEST_PAUSE_SECONDS)
                if self._impatient.is_set() or loop.time() + wait_seconds > deadline:
                    raise translated from error
            with suppress(TimeoutError):
                await asyncio.wait_for(self._impatient.wait(), wait_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def scorer_error(error: aio.AioRpcError) -> ScorerError:
    """What a failed call means."""
    reason, delay_seconds = _details(error)
    words = f"{error.code().name}: {error.details()}"
    if reason == Reason.Name(Reason.REASON_DECISION_UNKNOWN) or error.code() is grpc.StatusCode.NOT_FOUND:
        return DecisionUnknown(words)
    if error.code() in AWAY_CODES:
        return ScorerAway(words, delay_seconds)
    return ScorerRefused(words)


def _details(error: aio.AioRpcError) -> tuple[str, float]:
    """The reason's name and the wished delay, from the google.rpc.Status that travels with the error."""
    reason, delay_seconds = "", 0.0
    info, retry = ErrorInfo(), RetryInfo()
    for key, value in error.trailing_metadata():
        if key != DETAILS_KEY or not isinstance(value, bytes):
            continue
        for detail in Status.FromString(value).details:
            if detail.Unpack(info):
                reason = info.reason
            elif detail.Unpack(retry):
                delay_seconds = retry.retry_delay.ToMicroseconds() / 1e6
    return reason, delay_seconds
