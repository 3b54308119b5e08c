"""A cart inside a Score request is the cart from then on, also where its content was decided about before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.v1.event_pb2 import ACKNOWLEDGE_JOURNALED
from cart_recovery.v1.scoring_pb2 import ScoreRequest
from tests.harness.deployment import Deployment, deployed
from tests.harness.policy import quick_policy
from tests.harness.shop import Shop, Shopper

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    # Nothing is abandoned while this runs.
    with deployed(tmp_path, policy=quick_policy(abandonment_seconds=600)) as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        yield deployment


def by_id(shop: Shop, shopper: Shopper) -> ScoreRequest:
    """The same question about the folded cart."""
    request = shop.score(shopper)
    request.ClearField("cart")
    request.cart_id = shopper.cart_id
    return request


def test_an_inline_cart_that_goes_back_to_what_was_decided_is_folded_again(deployment: Deployment) -> None:
    shop = Shop(seed=5)
    shopper = shop.shopper()
    with deployment.client() as client:
        for event in shop.consents(shopper):
            client.track(event)
        first = client.score(shop.score(shopper))
        assert not first.repeated_answer
        deployment.wait_and_read("cart_updated", count=1)
        client.track(shop.cart_updated(shopper, quantity=5), acknowledge=ACKNOWLEDGE_JOURNALED)
        changed = client.score(by_id(shop, shopper))
        assert changed.decision_id != first.decision_id
        again = [client.score(shop.score(shopper)) for _ in range(2)]
        assert [(one.decision_id, one.repeated_answer) for one in again] == [(first.decision_id, True)] * 2
        journal = deployment.wait_and_read("cart_updated", count=3)
        updates = [entry.event for entry in journal if entry.event.HasField("cart_updated")]
        # Of the two retries at most one was folded: they name the same change.
        assert len({event.event_id for event in updates}) == 3
        # Answered once all that was journalled before is folded.
        client.track(shop.viewed(shopper), acknowledge=ACKNOWLEDGE_JOURNALED)
        assert client.score(by_id(shop, shopper)).decision_id == first.decision_id


def test_a_dry_run_changes_nothing(deployment: Deployment) -> None:
    shop = Shop(seed=6)
    shopper = shop.shopper()
    with deployment.client() as client:
        assert client.score(shop.score(shopper, dry_run=True)).decision_id
        client.track(shop.viewed(shopper), acknowledge=ACKNOWLEDGE_JOURNALED)
        journal = deployment.wait_and_read("product_viewed", count=1)
    assert not any(entry.event.HasField("cart_updated") or entry.message.HasField("decision") for entry in journal)
