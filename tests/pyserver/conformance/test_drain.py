"""The orderly end: calls that run finish, new ones are refused, and nothing takes longer than its grace."""

import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2 import Acknowledge, TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.process import Scorer
from tests.pyserver.conformance.answers import code_of
from tests.pyserver.conftest import added

Connect = Callable[[Scorer], grpc.Channel]
ENDED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_a_call_that_runs_is_finished_and_a_later_one_refused(
    lonely: Scorer, connect: Connect, settings: Settings
) -> None:
    channel = connect(lonely)
    events = EventServiceStub(channel)
    request = added("waits")
    request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    call = events.Track.future(request, timeout=30)
    assert events.Track(added("before"), timeout=5).spool_offset >= 0
    stopping = threading.Thread(target=lambda: lonely.front.stop(grace_seconds=20))
    began = time.monotonic()
    stopping.start()
    # It waits for a journal that is away, and is told so in its own time.
    assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    stopping.join()
    assert time.monotonic() - began < 15
    assert code_of(lambda: events.Track(added("after"), timeout=2)) == grpc.StatusCode.UNAVAILABLE


def test_whoever_waits_for_the_journal_when_the_grace_is_over_is_told_that_the_event_is_spooled(
    lonely: Scorer, connect: Connect, front: str
) -> None:
    events = EventServiceStub(connect(lonely))
    request = added("waits")
    request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    call = events.Track.future(request, timeout=30)
    assert events.Track(added("before"), timeout=5).spool_offset >= 0
    lonely.front.stop(grace_seconds=1)
    # Of grpcio, the core itself ends the call.
    assert call.code() == {"native": grpc.StatusCode.DEADLINE_EXCEEDED, "grpcio": grpc.StatusCode.UNAVAILABLE}[front]


def test_an_open_stream_is_cut_when_the_grace_is_over(lonely: Scorer, connect: Connect) -> None:
    ended = threading.Event()

    def endless() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        ended.wait()

    stream = EventServiceStub(connect(lonely)).TrackStream(endless())
    assert next(stream).HasField("accepted")
    began = time.monotonic()
    lonely.front.stop(grace_seconds=1)
    assert 0.9 < time.monotonic() - began < 5
    assert code_of(lambda: next(stream)) in ENDED
    ended.set()


def test_a_stream_that_ends_in_time_is_not_cut(lonely: Scorer, connect: Connect) -> None:
    told = threading.Event()

    def two() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        told.wait()
        yield TrackStreamRequest(track=added("two"))

    channel = connect(lonely)
    watcher = HealthStub(channel).Watch(HealthCheckRequest(service="cart_recovery.v1.EventService"), timeout=20)
    assert next(watcher).status == HealthCheckResponse.SERVING
    stream = EventServiceStub(channel).TrackStream(two())
    assert next(stream).HasField("accepted")
    stopping = threading.Thread(target=lambda: lonely.front.stop(grace_seconds=5))
    stopping.start()
    assert next(watcher).status == HealthCheckResponse.NOT_SERVING
    watcher.cancel()
    told.set()
    assert [answer.HasField("accepted") for answer in stream] == [True]
    stopping.join()


def test_stopping_twice_or_before_the_start_is_no_fault(settings: Settings) -> None:
    scorer = Scorer(settings)
    scorer.front.stop(grace_seconds=0)
    scorer.front.stop(grace_seconds=0)
    scorer.stop()


def test_under_load_every_accepted_event_reaches_the_journal(settings: Settings) -> None:
    accepted = [0] * 8
    with NatsServer(settings.nats_directory) as server:
        scorer = Scorer(settings)
        scorer.start(server.url)
        address = f"127.0.0.1:{scorer.front.port}"

        def load(number: int) -> None:
            with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                events = EventServiceStub(channel)
                while code_of(lambda: events.Track(added(f"{number}-{accepted[number]}"), timeout=5)) == (
                    grpc.StatusCode.OK
                ):
                    accepted[number] += 1

        threads = [threading.Thread(target=load, args=(number,)) for number in range(len(accepted))]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert scorer.stop()
        for thread in threads:
            thread.join()
        status = scorer.engine.status()
    assert sum(accepted) > 0
    # An answer may be lost on its way when its connection ends; what was answered was accepted.
    assert status.counters["events_accepted"] >= sum(accepted)
    assert status.spool_depth_messages == 0


@pytest.mark.parametrize("grace_seconds", [0.0, 2.0])
def test_idle_connections_and_watchers_do_not_outlast_the_grace(
    lonely: Scorer, connect: Connect, grace_seconds: float
) -> None:
    channel = connect(lonely)
    assert next(HealthStub(channel).Watch(HealthCheckRequest()))
    began = time.monotonic()
    lonely.front.stop(grace_seconds=grace_seconds)
    assert time.monotonic() - began < grace_seconds + 2
