"""Every decision of a run is taken again from the journal, bit for bit, and its features are the replayed row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import rust_features
from audit.execution import render_verification, verify_all
from audit.journal import messages, read_journal
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from cart_recovery.v1.scoring_pb2 import (
    TRIGGER_CHECKOUT_CALL,
    TRIGGER_EXIT_INTENT,
    TRIGGER_INACTIVITY,
    TRIGGER_TOUCH_DUE,
)
from loadtests.shoppers import METHODS
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import decisions
from tests.harness.policy import exploring_policy
from tests.harness.shop import Shop, Shopper
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SHOPPERS = 24
CALL_NUMBER = "@call-number"
"""The generator of load puts another number in its place in each call."""
TRACKS_A_SECOND, SCORES_A_SECOND, SECONDS = 10_000.0, 300.0, 3.0


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, policy=exploring_policy()) as deployment:
        deployment.start()
        yield deployment


def test_every_decision_of_a_run_is_reproduced_bit_for_bit(deployment: Deployment) -> None:
    shop = Shop(seed=91)
    deployment.track_all(catalogue(shop))
    shoppers = [shop.shopper() for _ in range(SHOPPERS)]
    live_on(deployment, shop, shoppers)
    second_bundle(deployment)
    live_on(deployment, shop, shoppers)
    eventually(lambda: has_every_trigger(deployment), within=60, what="decisions of every trigger, in both bundles")
    deployment.wait_and_read("message_outcome.sent", count=2)
    journal = read_journal(deployment.nats_url)
    bundles = deployment.settings.bundles_directory
    verification = verify_all(journal, keys=deployment.keys, bundles_directory=bundles)
    assert verification.holds, render_verification(verification)
    assert verification.decisions >= SHOPPERS
    print(render_verification(verification))


def test_a_decision_beside_a_busy_feed_reads_everything_at_one_sequence(tmp_path: Path) -> None:
    shop = Shop(seed=92)
    shoppers = [shop.shopper() for _ in range(SHOPPERS)]
    with deployed(tmp_path, policy=exploring_policy(), front="native", objective_ms="10000") as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        tracks, scores = offer_load(deployment, shop, shoppers)
        assert min(tracks.answered, scores.answered) > 0 == tracks.failed + scores.failed
        deployment.wait_until_published()
        journal = read_journal(deployment.nats_url)
        bundles = deployment.settings.bundles_directory
        verification = verify_all(journal, keys=deployment.keys, bundles_directory=bundles)
    assert verification.holds, render_verification(verification)
    assert verification.decisions >= scores.answered
    # The feed went on between them, many messages at a time.
    taken_at = {message.decision.state_sequence for _, message in messages(journal) if message.HasField("decision")}
    assert len(taken_at) > 50 and max(taken_at) > tracks.answered / 2


def offer_load(deployment: Deployment, shop: Shop, shoppers: list[Shopper]) -> list[rust_features.LoadAnswers]:
    """Few shoppers do much at once, while a checkout asks about a cart of one of them."""
    tracks = [TrackRequest(event=event) for shopper in shoppers for event in shop.abandoning(shopper)]
    for track in tracks:
        track.event.event_id = CALL_NUMBER
    scores = [shop.score(shopper) for shopper in shoppers]
    for score in scores:
        score.cart.cart_id = CALL_NUMBER
    outcome = rust_features.offer_load(
        address=deployment.scorer_address,
        calls=[
            (METHODS["Track"], TRACKS_A_SECOND, [track.SerializeToString() for track in tracks]),
            (METHODS["Score"], SCORES_A_SECOND, [score.SerializeToString() for score in scores]),
        ],
        rate=TRACKS_A_SECOND + SCORES_A_SECOND,
        seconds=SECONDS,
        connections=4,
        deadline_seconds=20.0,
        objective_seconds=1.0,
        in_flight_limit=20_000,
        seed=1,
        first_number=1,
    )
    return outcome.kinds


def live_on(deployment: Deployment, shop: Shop, shoppers: list[Shopper]) -> None:
    """Browsing, carts, checkouts, orders, refusals: each shopper a little different."""
    with deployment.client() as client:
        for number, shopper in enumerate(shoppers):
            for event in shop.abandoning(shopper)[number % 3 :]:
                client.track(event)
            if number % 4 == 0:
                client.score(shop.score(shopper))
            if number % 4 == 1:
                known = shop.score(shopper)
                known.cart_id = shopper.cart_id
                known.trigger = TRIGGER_EXIT_INTENT
                client.score(known)
            if number % 5 == 2:
                client.track(shop.ordered(shopper))
            if number % 5 == 3:
                client.track(shop.cart_updated(shopper, quantity=1 + number))
            if number % 7 == 4:
                client.track(shop.opted_out(shopper))


def second_bundle(deployment: Deployment) -> None:
    """Makes another bundle active in the middle of the run."""
    policy = exploring_policy()
    policy.version = "test-exploring-2"
    bundle_id = deployment.release(policy)
    deployment.scorer.wait_for_log("bundle active", within=15, bundle_id=bundle_id)


def has_every_trigger(deployment: Deployment) -> bool:
    """Whether the journal has a decision of each trigger and of both bundles."""
    records = decisions(deployment.journal())
    wanted = {TRIGGER_CHECKOUT_CALL, TRIGGER_EXIT_INTENT, TRIGGER_INACTIVITY, TRIGGER_TOUCH_DUE}
    bundles = {record.bundle_id for record in records}
    return wanted <= {record.request.trigger for record in records} and len(bundles) == 2


def catalogue(shop: Shop) -> list[Event]:
    """What the shop says about its products."""
    events = []
    for product_id, price_minor, cost_minor, stock in (("boots", 7_990, 3_000, 4), ("socks", 490, 120, 100)):
        event = shop.event(shop.shopper())
        event.ClearField("identity")
        product = event.product_updated
        product.product_id = product_id
        product.currency_code = "EUR"
        product.price_minor = price_minor
        product.cost_minor = cost_minor
        product.stock = stock
        events.append(event)
    return events
