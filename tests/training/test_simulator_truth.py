"""The truth of the simulated shop, and that responses follow it."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Context, DeviceClass, Event
from training.simulator.basket import SHIPPING_MINOR
from training.simulator.response import Offer, Pending, Received, respond
from training.simulator.settings import ShopSettings
from training.simulator.shop import Shop
from training.simulator.shoppers import Shopper
from training.simulator.truth import CartTruth, Contact, organic_hours, organic_share

START = 20_454 * 86_400_000_000
HOUR = 3_600_000_000
TRUTH = CartTruth(
    cart_id="cart-1",
    shopper_number=0,
    left_micros=START,
    value_minor=10_000,
    margin_minor=4_000.0,
    organic=0.2,
    harmed=False,
    thrift=0.6,
    hot=False,
    phone=True,
)
SHOPPER = Shopper(
    number=0,
    name="Ada",
    identified=True,
    consents=True,
    interest=0.0,
    thrift=0.6,
    harmed=False,
    gaming=False,
    engagement=1.0,
    device=DeviceClass.DEVICE_CLASS_PHONE,
    direct=False,
    context=Context(),
)
FIVE_OFF = Offer("five_off", "d" * 32, discount_minor=500, free_shipping=False)


def email(hours: float, discount_minor: int = 0) -> Contact:
    return Contact(Channel.CHANNEL_EMAIL, discount_minor, free_shipping=False, delay_hours=hours)


def bought_share(truth: CartTruth, hours: float, draws: int = 6_000) -> float:
    """Simulates carts one by one, each with one contact after so many hours."""
    rng = random.Random(11)
    bought = 0
    for _ in range(draws):
        pending = Pending(truth)
        if rng.random() < truth.organic:
            pending.buy_at = truth.left_micros + round(organic_hours(rng.random()) * HOUR)
        received = Received(
            "cart-1", Channel.CHANNEL_EMAIL, FIVE_OFF, send_time_micros=truth.left_micros + round(hours * HOUR)
        )
        respond(pending, dataclasses.replace(SHOPPER), received, ShopSettings(), rng)
        bought += pending.buy_at is not None
    return bought / draws


@pytest.mark.parametrize("harmed", [False, True])
@pytest.mark.parametrize("hours", [0.5, 4.0, 24.0])
def test_as_many_buy_as_the_truth_says(harmed: bool, hours: float) -> None:
    truth = dataclasses.replace(TRUTH, harmed=harmed)
    expected = truth.buy_probability(email(hours, 500))
    assert bought_share(truth, hours) == pytest.approx(expected, abs=0.02)


@given(st.floats(0, 72), st.integers(0, 1500), st.floats(0.01, 0.8))
def test_a_harmed_shopper_buys_less_after_any_contact(hours: float, discount_minor: int, organic: float) -> None:
    truth = dataclasses.replace(TRUTH, harmed=True, organic=organic)
    assert truth.buy_probability(email(hours, discount_minor)) <= truth.buy_probability(None) + 1e-12


@given(st.floats(0, 72), st.integers(0, 1400), st.floats(0.01, 0.8), st.booleans())
def test_a_deeper_discount_never_lowers_the_probability(
    hours: float, discount_minor: int, organic: float, hot: bool
) -> None:
    truth = dataclasses.replace(TRUTH, organic=organic, hot=hot)
    deeper = truth.buy_probability(email(hours, discount_minor + 100))
    assert deeper >= truth.buy_probability(email(hours, discount_minor)) - 1e-12


def test_an_early_message_lowers_purchases_below_control_and_a_later_one_helps() -> None:
    assert TRUTH.buy_probability(email(0.4)) < TRUTH.organic < TRUTH.buy_probability(email(4.0))


@given(st.floats(0, 0.999))
def test_organic_times_follow_their_distribution(draw: float) -> None:
    assert organic_share(organic_hours(draw)) == pytest.approx(draw, abs=1e-9)


def test_some_shoppers_are_harmed_and_their_truth_says_so() -> None:
    shop = Shop(3, 200, START, ShopSettings(days=10))
    while (time := shop.next_time()) is not None:
        shop.take(time + HOUR)
    truths = [truth for cart_id in shop.abandoned_carts() if (truth := shop.truth(cart_id)) is not None]
    harmed = [truth for truth in truths if truth.harmed]
    assert 0.1 < len(harmed) / len(truths) < 0.4
    assert all(truth.buy_probability(email(4.0)) < truth.organic for truth in harmed)


def test_an_order_after_a_click_names_the_message_whether_or_not_it_made_the_difference() -> None:
    rng = random.Random(4)
    sources = set()
    for _ in range(3_000):
        pending = Pending(TRUTH, buy_at=START + 60 * HOUR)
        received = Received("cart-1", Channel.CHANNEL_EMAIL, None, send_time_micros=START + 2 * HOUR)
        response = respond(pending, dataclasses.replace(SHOPPER), received, ShopSettings(response_scale=4.0), rng)
        if pending.buy_at == START + 60 * HOUR:
            sources.add((response.click_at is not None, pending.source))
    assert sources == {(True, "email"), (False, "")}


def test_a_message_after_the_purchase_changes_nothing() -> None:
    pending = Pending(TRUTH, buy_at=START + HOUR)
    received = Received("cart-1", Channel.CHANNEL_EMAIL, FIVE_OFF, send_time_micros=START + 2 * HOUR)
    response = respond(pending, dataclasses.replace(SHOPPER), received, ShopSettings(), random.Random(1))
    assert response.buy_at is None and pending.buy_at == START + HOUR


def events_after_messages(offer: Offer | None) -> list[Event]:
    """What a shop sends all in all, each of whose abandoned carts gets one message."""
    shop = Shop(3, 120, START, ShopSettings(days=10))
    events: list[Event] = []
    answered: set[str] = set()
    while (time := shop.next_time()) is not None:
        events += [request.event for request in shop.take(time + HOUR)]
        for cart_id in shop.abandoned_carts():
            truth = shop.truth(cart_id)
            if truth is not None and cart_id not in answered and time > truth.left_micros:
                answered.add(cart_id)
                send_time = max(truth.left_micros + 4 * HOUR, time + HOUR)
                shop.receive(Received(cart_id, Channel.CHANNEL_EMAIL, offer, send_time_micros=send_time))
    return events


def test_a_received_message_can_bring_an_order() -> None:
    events = events_after_messages(None)
    assert sum(event.order_completed.source == "email" for event in events) > 5
    assert not any(event.HasField("offer_redeemed") for event in events)


@pytest.mark.parametrize("free_shipping", [False, True])
def test_an_offer_that_is_used_is_redeemed_and_off_the_bill(free_shipping: bool) -> None:
    events = events_after_messages(dataclasses.replace(FIVE_OFF, free_shipping=free_shipping))
    ordered = {
        event.event_time.ToMicroseconds(): event.order_completed
        for event in events
        if event.HasField("order_completed")
    }
    redeemed = [event for event in events if event.HasField("offer_redeemed")]
    assert len(redeemed) > 5
    for event in redeemed:
        order, redemption = ordered[event.event_time.ToMicroseconds()], event.offer_redeemed
        assert (redemption.offer_id, redemption.decision_id) == ("five_off", "d" * 32)
        goods = sum(line.unit_price_minor * line.quantity for line in order.lines)
        assert order.total.minor_units == goods - order.discount_minor + order.shipping_minor
        if free_shipping:
            assert order.shipping_minor == order.discount_minor == 0
            assert redemption.discount.minor_units in (0, SHIPPING_MINOR)
        else:
            assert order.discount_minor == redemption.discount.minor_units == 500


def test_addresses_lead_to_shoppers() -> None:
    shop = Shop(3, 20, START)
    shopper = shop.shopper_of("shopper-17@shoppers.example")
    assert shopper is not None and shopper.number == 17
    assert shop.shopper_of("nobody@shoppers.example") is None
