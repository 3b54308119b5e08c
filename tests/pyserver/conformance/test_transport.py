"""What lies below the calls: deadlines, cancellation, metadata, compression, keepalive, idle and slow clients."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from cart_recovery.v1.event_pb2 import Acknowledge, TrackRequest, TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE
from tests.harness.waiting import eventually
from tests.pyserver.conformance.answers import code_of
from tests.pyserver.conformance.http2 import (
    DATA,
    END_STREAM,
    RST_STREAM,
    frame,
    head,
    message,
    open_connection,
    status_of,
    unfinished_call,
)
from tests.pyserver.conftest import added

CANCEL = 8
"""An error code of RFC 9113, 7."""
THREADS = 8
JOURNAL_WAITERS = THREADS // 4
KEPT_SECONDS = {"grpcio": 5, "native": 0}
"""How long at most a place for the journal outlives its caller's interest."""

IDLE_CONNECTIONS = 1000
KEEPALIVE = [
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]


def waiting(event_id: str) -> TrackRequest:
    """An event whose sender waits for a journal that is away."""
    request = added(event_id)
    request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    return request


def test_a_deadline_passes_while_the_call_waits(lonely: Scorer, events: EventServiceStub) -> None:
    # A client of grpcio's ends the call by its own clock, whatever the server does; this one has none.
    request = waiting("one").SerializeToString()
    call = head(f"/{EVENT_SERVICE}/Track", **{"grpc-timeout": "300m"}) + message(request)
    with open_connection(lonely.front.port) as connection, connection.makefile("rb") as answers:
        began = time.monotonic()
        connection.sendall(call)
        assert status_of(answers) == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
        assert 0.25 < time.monotonic() - began < 3
    assert events.Track(added("two"), timeout=5).spool_offset >= 0


def test_cancelled_calls_give_their_places_back(events: EventServiceStub, front: str) -> None:
    calls = [events.Track.future(waiting(f"{number}"), timeout=30) for number in range(JOURNAL_WAITERS + 1)]
    # The one that is refused says that the others have all places.
    eventually(lambda: any(call.done() for call in calls), within=4, what="all places are taken")
    for call in calls:
        call.cancel()

    def gets_a_place() -> bool:
        return code_of(lambda: events.Track(waiting("after"), timeout=0.5)) == grpc.StatusCode.DEADLINE_EXCEEDED

    eventually(gets_a_place, within=KEPT_SECONDS[front] + 1, what="a place is free")


def test_a_cancelled_stream_gives_its_place_back(events: EventServiceStub) -> None:
    ended = threading.Event()

    def endless() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        ended.wait()

    streams = 0
    end = time.monotonic() + 20
    while streams < THREADS and time.monotonic() < end:
        stream = events.TrackStream(endless())
        # The place of the stream before may take a moment to be free.
        streams += code_of(lambda stream=stream: next(stream)) == grpc.StatusCode.OK
        stream.cancel()
    ended.set()
    assert streams == THREADS


def test_metadata_of_the_caller_changes_nothing(events: EventServiceStub) -> None:
    metadata = [("x-trace", "é".encode().hex()), ("x-blob-bin", b"\x00\xff"), ("authorization", "Bearer none")]
    _, call = events.Track.with_call(added("one"), metadata=metadata, timeout=5)
    assert call.code() == grpc.StatusCode.OK
    assert not list(call.trailing_metadata())


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_compressed_request_is_read(lonely: Scorer, compression: grpc.Compression) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{lonely.front.port}", compression=compression) as channel:
        events = EventServiceStub(channel)
        assert events.Track(added("one"), timeout=5).spool_offset >= 0
        answers = events.TrackStream(iter([TrackStreamRequest(track=added("two"))]), timeout=5)
        assert [answer.WhichOneof("result") for answer in answers] == ["accepted"]


def test_a_request_is_no_larger_for_being_compressed(lonely: Scorer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{lonely.front.port}", compression=grpc.Compression.Gzip) as channel:
        raw = channel.unary_unary(f"/{EVENT_SERVICE}/Track")
        assert code_of(lambda: raw(bytes(64 << 20), timeout=20)) == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_client_may_ask_each_second_whether_the_scorer_lives(lonely: Scorer) -> None:
    states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(f"127.0.0.1:{lonely.front.port}", options=KEEPALIVE) as channel:
        channel.subscribe(states.append)
        events = EventServiceStub(channel)
        events.Track(added("one"), timeout=5)
        # More pings than a server forgives that does not allow them.
        time.sleep(6)
        events.Track(added("two"), timeout=5)
        assert states.count(grpc.ChannelConnectivity.READY) == 1


def test_a_thousand_idle_connections_harm_nobody(lonely: Scorer, events: EventServiceStub) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE_CONNECTIONS):
            stack.enter_context(open_connection(lonely.front.port))
        for number in range(20):
            assert events.Track(added(f"event-{number}"), timeout=2).spool_offset >= 0
        assert HealthStub(fresh(stack, lonely)).Check(HealthCheckRequest(), timeout=2)


def fresh(stack: ExitStack, scorer: Scorer) -> grpc.Channel:
    """A channel with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel: grpc.Channel = stack.enter_context(
        grpc.insecure_channel(f"127.0.0.1:{scorer.front.port}", options=options)
    )
    return channel


def test_clients_that_never_finish_a_request_stop_nobody(lonely: Scorer, events: EventServiceStub, front: str) -> None:
    # Each holds a thread of grpcio's, which reads a message where it is worked on; of the native front, memory alone.
    slow = {"grpcio": THREADS - 1, "native": 500}[front]
    with ExitStack() as stack:
        for _ in range(slow):
            stack.enter_context(unfinished_call(lonely.front.port, f"/{EVENT_SERVICE}/Track"))
        for number in range(20):
            assert events.Track(added(f"event-{number}"), timeout=2).spool_offset >= 0


def test_calls_beyond_those_that_may_queue_are_refused_by_grpcio_without_details(
    lonely: Scorer, events: EventServiceStub, front: str
) -> None:
    with ExitStack() as stack:
        # They hold every thread of grpcio's, so that what comes after queues.
        for _ in range(THREADS):
            stack.enter_context(unfinished_call(lonely.front.port, f"/{EVENT_SERVICE}/Track"))
        calls = [events.Track.future(added(f"event-{number}"), timeout=30) for number in range(65 * THREADS)]

        def is_sorted_out() -> bool:
            done = [call for call in calls if call.done()]
            return len(done) == len(calls) or any(call.code() != grpc.StatusCode.OK for call in done)

        eventually(is_sorted_out, within=20, what="a call is refused, or all are answered")
    refused = [call for call in calls if call.code() != grpc.StatusCode.OK]
    # On a busy machine the native front refuses some for their age, and says so.
    bare = [call.code() for call in refused if rpc_status.from_call(call) is None]
    assert set(bare) == {"grpcio": {grpc.StatusCode.RESOURCE_EXHAUSTED}, "native": set()}[front]
    assert len(bare) <= 2 * THREADS


def test_a_call_that_brings_no_message_is_unimplemented(lonely: Scorer) -> None:
    with open_connection(lonely.front.port) as connection, connection.makefile("rb") as answers:
        connection.sendall(head(f"/{EVENT_SERVICE}/Track") + frame(DATA, END_STREAM, 1, b""))
        assert status_of(answers) == grpc.StatusCode.UNIMPLEMENTED.value[0]


def test_calls_given_up_at_once_end_no_other_on_their_connection(lonely: Scorer) -> None:
    path = f"/{EVENT_SERVICE}/Track"
    given_up = b"".join(
        head(path, stream=stream) + frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))
        for stream in range(1, 101, 2)
    )
    one = head(path, stream=101) + message(added("one").SerializeToString(), stream=101)
    with open_connection(lonely.front.port) as connection, connection.makefile("rb") as answers:
        connection.sendall(given_up + one)
        assert status_of(answers) == grpc.StatusCode.OK.value[0]


def test_bytes_that_are_no_http_end_their_connection_alone(lonely: Scorer, events: EventServiceStub) -> None:
    with socket.create_connection(("127.0.0.1", lonely.front.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: scorer\r\n\r\n" * 100)
        with suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
    assert events.Track(added("one"), timeout=5).spool_offset >= 0


def test_calls_on_many_connections_at_once_are_all_answered(lonely: Scorer) -> None:
    failed: list[grpc.StatusCode] = []

    def call(number: int) -> None:
        with ExitStack() as stack:
            stub = EventServiceStub(fresh(stack, lonely))
            codes = [code_of(lambda at=at: stub.Track(added(f"{number}-{at}"), timeout=10)) for at in range(25)]
            failed.extend(code for code in codes if code != grpc.StatusCode.OK)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert lonely.engine.status().counters["events_accepted"] == 400
