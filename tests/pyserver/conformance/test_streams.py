"""Streams: a refused event does not end its stream, open streams are bounded, and calls are answered beside them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from cart_recovery.v1.event_pb2 import TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import ConfirmRequest
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.grpcio_front import MAX_REQUEST_BYTES
from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE, HEALTH_SERVICE
from tests.pyserver.conformance.answers import code_of, refusal_of, score_request
from tests.pyserver.conformance.http2 import deaf_watcher
from tests.pyserver.conftest import added

THREADS = 8
"""Of the scorer in these tests."""
STREAMS = THREADS // 4

ANSWER_SECONDS = 5
"""A call that is not taken up is given up after so long."""


@pytest.fixture
def closed() -> Iterator[threading.Event]:
    """What clients that keep their streams open wait for."""
    event = threading.Event()
    yield event
    event.set()


def assert_calls_are_answered(channel: grpc.Channel) -> None:
    events, scoring = EventServiceStub(channel), ScoringServiceStub(channel)
    codes = {
        "Track": code_of(lambda: events.Track(added("beside"), timeout=ANSWER_SECONDS)),
        "Score": code_of(lambda: scoring.Score(score_request(), timeout=ANSWER_SECONDS)),
        "Confirm": code_of(lambda: scoring.Confirm(ConfirmRequest(decision_id="0" * 32), timeout=ANSWER_SECONDS)),
        "Check": code_of(lambda: HealthStub(channel).Check(HealthCheckRequest(), timeout=ANSWER_SECONDS)),
    }
    assert codes["Track"] == codes["Check"] == grpc.StatusCode.OK
    assert grpc.StatusCode.DEADLINE_EXCEEDED not in codes.values()


def test_a_refused_event_does_not_end_its_stream(events: EventServiceStub, lonely: Scorer) -> None:
    broken = added("two")
    broken.event.product_added.line.quantity = 0
    requests = [added("one"), broken, added("three")]
    answers = list(events.TrackStream(TrackStreamRequest(track=request) for request in requests))
    assert [answer.WhichOneof("result") for answer in answers] == ["accepted", "rejected", "accepted"]
    rejected = answers[1].rejected
    assert rejected.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "quantity" in rejected.violations[0].field
    assert rejected.violations[0].description
    assert lonely.calls.refusals() == {("TrackStream", "REASON_FIELD_OUT_OF_RANGE"): 1}
    assert lonely.calls.durations()["TrackStream"].count == 3


def test_an_unparsable_message_does_not_end_its_stream(channel: grpc.Channel) -> None:
    stream = channel.stream_stream(f"/{EVENT_SERVICE}/TrackStream")
    good = TrackStreamRequest(track=added("one")).SerializeToString()
    assert len(list(stream(iter([b"\xff\xff", good])))) == 2


def test_an_oversize_message_ends_its_stream(channel: grpc.Channel) -> None:
    stream = channel.stream_stream(f"/{EVENT_SERVICE}/TrackStream")
    good = TrackStreamRequest(track=added("one")).SerializeToString()
    assert code_of(lambda: list(stream(iter([good, bytes(MAX_REQUEST_BYTES + 1)])))) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED
    )


def test_a_stream_ends_at_its_deadline(events: EventServiceStub, closed: threading.Event) -> None:
    def endless() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        closed.wait()

    for _ in range(2 * STREAMS):
        stream = events.TrackStream(endless(), timeout=0.2)
        assert code_of(lambda stream=stream: list(stream)) == grpc.StatusCode.DEADLINE_EXCEEDED


def test_open_streams_of_all_kinds_leave_threads_for_calls(channel: grpc.Channel, closed: threading.Event) -> None:
    def asking() -> Iterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="")
        closed.wait()

    def tracking() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        closed.wait()

    reflection, events = ServerReflectionStub(channel), EventServiceStub(channel)
    tracked = events.TrackStream(tracking())
    assert next(tracked).HasField("accepted")
    asked = [reflection.ServerReflectionInfo(asking(), timeout=4 * ANSWER_SECONDS) for _ in range(THREADS)]
    codes = [code_of(partial(next, stream)) for stream in asked]
    assert codes.count(grpc.StatusCode.OK) == STREAMS - 1
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == THREADS - STREAMS + 1
    assert_calls_are_answered(channel)
    closed.set()
    assert list(tracked) == []


def test_the_refusal_of_a_stream_has_reason_and_delay_and_is_counted(
    lonely: Scorer, channel: grpc.Channel, closed: threading.Event
) -> None:
    def asking() -> Iterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="")
        closed.wait()

    reflection = ServerReflectionStub(channel)
    asked = [reflection.ServerReflectionInfo(asking()) for _ in range(STREAMS)]
    for stream in asked:
        next(stream)
    refusal = refusal_of(lambda: list(EventServiceStub(channel).TrackStream(iter(()))))
    assert code_of(lambda: list(reflection.ServerReflectionInfo(iter(())))) == grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "REASON_TOO_MANY_WAITERS"
    assert (refusal.reason, refusal.domain) == (reason, "cart_recovery")
    assert refusal.retry_millis == refusal.pushback_millis == 1000
    assert lonely.calls.refusals() == {("TrackStream", reason): 1, ("ServerReflectionInfo", reason): 1}


def test_a_closed_stream_makes_room_for_another(channel: grpc.Channel) -> None:
    reflection = ServerReflectionStub(channel)
    for _ in range(3 * STREAMS):
        assert len(list(reflection.ServerReflectionInfo(iter([ServerReflectionRequest(list_services="")])))) == 1


def test_watchers_of_health_are_bounded_and_leave_threads_for_calls(channel: grpc.Channel) -> None:
    watchers = [HealthStub(channel).Watch(HealthCheckRequest()) for _ in range(THREADS)]
    for watcher in watchers:
        next(watcher)
    beyond = HealthStub(channel).Watch(HealthCheckRequest(), timeout=ANSWER_SECONDS)
    assert code_of(lambda: next(beyond)) == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_calls_are_answered(channel)
    for watcher in watchers:
        watcher.cancel()


def test_watchers_that_do_not_read_keep_nobody_waiting(lonely: Scorer, channel: grpc.Channel) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS + 1):
            stack.enter_context(deaf_watcher(lonely.front.port, HEALTH_SERVICE))
        assert_calls_are_answered(channel)
        lonely.front.set_scoring(serving=True)
        assert_calls_are_answered(channel)
