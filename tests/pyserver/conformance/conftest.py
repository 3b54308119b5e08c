"""Every test here runs on both fronts: a client must not be able to tell them apart."""

from collections.abc import Callable, Iterator

import grpc
import pytest

from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.process import Scorer
from tests.harness.bundle import release_bundle
from tests.harness.policy import quick_policy

READY_SECONDS = 30.0


@pytest.fixture(params=["grpcio", "native"])
def front(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def settings(settings: Settings, front: str) -> Settings:
    return settings.model_copy(update={"front": front})


@pytest.fixture
def channel(lonely: Scorer, connect: Callable[[Scorer], grpc.Channel]) -> grpc.Channel:
    return connect(lonely)


@pytest.fixture
def events(channel: grpc.Channel) -> EventServiceStub:
    return EventServiceStub(channel)


@pytest.fixture
def deciding(settings: Settings) -> Iterator[Scorer]:
    """A scorer with a journal and an active bundle."""
    release_bundle(settings, quick_policy())
    with NatsServer(settings.nats_directory) as server:
        scorer = Scorer(settings, with_metrics_page=False)
        scorer.start(server.url)
        assert scorer.wait_ready(timeout_seconds=READY_SECONDS)
        yield scorer
        scorer.stop()
