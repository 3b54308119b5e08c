"""A storefront's view of the scorer: gRPC calls over a real channel, refusals as data."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from urllib.request import urlopen

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from cart_recovery.v1.event_pb2 import (
    ACKNOWLEDGE_SPOOLED,
    Acknowledge,
    Event,
    TrackRequest,
    TrackResponse,
    TrackStreamRequest,
    TrackStreamResponse,
)
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import (
    ConfirmRequest,
    ConfirmResponse,
    ExplainRequest,
    ExplainResponse,
    ScoreRequest,
    ScoreResponse,
)
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub

EVENTS = "cart_recovery.v1.EventService"
SCORING = "cart_recovery.v1.ScoringService"

_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    # A scorer that was killed is found again as soon as it listens.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # Channels with the same options share a connection otherwise.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Refusal:
    """What a failed call says."""

    code: grpc.StatusCode
    words: str
    reason: str
    """Name in the reason table; empty where the status carries none."""
    violations: dict[str, str]
    """Field to description."""
    retry_after: timedelta | None


class Client:
    """Calls one scorer."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self._events = EventServiceStub(self._channel)
        self._scoring = ScoringServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def track(
        self, event: Event, *, acknowledge: Acknowledge.ValueType = ACKNOWLEDGE_SPOOLED, timeout: float = 10.0
    ) -> TrackResponse:
        """Tracks one event."""
        return self._events.Track(TrackRequest(event=event, acknowledge=acknowledge), timeout=timeout)

    def track_stream(self, events: Iterable[Event], *, timeout: float = 10.0) -> list[TrackStreamResponse]:
        """Tracks events on one stream; the answers come in order."""
        requests = (TrackStreamRequest(track=TrackRequest(event=event)) for event in events)
        return list(self._events.TrackStream(requests, timeout=timeout))

    def track_later(
        self, event: Event, *, acknowledge: Acknowledge.ValueType, timeout: float
    ) -> "grpc.Future[TrackResponse]":
        """Begins to track one event."""
        return self._events.Track.future(TrackRequest(event=event, acknowledge=acknowledge), timeout=timeout)

    def score(self, request: ScoreRequest, *, timeout: float = 10.0) -> ScoreResponse:
        """Asks for a decision."""
        return self._scoring.Score(request, timeout=timeout)

    def confirm(self, request: ConfirmRequest, *, timeout: float = 10.0) -> ConfirmResponse:
        """Asks whether a send may go."""
        return self._scoring.Confirm(request, timeout=timeout)

    def confirm_later(self, request: ConfirmRequest, *, timeout: float) -> "grpc.Future[ConfirmResponse]":
        """Begins to ask whether a send may go."""
        return self._scoring.Confirm.future(request, timeout=timeout)

    def explain(self, request: ExplainRequest, *, timeout: float = 10.0) -> ExplainResponse:
        """Asks why."""
        return self._scoring.Explain(request, timeout=timeout)

    def raw(self, method: str, payload: bytes) -> bytes:
        """Sends bytes as they are to a full method name."""
        call = self._channel.unary_unary(
            f"/{method}", request_serializer=lambda sent: sent, response_deserializer=lambda received: received
        )
        answer: bytes = call(payload, timeout=10.0)
        return answer

    def health(self, service: str = "") -> str:
        """SERVING, NOT_SERVING, or AWAY where nothing answers."""
        try:
            answer = self._health.Check(health_pb2.HealthCheckRequest(service=service), timeout=1.0)
        except grpc.RpcError:
            return "AWAY"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Reads the status of a failed call."""
    assert isinstance(error, grpc.Call)
    reason, violations, retry = "", {}, None
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        bad, about, again = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(bad):
            violations = {one.field: one.description for one in bad.field_violations}
        elif detail.Unpack(about):
            reason = about.reason
        elif detail.Unpack(again):
            retry = again.retry_delay.ToTimedelta()
    return Refusal(error.code(), error.details() or "", reason, violations, retry)


def metrics_text(address: str) -> str:
    """The Prometheus page."""
    with urlopen(f"http://{address}/metrics", timeout=5) as page:
        return str(page.read().decode())


def metric(address: str, name: str) -> float:
    """The value of a metric without labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics_text(address), re.MULTILINE)
    assert found, f"the metrics page has no {name}"
    return float(json.loads(found.group(1)))
