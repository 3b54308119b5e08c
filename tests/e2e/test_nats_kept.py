"""Scorer and dispatcher over an embedded server that another command had started: its end is not theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.nats_server import running_url
from tests.harness.children import Child
from tests.harness.deployment import Deployment, deployed
from tests.harness.shop import Shop
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path) as deployment:
        # As where nobody names a server: each finds the one that runs over the data directory.
        environment = {name: value for name, value in deployment.environment.items() if "NATS__URL" not in name}
        deployment.scorer = Child(["serve"], environment=environment, directory=tmp_path)
        deployment.dispatcher = Child(["dispatch"], environment=environment, directory=tmp_path)
        deployment.start()
        yield deployment


def test_a_server_whose_starter_ends_is_run_on(deployment: Deployment) -> None:
    shop = Shop(seed=71)
    deployment.wait_until_deciding()
    deployment.nats.stop()
    eventually(lambda: running_url(deployment.nats.directory), within=20, what="somebody runs the server on")
    shopper = shop.shopper()
    deployment.track_all(shop.abandoning(shopper))
    eventually(lambda: deployment.sink.deliveries(shopper.email), within=40, what="an e-mail")
    # Whoever runs it now ends; the other one takes over.
    deployment.dispatcher.stop()
    eventually(lambda: running_url(deployment.nats.directory), within=20, what="the server runs")
    deployment.track_all([shop.viewed(shopper)])
    deployment.wait_until_published()
