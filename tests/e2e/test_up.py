"""`up` runs the whole deployment from one command, starts again what dies, and ends in order."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.addresses import free_address
from cart_recovery.nats_server import running_url
from cart_recovery.settings import load_settings
from tests.harness.bundle import release_bundle
from tests.harness.children import Child
from tests.harness.client import SCORING, Client
from tests.harness.policy import quick_policy
from tests.harness.shop import Shop
from tests.harness.smtp_sink import SmtpSink
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

START_SECONDS = 60.0


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    running = SmtpSink()
    running.start()
    yield running
    running.stop()


def children_of(process_id: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [int(child) for child in found]


def test_up_serves_sends_survives_a_death_and_stops(tmp_path: Path, sink: SmtpSink) -> None:
    names = ("scorer_address", "metrics_address", "http_address", "dispatcher_metrics_address")
    addresses = {name: free_address() for name in names}
    smtp = {"smtp__host": "127.0.0.1", "smtp__port": str(sink.port)}
    chosen = {"data_directory": str(tmp_path / "data"), "send_jitter_seconds": "0"} | addresses | smtp
    settings = load_settings(data_directory=tmp_path / "data")
    release_bundle(settings, quick_policy())
    environment = {f"CART_RECOVERY_{name.upper()}": value for name, value in chosen.items()}
    up = Child(["up"], environment=environment, directory=tmp_path)
    up.start()
    shop = Shop(seed=8)
    try:
        with Client(addresses["scorer_address"]) as client:

            def serving() -> bool:
                assert up.alive, up.log_text()
                return client.health(SCORING) == "SERVING"

            def abandon_and_await() -> None:
                shopper = shop.shopper()
                for event in shop.abandoning(shopper):
                    client.track(event)
                eventually(lambda: sink.deliveries(shopper.email), within=START_SECONDS, what="an e-mail")

            eventually(serving, within=START_SECONDS, what="the scorer decides")
            abandon_and_await()
            for part in children_of(up.pid):
                os.kill(part, signal.SIGKILL)
            eventually(lambda: client.health(SCORING) == "AWAY", within=START_SECONDS, what="the scorer is gone")
            eventually(serving, within=START_SECONDS, what="the scorer decides again")
            abandon_and_await()
    finally:
        exit_code = up.stop(within=60.0)
    assert exit_code == 0
    assert running_url(settings.nats_directory) is None
