"""Health and reflection: what a client learns of a scorer before it calls it."""

from collections.abc import Callable

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from cart_recovery.v1 import scoring_pb2
from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICES, SCORING_SERVICE, SERVICES
from tests.pyserver.conformance.answers import code_of

Connect = Callable[[Scorer], grpc.Channel]
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def test_health_is_told_per_service(channel: grpc.Channel) -> None:
    health = HealthStub(channel)
    statuses = {
        name: health.Check(HealthCheckRequest(service=name)).status for name in (EVENT_SERVICE, SCORING_SERVICE, "")
    }
    assert statuses == {EVENT_SERVICE: SERVING, SCORING_SERVICE: NOT_SERVING, "": NOT_SERVING}


def test_an_unknown_service_is_not_found_and_can_be_watched(channel: grpc.Channel) -> None:
    unknown = HealthCheckRequest(service="shop.Other")
    assert code_of(lambda: HealthStub(channel).Check(unknown)) == grpc.StatusCode.NOT_FOUND
    assert next(HealthStub(channel).Watch(unknown)).status == HealthCheckResponse.SERVICE_UNKNOWN


def test_a_watcher_is_told_of_each_change_once_and_of_the_end(lonely: Scorer, channel: grpc.Channel) -> None:
    watcher = HealthStub(channel).Watch(HealthCheckRequest(service=SCORING_SERVICE), timeout=20)
    assert next(watcher).status == NOT_SERVING
    lonely.front.set_scoring(serving=True)
    assert next(watcher).status == SERVING
    lonely.front.set_scoring(serving=True)
    lonely.front.set_scoring(serving=False)
    assert next(watcher).status == NOT_SERVING
    events = HealthStub(channel).Watch(HealthCheckRequest(service=EVENT_SERVICE), timeout=20)
    assert next(events).status == SERVING
    lonely.front.stop(grace_seconds=1)
    assert next(events).status == NOT_SERVING


def test_bytes_that_are_no_health_question_are_a_fault_of_the_call(channel: grpc.Channel) -> None:
    raw = channel.unary_unary(f"/{HEALTH_SERVICE}/Check")
    assert code_of(lambda: raw(b"\xff\xff")) == grpc.StatusCode.INTERNAL


def asked(channel: grpc.Channel, *requests: ServerReflectionRequest) -> list[ServerReflectionResponse]:
    return list(ServerReflectionStub(channel).ServerReflectionInfo(iter(requests), timeout=10))


@pytest.mark.parametrize("service", REFLECTION_SERVICES)
def test_reflection_lists_the_services_under_both_names(channel: grpc.Channel, service: str) -> None:
    call: grpc.StreamStreamMultiCallable[ServerReflectionRequest, ServerReflectionResponse] = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    question = ServerReflectionRequest(list_services="", host="here")
    (answer,) = call(iter([question]))
    assert {service.name for service in answer.list_services_response.service} == set(SERVICES)
    assert answer.original_request == question


@pytest.mark.parametrize("symbol", [*SERVICES, f"{SCORING_SERVICE}.Score", "cart_recovery.v1.Reason"])
def test_a_symbol_is_described_with_all_that_its_file_imports(channel: grpc.Channel, symbol: str) -> None:
    (answer,) = asked(channel, ServerReflectionRequest(file_containing_symbol=symbol))
    files = [FileDescriptorProto.FromString(one) for one in answer.file_descriptor_response.file_descriptor_proto]
    names = {file.name for file in files}
    assert {imported for file in files for imported in file.dependency} <= names
    first = files[0]
    assert symbol.removesuffix(".Score") in {
        f"{first.package}.{one.name}" for one in (*first.service, *first.enum_type)
    }


def test_a_file_is_described_by_its_name_as_it_was_compiled(channel: grpc.Channel) -> None:
    name = scoring_pb2.DESCRIPTOR.name
    (answer,) = asked(channel, ServerReflectionRequest(file_by_filename=name))
    files = [FileDescriptorProto.FromString(one) for one in answer.file_descriptor_response.file_descriptor_proto]
    assert files[0] == FileDescriptorProto.FromString(scoring_pb2.DESCRIPTOR.serialized_pb)


def test_what_is_unknown_does_not_end_the_stream_of_questions(channel: grpc.Channel) -> None:
    extension = ExtensionRequest(containing_type="cart_recovery.v1.Event", extension_number=1000)
    answers = asked(
        channel,
        ServerReflectionRequest(file_containing_symbol="shop.Other"),
        ServerReflectionRequest(file_by_filename="other.proto"),
        ServerReflectionRequest(file_containing_extension=extension),
        ServerReflectionRequest(all_extension_numbers_of_type="shop.Other"),
        ServerReflectionRequest(),
        ServerReflectionRequest(all_extension_numbers_of_type="cart_recovery.v1.Event"),
    )
    codes = [answer.error_response.error_code for answer in answers]
    not_found, invalid = grpc.StatusCode.NOT_FOUND.value[0], grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert codes == [not_found] * 4 + [invalid, 0]
    assert answers[-1].all_extension_numbers_response.base_type_name == "cart_recovery.v1.Event"
