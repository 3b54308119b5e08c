"""A peer of the dispatcher's gRPC protocol: it answers Confirm as a test tells it to, and journals what Track brings.
It is no scorer: it folds nothing and decides nothing."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from nats.js import JetStreamContext

from cart_recovery.v1 import event_pb2_grpc, scoring_pb2_grpc
from cart_recovery.v1.event_pb2 import Acknowledge, Event, TrackRequest, TrackResponse
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.person_pb2 import IdentityKeyKind
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ConfirmResponse, Go, Skip

Answer = Callable[[ConfirmRequest], Awaitable[ConfirmResponse | None]]


class ScorerPeer(scoring_pb2_grpc.ScoringServiceServicer, event_pb2_grpc.EventServiceServicer):
    """Answers go for every decision it was told of, unless a test says otherwise."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._server: aio.Server | None = None
        self.port = 0
        self.go: dict[str, Go] = {}
        self.skip: dict[str, Reason.ValueType] = {}
        self.answer: Answer | None = None
        """Asked first; None as its result means the usual answer."""
        self.confirms: list[ConfirmRequest] = []
        self.events: dict[str, Event] = {}
        """By event id: a repeated one counts once."""
        self.tracked: list[Event] = []
        self.before_track: Callable[[Event], Awaitable[None]] | None = None
        self.behind_answers = 0
        self.away = False
        self._arrivals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def start(self) -> None:
        self._server = aio.server()
        scoring_pb2_grpc.add_ScoringServiceServicer_to_server(self, self._server)
        event_pb2_grpc.add_EventServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def outcome(self, name: str, timeout_seconds: float = 15.0) -> MessageOutcome:
        """Waits for the first outcome of this kind and returns it."""
        await asyncio.wait_for(self._arrivals[name].wait(), timeout_seconds)
        return self.outcomes(name)[0]

    def outcomes(self, *names: str) -> list[MessageOutcome]:
        """Distinct outcomes so far, of these kinds."""
        found = [event.message_outcome for event in self.events.values()]
        return [outcome for outcome in found if outcome.WhichOneof("outcome") in names]

    async def Confirm(self, request: ConfirmRequest, context: aio.ServicerContext) -> ConfirmResponse:  # type: ignore[override]
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
            return ConfirmResponse(skip=Skip(reason=self.skip[request.decision_id]))
        if request.decision_id not in self.go:
            await context.abort(StatusCode.NOT_FOUND, "no such decision")
        return ConfirmResponse(go=self.go[request.decision_id])

    async def Track(self, request: TrackRequest, context: aio.ServicerContext) -> TrackResponse:  # type: ignore[override]
        if self.away:
            await context.abort(StatusCode.UNAVAILABLE, "away")
        if self.before_track is not None:
            await self.before_track(request.event)
        sequence = await self.journal(request.event)
        self.tracked.append(request.event)
        self.events.setdefault(request.event.event_id, request.event)
        self._arrivals[request.event.message_outcome.WhichOneof("outcome") or ""].set()
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

    def TrackStream(self, request_iterator: object, context: object) -> object:  # type: ignore[override]
        raise NotImplementedError

    async def Score(self, request: object, context: aio.ServicerContext) -> object:  # type: ignore[override]
        await context.abort(StatusCode.UNIMPLEMENTED, "no scorer")

    async def Explain(self, request: object, context: aio.ServicerContext) -> object:  # type: ignore[override]
        await context.abort(StatusCode.UNIMPLEMENTED, "no scorer")


async def _abort_behind(context: aio.ServicerContext) -> None:
    info = ErrorInfo(reason="REASON_STATE_BEHIND", domain="cart_recovery")
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(10)
    status = Status(code=StatusCode.FAILED_PRECONDITION.value[0], message="behind")
    for detail in (info, retry):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(StatusCode.FAILED_PRECONDITION, "behind")
