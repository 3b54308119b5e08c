"""More than a scorer can do: what waited too long is refused at once, with the time to come back."""

import threading
import time
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

import rust_features
from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.front import queue_of
from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE
from rust_features import Refused
from tests.pyserver.conformance.answers import Refusal, code_of, refusal_of
from tests.pyserver.conformance.http2 import head, message, open_connection
from tests.pyserver.conftest import added

pytestmark = pytest.mark.alone

OBJECTIVE_MILLIS = 100.0
PATIENCE_SECONDS = 0.11
"""A queue that has been there for longer stands."""
CONNECTIONS = 200
CALLS = 300
"""On each connection: as many as its first window takes."""
CALLS_BESIDE = 100
BARE_CODES = {"grpcio": {grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED}, "native": set()}
"""With which gRPC itself ends calls, without details."""
FLOOD_SECONDS = 20
RECOVERY_SECONDS = 20


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"objective_ms": OBJECTIVE_MILLIS})


@pytest.mark.parametrize("objective_ms", [5.0, OBJECTIVE_MILLIS])
def test_a_call_is_refused_that_waited_for_half_of_the_objective(settings: Settings, objective_ms: float) -> None:
    queue = queue_of(settings.model_copy(update={"objective_ms": objective_ms}))
    queue.admit(int(objective_ms * 500_000))
    with pytest.raises(Refused) as refused:
        queue.admit(int(objective_ms * 500_000) + 1)
    assert refused.value.reason == "REASON_OVERLOADED"


@pytest.mark.parametrize(("objective_ms", "standing_ms"), [(5.0, 1.0), (OBJECTIVE_MILLIS, 10.0)])
def test_where_a_queue_stands_the_native_front_refuses_sooner(
    settings: Settings, objective_ms: float, standing_ms: float
) -> None:
    queue = queue_of(settings.model_copy(update={"front": "native", "objective_ms": objective_ms}))
    time.sleep(PATIENCE_SECONDS + standing_ms / 1_000)
    queue.admit(int(standing_ms * 1_000_000))
    with pytest.raises(Refused):
        queue.admit(int(standing_ms * 1_000_000) + 1)


def test_whoever_calls_after_a_rest_meets_no_queue(events: EventServiceStub) -> None:
    large = added("x" * 500_000)
    for _ in range(4):
        assert code_of(lambda: events.Track(large, timeout=10)) != grpc.StatusCode.RESOURCE_EXHAUSTED
        time.sleep(0.2)


def test_a_flood_is_shed_with_the_time_to_come_back_and_soon_forgotten(
    lonely: Scorer, channel: grpc.Channel, events: EventServiceStub, front: str
) -> None:
    shed: list[Refusal] = []
    bare: set[grpc.StatusCode] = set()
    end = time.monotonic() + FLOOD_SECONDS
    while not shed and time.monotonic() < end:
        for method, call in calls_beside_a_flood(lonely, channel):
            if rpc_status.from_call(call) is not None:
                assert method == "Track"
                shed.append(refusal_of(call.result))
            elif call.code() != grpc.StatusCode.OK:
                bare.add(call.code())
    assert bare <= BARE_CODES[front]
    if not shed:
        pytest.skip("nothing waited long enough: this machine answers the flood as fast as it comes in")
    assert (grpc.StatusCode.CANCELLED in bare) == (front == "grpcio")
    assert {(refusal.code, refusal.reason) for refusal in shed} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "REASON_OVERLOADED")
    }
    # A refused call comes back no sooner.
    assert all((refusal.retry_millis or 0) >= 100 for refusal in shed)
    assert all(refusal.pushback_millis == refusal.retry_millis for refusal in shed)
    assert lonely.calls.refusals()["Track", "REASON_OVERLOADED"] >= len(shed)
    end = time.monotonic() + RECOVERY_SECONDS
    while code_of(lambda: events.Track(added("after"), timeout=1)) != grpc.StatusCode.OK:
        assert time.monotonic() < end, "the scorer has not recovered"


def test_far_beyond_its_capacity_a_scorer_answers_in_time_whomever_it_answers(lonely: Scorer) -> None:
    request = added("@call-number").SerializeToString()
    outcome = rust_features.offer_load(
        address=f"127.0.0.1:{lonely.front.port}",
        calls=[(f"/{EVENT_SERVICE}/Track", 1.0, [request])],
        rate=15_000.0,
        seconds=3.0,
        connections=8,
        deadline_seconds=2.0,
        objective_seconds=0.3,
        in_flight_limit=20_000,
        seed=1,
        first_number=1,
    )
    (answers,) = outcome.kinds
    assert answers.answered > 0
    if answers.refused + answers.failed == 0:
        pytest.skip("this machine answers all of it")
    # Most of those who are answered at all.
    assert answers.in_time > answers.answered / 2


def calls_beside_a_flood(scorer: Scorer, channel: grpc.Channel) -> list[tuple[str, Any]]:
    """Calls that come in the middle of a flood, by method, and that have ended."""
    events, health = EventServiceStub(channel), HealthStub(channel)
    request = added("flood").SerializeToString()
    path = f"/{EVENT_SERVICE}/Track"
    flood = b"".join(head(path, stream=at) + message(request, stream=at) for at in range(1, 2 * CALLS, 2))
    with ExitStack() as stack:
        connections = [stack.enter_context(open_connection(scorer.front.port)) for _ in range(CONNECTIONS)]
        threads = [threading.Thread(target=connection.sendall, args=(flood,)) for connection in connections]
        for thread in threads:
            thread.start()
        beside: list[tuple[str, Any]] = []
        for at in range(CALLS_BESIDE):
            beside.append(("Track", events.Track.future(added(f"beside-{at}"), timeout=30)))
            beside.append(("Check", health.Check.future(HealthCheckRequest(service=EVENT_SERVICE), timeout=30)))
        for thread in threads:
            thread.join()
        for _, call in beside:
            # Waits for the end.
            call.code()
        return beside
