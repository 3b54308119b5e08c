"""The simulated shop as seen from outside: deterministic, lively, and silent about its truth."""

from collections import Counter
from itertools import pairwise
from statistics import mean

import pytest

from cart_recovery.v1.event_pb2 import DeviceClass, TrackRequest
from training.simulator.settings import ShopSettings
from training.simulator.shop import Shop

START = 20_454 * 86_400_000_000
HOUR = 3_600_000_000


def everything(shop: Shop, step: int = HOUR) -> list[TrackRequest]:
    requests = []
    while (time := shop.next_time()) is not None:
        requests += shop.take(time + step)
    return requests


@pytest.fixture(scope="module")
def shop_and_events() -> tuple[Shop, list[TrackRequest]]:
    shop = Shop(3, 800, START, ShopSettings(days=30))
    return shop, everything(shop)


def test_the_same_seed_gives_the_same_bytes() -> None:
    runs = [everything(Shop(5, 40, START, ShopSettings(days=6))) for _ in range(2)]
    assert [one.SerializeToString() for one in runs[0]] == [one.SerializeToString() for one in runs[1]]


def test_the_size_of_a_step_changes_nothing() -> None:
    settings = ShopSettings(days=6)
    coarse = everything(Shop(5, 40, START, settings), step=24 * HOUR)
    fine = everything(Shop(5, 40, START, settings), step=HOUR // 60)
    assert [one.SerializeToString() for one in coarse] == [one.SerializeToString() for one in fine]


def test_another_seed_gives_another_shop() -> None:
    first, second = (everything(Shop(seed, 40, START, ShopSettings(days=6))) for seed in (1, 2))
    assert [one.SerializeToString() for one in first] != [one.SerializeToString() for one in second]


def test_nothing_arrives_before_it_happened(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    shop = Shop(9, 60, START, ShopSettings(days=5))
    while (time := shop.next_time()) is not None:
        until = time + HOUR
        for request in shop.take(until):
            assert START <= request.event.event_time.ToMicroseconds() <= until


def test_about_seventy_percent_of_carts_are_abandoned(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    shop, requests = shop_and_events
    carts = {request.event.product_added.cart_id for request in requests if request.event.HasField("product_added")}
    assert len(shop.abandoned_carts()) / len(carts) == pytest.approx(0.70, abs=0.03)


def test_some_events_are_late_and_some_come_twice(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    _, requests = shop_and_events
    times = [request.event.event_time.ToMicroseconds() for request in requests]
    late = sum(later < earlier - HOUR // 60 for earlier, later in pairwise(times))
    ids = Counter(request.event.event_id for request in requests)
    assert 0.005 < late / len(times) < 0.04
    assert sum(count > 1 for count in ids.values()) / len(ids) == pytest.approx(0.01, abs=0.004)


def test_some_shoppers_have_no_address_and_some_no_consent(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    _, requests = shop_and_events
    browsers = {request.event.identity.anonymous_id.rsplit("-", 1)[0] for request in requests} - {""}
    known = {request.event.identity.customer_id for request in requests} - {""}
    consenting = {
        request.event.identity.customer_id for request in requests if request.event.HasField("consent_changed")
    }
    assert 0.8 < len(known) / len(browsers) < 0.95
    assert 0.8 < len(consenting) / len(known) < 0.95


def test_every_kind_that_a_shop_sends_occurs(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    _, requests = shop_and_events
    kinds = {request.event.WhichOneof("kind") for request in requests}
    assert kinds == {
        "product_viewed", "product_added", "product_removed", "cart_updated", "cart_viewed", "checkout_started",
        "checkout_step_completed", "payment_failed", "order_completed", "order_refunded", "identified",
        "profile_updated", "consent_changed", "product_updated", "channel_updated",
    }  # fmt: skip


def test_a_visit_that_only_browses_fills_no_cart_and_leaves_no_truth() -> None:
    shop = Shop(3, 800, START, ShopSettings(days=30, browsing_share=0.9))
    requests = everything(shop)
    carts = {request.event.product_added.cart_id for request in requests if request.event.HasField("product_added")}
    sessions = {request.event.identity.session_id for request in requests if request.event.HasField("product_viewed")}
    assert len(carts) / len(sessions) == pytest.approx(0.1, abs=0.03)
    assert {f"cart-{session.removeprefix('session-')}" for session in sessions} > carts >= set(shop.abandoned_carts())


def test_no_field_is_named_after_the_truth(shop_and_events: tuple[Shop, list[TrackRequest]]) -> None:
    _, requests = shop_and_events
    text = " ".join(str(request) for request in requests)
    for word in ("harm", "thrift", "gaming", "interest", "organic", "engagement", "lesson"):
        assert word not in text


def test_who_is_harmed_shows_in_habits_and_is_given_away_by_no_single_one(
    shop_and_events: tuple[Shop, list[TrackRequest]],
) -> None:
    shop, requests = shop_and_events
    habits: dict[str, list[tuple[bool, bool]]] = {}
    for event in (request.event for request in requests if request.event.HasField("product_added")):
        number = event.identity.anonymous_id.split("-")[1]
        desktop = event.context.device_class == DeviceClass.DEVICE_CLASS_DESKTOP
        habits.setdefault(number, []).append((not event.context.referrer, desktop))
    for habit in (0, 1):
        shares: dict[bool, list[float]] = {True: [], False: []}
        for number, visits in habits.items():
            shopper = shop.shopper_of(f"shopper-{number}@shoppers.example")
            assert shopper is not None
            shares[shopper.harmed].append(mean(visit[habit] for visit in visits))
        pairs = [(harmed > rest) + 0.5 * (harmed == rest) for harmed in shares[True] for rest in shares[False]]
        assert 0.7 < mean(pairs) < 0.96
