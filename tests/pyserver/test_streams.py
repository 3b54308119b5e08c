"""Streams that stay open: they are bounded, and calls are answered beside them."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from grpc_status import rpc_status

from cart_recovery.v1.event_pb2 import TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ScoreRequest, Trigger
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.process import Scorer
from tests.pyserver.conftest import added

Connect = Callable[[Scorer], grpc.Channel]

THREADS = 8
"""Of the scorer in these tests."""
STREAMS = THREADS // 4

ANSWER_SECONDS = 5
"""A call that no thread takes up is given up after so long."""


@pytest.fixture
def channel(lonely: Scorer, connect: Connect) -> grpc.Channel:
    return connect(lonely)


@pytest.fixture
def closed() -> Iterator[threading.Event]:
    """What clients that keep their streams open wait for."""
    event = threading.Event()
    yield event
    event.set()


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def assert_calls_are_answered(channel: grpc.Channel) -> None:
    events, scoring = EventServiceStub(channel), ScoringServiceStub(channel)
    score = ScoreRequest(storefront_id="shop", cart_id="cart-ada", trigger=Trigger.TRIGGER_CHECKOUT_CALL)
    score.identity.customer_id = "ada"
    codes = {
        "Track": code_of(lambda: events.Track(added("beside"), timeout=ANSWER_SECONDS)),
        "Score": code_of(lambda: scoring.Score(score, timeout=ANSWER_SECONDS)),
        "Confirm": code_of(lambda: scoring.Confirm(ConfirmRequest(decision_id="0" * 32), timeout=ANSWER_SECONDS)),
        "Check": code_of(lambda: HealthStub(channel).Check(HealthCheckRequest(), timeout=ANSWER_SECONDS)),
    }
    assert codes["Track"] == codes["Check"] == grpc.StatusCode.OK
    assert grpc.StatusCode.DEADLINE_EXCEEDED not in codes.values()


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
    with pytest.raises(grpc.RpcError) as refused:
        list(EventServiceStub(channel).TrackStream(iter(())))
    assert code_of(lambda: list(reflection.ServerReflectionInfo(iter(())))) == grpc.StatusCode.RESOURCE_EXHAUSTED
    packed, delay = rpc_status.from_call(refused.value).details
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert packed.Unpack(info) and delay.Unpack(retry)
    assert (info.reason, info.domain) == ("REASON_TOO_MANY_WAITERS", "cart_recovery")
    assert retry.retry_delay.ToMilliseconds() > 0
    pushback = {one.value for one in refused.value.trailing_metadata() if one.key == "grpc-retry-pushback-ms"}
    assert pushback == {str(retry.retry_delay.ToMilliseconds())}
    reason = "REASON_TOO_MANY_WAITERS"
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
            stack.enter_context(deaf_watcher(lonely.server.port))
        assert_calls_are_answered(channel)
        lonely.server.set_scoring(serving=True)
        assert_calls_are_answered(channel)


DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4


def deaf_watcher(port: int) -> socket.socket:
    """A client that watches and never opens its window, so that no answer gets through (RFC 9113, 6.9)."""
    head = {":method": "POST", ":scheme": "http", ":path": f"/{health.SERVICE_NAME}/Watch", ":authority": "scorer"}
    head |= {"content-type": "application/grpc", "te": "trailers"}
    everything = bytes(5)
    connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
    connection.sendall(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0))
        + frame(HEADERS, END_HEADERS, 1, b"".join(literal(name, value) for name, value in head.items()))
        + frame(DATA, END_STREAM, 1, everything)
    )
    with connection.makefile("rb") as answers:
        # The head of the answer needs no window; after it the server waits.
        while next_kind(answers) != HEADERS:
            pass
    return connection


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header that no table knows (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def next_kind(answers: BinaryIO) -> int:
    head = answers.read(9)
    answers.read(int.from_bytes(head[:3], "big"))
    return head[3]
