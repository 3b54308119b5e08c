"""The decision latency that the figures show is what the caller waited, over a real gRPC call."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cart_recovery.rehearsal.demo import Checkout
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.scoring_pb2 import ScoreRequest, ScoreResponse
from cart_recovery.v1.scoring_pb2_grpc import (
    ScoringServiceServicer,
    ScoringServiceStub,
    add_ScoringServiceServicer_to_server,
)

SLOW_SECONDS = 0.05
EVENT = Event(storefront_id="shop-de", checkout_started={"cart_id": "cart-1"})


class SlowWire(ScoringServiceServicer):
    """Answers late, as a scorer behind a slow network does, whose own histogram would not know."""

    def __init__(self) -> None:
        self.requests: list[ScoreRequest] = []

    def Score(self, request: ScoreRequest, context: object) -> ScoreResponse:  # noqa: N802
        """The answer of a dry run."""
        self.requests.append(request)
        time.sleep(SLOW_SECONDS)
        return ScoreResponse()


@pytest.fixture
def asked() -> Iterator[tuple[Checkout, SlowWire]]:
    """A checkout and the service it asks."""
    service = SlowWire()
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    add_ScoringServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Checkout(ScoringServiceStub(channel)), service
    server.stop(None).wait()


def test_the_latency_is_the_whole_wait_of_the_caller(asked: tuple[Checkout, SlowWire]) -> None:
    checkout, _ = asked
    began = time.perf_counter()
    for _ in range(3):
        checkout.ask(EVENT)
    waited_micros = (time.perf_counter() - began) * 1e6
    latency = checkout.latency()
    assert latency is not None
    assert SLOW_SECONDS * 1e6 <= latency.p50_micros <= latency.p99_micros
    # The histogram names the upper end of its bucket, an eighth above at most.
    assert latency.p50_micros <= waited_micros * 9 / 8


def test_a_checkout_asks_for_a_dry_run(asked: tuple[Checkout, SlowWire]) -> None:
    checkout, service = asked
    checkout.ask(EVENT)
    assert [(each.dry_run, each.cart_id) for each in service.requests] == [(True, "cart-1")]


def test_without_a_checkout_there_is_no_latency(asked: tuple[Checkout, SlowWire]) -> None:
    checkout, _ = asked
    assert checkout.latency() is None
