"""A scorer as it runs in production, over a data directory of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from cart_recovery.keys import ensure_keys
from cart_recovery.settings import Settings, load_settings
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from pyserver.process import Scorer

NOBODY = "nats://127.0.0.1:9"
"""No server is there."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(
        data_directory=tmp_path / "data",
        scorer_address="127.0.0.1:0",
        metrics_address="127.0.0.1:0",
        threads=8,
        drain_seconds=2,
        # On a busy machine, nobody is refused for a wait.
        objective_ms=10_000,
    )
    ensure_keys(made.keys_directory)
    return made


@contextmanager
def alone(settings: Settings, *, with_metrics_page: bool = False) -> Iterator[Scorer]:
    """A scorer that never reaches NATS, and so need not wait at its end until its spool is taken."""
    scorer = Scorer(settings.model_copy(update={"drain_seconds": 0.2}), with_metrics_page=with_metrics_page)
    scorer.start(NOBODY)
    try:
        yield scorer
    finally:
        scorer.stop()


@pytest.fixture
def lonely(settings: Settings) -> Iterator[Scorer]:
    with alone(settings) as scorer:
        yield scorer


@pytest.fixture
def connect() -> Iterator[Callable[[Scorer], grpc.Channel]]:
    channels: list[grpc.Channel] = []

    def open_channel(scorer: Scorer) -> grpc.Channel:
        channels.append(grpc.insecure_channel(f"127.0.0.1:{scorer.front.port}"))
        return channels[-1]

    yield open_channel
    for channel in channels:
        channel.close()


def added(event_id: str, *, customer_id: str = "ada", storefront_id: str = "shop") -> TrackRequest:
    """A shopper adds a product now."""
    event = Event(event_id=event_id, storefront_id=storefront_id)
    event.event_time.GetCurrentTime()
    event.identity.customer_id = customer_id
    event.product_added.cart_id = f"cart-{customer_id}"
    event.product_added.currency_code = "EUR"
    event.product_added.line.product_id = "boots"
    event.product_added.line.quantity = 1
    event.product_added.line.unit_price_minor = 4990
    return TrackRequest(event=event)
