"""The gRPC front: status codes, details, limits, streams and health, with a scorer that never reached NATS."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from grpc_status import rpc_status

from cart_recovery.v1.event_pb2 import TrackRequest, TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import ScoreRequest, Trigger
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.process import Scorer
from pyserver.server import EVENT_SERVICE, MAX_REQUEST_BYTES, SCORING_SERVICE
from tests.pyserver.conftest import added

Connect = Callable[[Scorer], grpc.Channel]
TRACK = f"/{EVENT_SERVICE}/Track"


@pytest.fixture
def channel(lonely: Scorer, connect: Connect) -> grpc.Channel:
    return connect(lonely)


@pytest.fixture
def events(channel: grpc.Channel) -> EventServiceStub:
    return EventServiceStub(channel)


def refused(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_events_are_accepted_while_nats_is_away(events: EventServiceStub, lonely: Scorer) -> None:
    offsets = [events.Track(added(f"event-{number}")).spool_offset for number in range(3)]
    assert offsets == sorted(set(offsets))
    assert lonely.engine.status().spool_depth_messages == 3


def test_a_refusal_names_field_value_and_remedy(events: EventServiceStub) -> None:
    request = added("event")
    request.event.product_added.currency_code = "XXQ"
    error = refused(lambda: events.Track(request))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    details = rpc_status.from_call(error).details
    violations = error_details_pb2.BadRequest()
    assert any(detail.Unpack(violations) for detail in details)
    assert "currency_code" in violations.field_violations[0].field
    assert "XXQ" in violations.field_violations[0].description
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in details)
    assert info.reason == "REASON_CURRENCY_UNKNOWN"


def test_bytes_that_are_no_message_are_refused_and_the_process_lives(
    channel: grpc.Channel, events: EventServiceStub
) -> None:
    raw = channel.unary_unary(TRACK)
    assert refused(lambda: raw(b"\xff\xff\xff")).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert events.Track(added("afterwards")).spool_offset >= 0


def test_an_oversize_request_is_resource_exhausted(channel: grpc.Channel) -> None:
    raw = channel.unary_unary(TRACK)
    error = refused(lambda: raw(bytes(MAX_REQUEST_BYTES + 1)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_refused_event_does_not_end_its_stream(events: EventServiceStub) -> None:
    broken = added("two")
    broken.event.product_added.line.quantity = 0
    requests = [added("one"), broken, added("three")]
    answers = list(events.TrackStream(TrackStreamRequest(track=request) for request in requests))
    assert [answer.WhichOneof("result") for answer in answers] == ["accepted", "rejected", "accepted"]
    rejected = answers[1].rejected
    assert rejected.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "quantity" in rejected.violations[0].field


def test_an_unparsable_message_does_not_end_its_stream(channel: grpc.Channel) -> None:
    stream = channel.stream_stream(f"/{EVENT_SERVICE}/TrackStream")
    good = TrackStreamRequest(track=added("one")).SerializeToString()
    assert len(list(stream(iter([b"\xff\xff", good])))) == 2


def test_streams_leave_threads_for_calls(events: EventServiceStub) -> None:
    blocked = threading.Event()

    def endless() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        blocked.wait()

    streams = [events.TrackStream(endless()) for _ in range(2)]
    assert all(next(stream).HasField("accepted") for stream in streams)
    error = refused(lambda: list(events.TrackStream(iter(()))))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert events.Track(added("two"), timeout=5).spool_offset >= 0
    blocked.set()
    for stream in streams:
        list(stream)


def test_score_without_state_is_unavailable_and_says_when_to_come_back(channel: grpc.Channel, lonely: Scorer) -> None:
    request = ScoreRequest(storefront_id="shop", cart_id="cart-ada", trigger=Trigger.TRIGGER_CHECKOUT_CALL)
    request.identity.customer_id = "ada"
    error = refused(lambda: ScoringServiceStub(channel).Score(request))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"]) > 0
    assert lonely.engine.status().spool_depth_messages == 0
    assert lonely.calls.refusals() == {("Score", "REASON_STATE_NOT_LOADED"): 1}


def test_health_is_told_per_service(channel: grpc.Channel) -> None:
    health = HealthStub(channel)
    statuses = {
        name: health.Check(HealthCheckRequest(service=name)).status for name in (EVENT_SERVICE, SCORING_SERVICE, "")
    }
    serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
    assert statuses == {EVENT_SERVICE: serving, SCORING_SERVICE: not_serving, "": not_serving}


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    asked = ServerReflectionRequest(list_services="")
    answer = next(iter(ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]))))
    names = {service.name for service in answer.list_services_response.service}
    assert {EVENT_SERVICE, SCORING_SERVICE} <= names


def test_an_unknown_method_is_unimplemented(channel: grpc.Channel) -> None:
    unknown = channel.unary_unary(f"/{EVENT_SERVICE}/Forget")
    assert refused(lambda: unknown(TrackRequest().SerializeToString())).code() == grpc.StatusCode.UNIMPLEMENTED
