"""What no real engine can be made to do: fail, and panic. The native front's own test is beside its code."""

from collections.abc import Iterator

import grpc
import pytest
from structlog.testing import capture_logs

from cart_recovery.v1.event_pb2 import TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ExplainRequest
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.grpcio_front import GrpcioFront
from rust_features import CallMetrics, CallQueue, Quota
from tests.pyserver.conformance.answers import code_of
from tests.pyserver.conftest import added


class Panic(BaseException):
    """As PyO3's: no Exception."""


class Broken:
    """An engine that panics at one call, fails at another, and answers the third."""

    def track(self, request: bytes) -> bytes:
        return b""

    def score(self, request: bytes) -> bytes:
        raise NotImplementedError

    def confirm(self, request: bytes) -> bytes:
        raise Panic

    def explain(self, request: bytes) -> bytes:
        raise RuntimeError("a fault")

    def track_streamed(self, request: bytes, quota: Quota, caller: str) -> tuple[bytes, str | None]:
        raise Panic


@pytest.fixture
def calls() -> CallMetrics:
    return CallMetrics()


@pytest.fixture
def channel(calls: CallMetrics) -> Iterator[grpc.Channel]:
    front = GrpcioFront(
        Broken(),
        address="127.0.0.1:0",
        threads=4,
        streams=1,
        unseen_calls=8,
        calls=calls,
        queue=CallQueue(50_000_000),
        quota=Quota(0),
    )
    front.start()
    with grpc.insecure_channel(f"127.0.0.1:{front.port}") as channel:
        yield channel
    front.stop(grace_seconds=0)


def test_a_fault_of_the_engine_ends_its_call_alone_and_is_logged(channel: grpc.Channel, calls: CallMetrics) -> None:
    scoring, events = ScoringServiceStub(channel), EventServiceStub(channel)
    with capture_logs() as logs:
        codes = [
            code_of(lambda: scoring.Confirm(ConfirmRequest(), timeout=5)),
            code_of(lambda: scoring.Explain(ExplainRequest(), timeout=5)),
            code_of(lambda: next(events.TrackStream(iter([TrackStreamRequest(track=added("one"))]), timeout=5))),
        ]
    assert codes == [grpc.StatusCode.INTERNAL] * 3
    assert [entry["method"] for entry in logs] == ["Confirm", "Explain", "TrackStream"]
    assert calls.failures() == {"Confirm": 1, "Explain": 1, "TrackStream": 1}
    assert events.Track(added("two"), timeout=5).spool_offset == 0
