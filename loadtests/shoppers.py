"""Requests of made-up shoppers: what a storefront tracks while somebody shops, and what a checkout asks.

Whatever is drawn comes from the generator given. The addresses are of a reserved domain.
"""

import random
import time
from collections.abc import Iterator

from cart_recovery.v1.channel_pb2 import CHANNEL_EMAIL
from cart_recovery.v1.event_pb2 import DEVICE_CLASS_PHONE, Context, Event, TrackRequest
from cart_recovery.v1.line_pb2 import Cart, Line
from cart_recovery.v1.person_pb2 import (
    CONSENT_PURPOSE_CART_REMINDER,
    CONSENT_STATE_GRANTED,
    LEGAL_BASIS_CONSENT,
    Contact,
    Identity,
)
from cart_recovery.v1.scoring_pb2 import TRIGGER_CHECKOUT_CALL, ScoreRequest

METHODS = {
    "Track": "/cart_recovery.v1.EventService/Track",
    "Score": "/cart_recovery.v1.ScoringService/Score",
}
"""Of the kinds of calls that shoppers cause."""

STOREFRONT = "loadtest"
CURRENCY = "EUR"
CANDIDATES = 8
"""Actions that a checkout asks about."""
_PRODUCTS = 2_000
_CATEGORIES = (["women", "shoes"], ["men", "jackets"], ["home", "lamps"], ["sports", "bikes"])
# Shares of visits that go so far.
_ADDS, _CHECKS_OUT, _BUYS = 0.4, 0.5, 0.5


def identity(customer: int) -> Identity:
    """A customer that the shop knows by id and e-mail address."""
    address = Contact(channel=CHANNEL_EMAIL, address=f"customer-{customer}@shop.example")
    return Identity(customer_id=f"customer-{customer}", session_id=f"session-{customer}", contacts=[address])


def line(generator: random.Random) -> Line:
    """One line of a product from a fixed assortment."""
    product = generator.randrange(_PRODUCTS)
    return Line(
        product_id=f"product-{product}",
        quantity=1 + (product % 3 == 0),
        unit_price_minor=990 + 100 * (product % 180),
        title=f"Product {product}",
        category_path=_CATEGORIES[product % len(_CATEGORIES)],
        brand=f"brand-{product % 40}",
    )


def cart(customer: int, generator: random.Random, *, lines: int = 3) -> Cart:
    """The customer's cart."""
    return Cart(cart_id=f"cart-{customer}", lines=[line(generator) for _ in range(lines)], currency_code=CURRENCY)


def track_request(customer: int, event_id: str, **kind: object) -> TrackRequest:
    """A Track request for an event of now."""
    event = Event(
        event_id=event_id,
        storefront_id=STOREFRONT,
        identity=identity(customer),
        context=Context(device_class=DEVICE_CLASS_PHONE, locale="de-DE", country_code="DE"),
        **kind,  # type: ignore[arg-type]
    )
    event.event_time.FromNanoseconds(time.time_ns())
    return TrackRequest(event=event)


def consent_request(customer: int, event_id: str) -> TrackRequest:
    """The customer agrees to cart reminders by e-mail."""
    consent = {
        "channel": CHANNEL_EMAIL,
        "purpose": CONSENT_PURPOSE_CART_REMINDER,
        "state": CONSENT_STATE_GRANTED,
        "legal_basis": LEGAL_BASIS_CONSENT,
        "source": "checkout",
    }
    return track_request(customer, event_id, consent_changed=consent)


def visit(customer: int, generator: random.Random) -> Iterator[TrackRequest]:
    """The events of one visit: views, perhaps a cart, a checkout and an order."""
    visit_id = f"{customer}-{generator.getrandbits(48):012x}"
    number = 0

    def request(**kind: object) -> TrackRequest:
        nonlocal number
        number += 1
        return track_request(customer, f"{visit_id}-{number}", **kind)

    cart_id = f"cart-{visit_id}"
    for _ in range(generator.randint(2, 6)):
        yield request(product_viewed={"product": line(generator), "dwell_seconds": generator.randint(2, 90)})
    if generator.random() >= _ADDS:
        return
    chosen = [line(generator) for _ in range(generator.randint(1, 3))]
    for each in chosen:
        yield request(product_added={"cart_id": cart_id, "line": each, "currency_code": CURRENCY})
    yield request(cart_viewed={"cart_id": cart_id})
    if generator.random() >= _CHECKS_OUT:
        return
    yield request(checkout_started={"cart_id": cart_id})
    if generator.random() < _BUYS:
        total = sum(each.unit_price_minor * each.quantity for each in chosen)
        order = {
            "order_id": f"order-{visit_id}",
            "cart_id": cart_id,
            "lines": chosen,
            "total": {"minor_units": total, "currency_code": CURRENCY},
        }
        yield request(order_completed=order)


def score_request(customer: int, generator: random.Random, *, candidate_count: int = CANDIDATES) -> ScoreRequest:
    """What a checkout asks, with a cart of its own, so that no earlier decision answers."""
    own = cart(customer, generator, lines=generator.randint(1, 5))
    own.cart_id = f"cart-{customer}-{generator.getrandbits(48):012x}"
    return ScoreRequest(
        storefront_id=STOREFRONT,
        identity=identity(customer),
        cart=own,
        trigger=TRIGGER_CHECKOUT_CALL,
        candidate_count=candidate_count,
    )
