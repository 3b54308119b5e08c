"""Shoppers and what they do, as events a storefront would send."""

import itertools
import random
from dataclasses import dataclass
from uuid import UUID

from cart_recovery.v1.channel_pb2 import CHANNEL_EMAIL, CHANNEL_SMS
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.line_pb2 import Cart, Line
from cart_recovery.v1.person_pb2 import (
    CONSENT_PURPOSE_CART_REMINDER,
    CONSENT_PURPOSE_MARKETING,
    CONSENT_STATE_GRANTED,
    CONSENT_STATE_WITHDRAWN,
    DOUBLE_OPT_IN_CONFIRMED,
    LEGAL_BASIS_CONSENT,
    ConsentPurpose,
    ConsentState,
    Identity,
)
from cart_recovery.v1.scoring_pb2 import TRIGGER_CHECKOUT_CALL, ScoreRequest
from tests.harness.policy import HOST, STOREFRONT


@dataclass(frozen=True)
class Shopper:
    """One person with one cart."""

    customer_id: str
    anonymous_id: str
    session_id: str
    email: str
    phone: str
    name: str
    cart_id: str
    restore_url: str

    def identity(self) -> Identity:
        """Everything the storefront knows of the person."""
        identity = Identity(
            customer_id=self.customer_id,
            anonymous_id=self.anonymous_id,
            session_id=self.session_id,
            name=self.name,
        )
        identity.contacts.add(channel=CHANNEL_EMAIL, address=self.email)
        identity.contacts.add(channel=CHANNEL_SMS, address=self.phone)
        return identity

    def cart(self, *, quantity: int = 2) -> Cart:
        """A cart of two products."""
        boots = Line(
            product_id="boots",
            variant_id="boots-42",
            quantity=quantity,
            unit_price_minor=7_990,
            title="Leather Boots",
            category_path=["women", "shoes", "boots"],
            brand="Specimen",
            url=f"https://{HOST}/boots",
        )
        socks = Line(product_id="socks", quantity=3, unit_price_minor=490, title="Woollen Socks")
        return Cart(cart_id=self.cart_id, lines=[boots, socks], currency_code="EUR", restore_url=self.restore_url)


class Shop:
    """Makes shoppers and events with ids that never repeat within one run of the tests."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._events = itertools.count(1)
        self._shoppers = itertools.count(1)
        self._run = UUID(int=self._random.getrandbits(128)).hex[:12]

    def shopper(self) -> Shopper:
        """A new person."""
        number = next(self._shoppers)
        name = f"{self._run}-{number}"
        return Shopper(
            customer_id=f"customer-{name}",
            anonymous_id=f"device-{name}",
            session_id=f"session-{name}",
            email=f"shopper.{name}@mail.example",
            phone=f"+4917{self._random.randrange(10**9, 10**10)}",
            name=f"Specimen Person {number}",
            cart_id=f"cart-{name}",
            restore_url=f"https://{HOST}/cart/restore/{name}?key=secret-{name}",
        )

    def event(self, shopper: Shopper) -> Event:
        """An event of this person now; the caller sets its kind."""
        event = Event(
            event_id=f"event-{self._run}-{next(self._events)}",
            storefront_id=STOREFRONT,
            identity=shopper.identity(),
        )
        event.event_time.GetCurrentTime()
        return event

    def viewed(self, shopper: Shopper, product_id: str = "boots") -> Event:
        """The person looks at a product."""
        event = self.event(shopper)
        event.product_viewed.product.product_id = product_id
        event.product_viewed.product.unit_price_minor = 7_990
        return event

    def cart_updated(self, shopper: Shopper, *, quantity: int = 2) -> Event:
        """A snapshot of the person's cart."""
        event = self.event(shopper)
        event.cart_updated.cart.CopyFrom(shopper.cart(quantity=quantity))
        return event

    def ordered(self, shopper: Shopper) -> Event:
        """The person buys the cart."""
        event = self.event(shopper)
        order = event.order_completed
        order.order_id = f"order-{shopper.cart_id}"
        order.cart_id = shopper.cart_id
        order.lines.extend(shopper.cart().lines)
        order.total.minor_units = 17_450
        order.total.currency_code = "EUR"
        return event

    def consents(self, shopper: Shopper) -> list[Event]:
        """The person agrees to e-mails."""
        purposes = (CONSENT_PURPOSE_MARKETING, CONSENT_PURPOSE_CART_REMINDER)
        return [self._consent(shopper, purpose, CONSENT_STATE_GRANTED) for purpose in purposes]

    def opted_out(self, shopper: Shopper) -> Event:
        """The person no longer wants to be reminded of carts by e-mail."""
        return self._consent(shopper, CONSENT_PURPOSE_CART_REMINDER, CONSENT_STATE_WITHDRAWN)

    def abandoning(self, shopper: Shopper) -> list[Event]:
        """All events of a person who may be written to and leaves a cart."""
        return [*self.consents(shopper), self.viewed(shopper), self.cart_updated(shopper)]

    def score(self, shopper: Shopper, *, dry_run: bool = False) -> ScoreRequest:
        """The checkout asks about the cart it has at hand."""
        return ScoreRequest(
            storefront_id=STOREFRONT,
            identity=shopper.identity(),
            cart=shopper.cart(),
            trigger=TRIGGER_CHECKOUT_CALL,
            dry_run=dry_run,
            candidate_count=8,
        )

    def _consent(self, shopper: Shopper, purpose: ConsentPurpose.ValueType, state: ConsentState.ValueType) -> Event:
        event = self.event(shopper)
        consent = event.consent_changed
        consent.channel = CHANNEL_EMAIL
        consent.purpose = purpose
        consent.state = state
        consent.legal_basis = LEGAL_BASIS_CONSENT
        consent.double_opt_in = DOUBLE_OPT_IN_CONFIRMED
        consent.source = "checkout"
        consent.jurisdiction = "DE"
        return event
