"""A peer of the dispatcher's gRPC protocol: it answers Confirm as a test tells it to, and journals what Track brings.
It is no scorer: it folds nothing and decides nothing."""

# ruff: noqa: N802 - the methods are named by the contract

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from nats.js import JetStreamContext

from cart_recovery.v1 import event_pb2_grpc, scoring_pb2_grpc
from cart_recovery.v1.event_pb2 import Acknowledge, Event, TrackRequest, TrackResponse, TrackStreamResponse
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.person_pb2 import IdentityKeyKind
from cart_recovery.v1.scoring_pb2 import (
    ConfirmRequest,
    ConfirmResponse,
    ExplainRequest,
    ExplainResponse,
    Go,
    ScoreRequest,
    ScoreResponse,
    Skip,
)

Context = aio.ServicerContext[Any, Any]
Answer = Callable[[ConfirmRequest], Awaitable[ConfirmResponse | None]]


class ScorerPeer(scoring_pb2_grpc.ScoringServiceServicer, event_pb2_grpc.EventServiceServicer):
    """Answers go for every decision it was told of, unless a test says otherwise."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._server: aio.Server | None = None
        self.port = 0
        self.go: dict[str, Go] = {}
        self.skip: dict[str, Skip] = {}
        self.answer: Answer | None = None
        """Asked first; None as its result means the usual answer."""
        self.confirms: list[ConfirmRequest] = []
        self.events: dict[str, Event] = {}
        """By event id: a repeated one counts once."""
        self.tracked: list[Event] = []
        self.before_track: Callable[[Event], Awaitable[None]] | None = None
        self.behind_answers = 0
        self.away = False
        self._arrival = asyncio.Condition()

    async def start(self) -> None:
        self._server = aio.server()
        scoring_pb2_grpc.add_ScoringServiceServicer_to_server(self, self._server)
        event_pb2_grpc.add_EventServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def outcome(self, name: str, *, count: int = 1, timeout_seconds: float = 15.0) -> MessageOutcome:
        """Waits until there are `count` outcomes of this kind and returns the last of them."""
        async with asyncio.timeout(timeout_seconds), self._arrival:
            await self._arrival.wait_for(lambda: len(self.outcomes(name)) >= count)
        return self.outcomes(name)[count - 1]

    def outcomes(self, *names: str) -> list[MessageOutcome]:
        """Distinct outcomes so far, of these kinds."""
        found = [event.message_outcome for event in self.events.values()]
        return [outcome for outcome in found if outcome.WhichOneof("outcome") in names]

    async def Confirm(self, request: ConfirmRequest, context: Context) -> ConfirmResponse:
        self.confirms.append(request)
        if self.away:
            await context.abort(StatusCode.UNAVAILABLE, "away")
        if self.behind_answers:
            self.behind_answers -= 1
            await _abort_behind(context)
        if self.answer is not None:
            answered = await self.answer(request)
            if answered is not None:
                return answered
        if request.decision_id in self.skip:
            return ConfirmResponse(skip=self.skip[request.decision_id])
        if request.decision_id not in self.go:
            await context.abort(StatusCode.NOT_FOUND, "no such decision")
        return ConfirmResponse(go=self.go[request.decision_id])

    async def Track(self, request: TrackRequest, context: Context) -> TrackResponse:
        if self.away:
            await context.abort(StatusCode.UNAVAILABLE, "away")
        if self.before_track is not None:
            await self.before_track(request.event)
        sequence = await self.journal(request.event)
        self.tracked.append(request.event)
        self.events.setdefault(request.event.event_id, request.event)
        async with self._arrival:
            self._arrival.notify_all()
        journalled = request.acknowledge == Acknowledge.ACKNOWLEDGE_JOURNALED
        return TrackResponse(journal_sequence=sequence if journalled else 0)

    async def journal(self, event: Event) -> int:
        """Publishes an event as the relay would, the person named by alias."""
        message = JournalMessage(event=event)
        for alias in event.identity.aliases:
            message.identity_keys.add(kind=IdentityKeyKind.IDENTITY_KEY_KIND_ALIAS, alias=alias)
        message.event.ClearField("identity")
        kind = event.WhichOneof("kind")
        ack = await self._js.publish(f"evt.0.{kind}", message.SerializeToString())
        return ack.seq

    async def TrackStream(self, _requests: object, context: Context) -> AsyncIterator[TrackStreamResponse]:
        await context.abort(StatusCode.UNIMPLEMENTED, "the dispatcher tracks one by one")
        yield TrackStreamResponse()

    async def Score(self, _request: ScoreRequest, context: Context) -> ScoreResponse:
        return await context.abort(StatusCode.UNIMPLEMENTED, "no scorer")

    async def Explain(self, _request: ExplainRequest, context: Context) -> ExplainResponse:
        return await context.abort(StatusCode.UNIMPLEMENTED, "no scorer")


async def _abort_behind(context: Context) -> None:
    info = ErrorInfo(reason="REASON_STATE_BEHIND", domain="cart_recovery")
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(10)
    status = Status(code=StatusCode.FAILED_PRECONDITION.value[0], message="behind")
    for detail in (info, retry):
        packed = PackedMessage()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(StatusCode.FAILED_PRECONDITION, "behind")
