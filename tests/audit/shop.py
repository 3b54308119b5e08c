"""Writes small journals with the contracts, as relay and engine would, for figures that can be counted by hand."""

import polars as pl

from audit.journal import SCHEMA
from cart_recovery.v1.channel_pb2 import CHANNEL_EMAIL, CHANNEL_NONE
from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.line_pb2 import Line
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.person_pb2 import IDENTITY_KEY_KIND_CUSTOMER, IdentityKey
from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy
from cart_recovery.v1.reason_pb2 import REASON_CONSENT_MISSING, REASON_HOLDOUT, REASON_LOWER_VALUE
from cart_recovery.v1.scoring_pb2 import TRIGGER_INACTIVITY, Action

STOREFRONT = "shop-de"
START = 1_790_000_000
MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

POLICY = Policy(
    company=StorefrontPolicy(
        currency_code="EUR",
        margin_basis_points=4000,
        return_basis_points=0,
        holdout_basis_points=1000,
        attribution_window_seconds=3 * DAY,
    )
)


def alias(number: int) -> bytes:
    """The alias of a customer."""
    return number.to_bytes(16, "big")


class Shop:
    """A journal in the making, of one storefront. Times are seconds after START; the messages stand in the order of
    the calls."""

    def __init__(self, *, storefront: str = STOREFRONT, currency: str = "EUR") -> None:
        self._storefront = storefront
        self._currency = currency
        self._messages: list[JournalMessage] = []
        self._events = 0

    def journal(self) -> pl.DataFrame:
        """The journal so far, from sequence 1."""
        rows = {
            "sequence": list(range(1, len(self._messages) + 1)),
            "payload": [message.SerializeToString(deterministic=True) for message in self._messages],
        }
        return pl.DataFrame(rows, schema=SCHEMA)

    @property
    def sequence(self) -> int:
        """The last sequence."""
        return len(self._messages)

    def extend(self, other: "Shop") -> None:
        """Appends the messages of another journal; their event ids are taken as distinct."""
        for message in other._messages:
            if message.WhichOneof("content") == "event":
                message.event.event_id = "f" + message.event.event_id[1:]
            self._messages.append(message)

    def event(self, customer: int, at: int, *, event_id: str = "", storefront: str = "", **kind: object) -> None:
        """Journals an event of the given kind."""
        self._events += 1
        event = Event(
            event_id=event_id or f"{self._events:032x}",
            storefront_id=storefront or self._storefront,
            **kind,  # type: ignore[arg-type]
        )
        event.event_time.seconds = START + at
        message = JournalMessage(event=event)
        message.received_time.seconds = START + at
        message.identity_keys.append(IdentityKey(kind=IDENTITY_KEY_KIND_CUSTOMER, alias=alias(customer)))
        self._messages.append(message)

    def tick(self, at: int) -> None:
        """Journal time moves on."""
        message = JournalMessage()
        message.tick.SetInParent()
        message.received_time.seconds = START + at
        self._messages.append(message)

    def add(self, customer: int, at: int, product: str = "boots", price: int = 10_000) -> None:
        """Puts one product into the customer's cart."""
        line = Line(product_id=product, quantity=1, unit_price_minor=price, title=product.title())
        added = {"cart_id": f"cart-{customer}", "line": line, "currency_code": self._currency}
        self.event(customer, at, product_added=added)

    def decide(
        self,
        customer: int,
        at: int,
        *,
        action: str = "none",
        held_out: bool = False,
        consent: bool = True,
        offer: str = "",
        offered: int = 0,
        contact_cost: float = 2.0,
        abandoned: int = 0,
    ) -> str:
        """An inactivity decision between "none" and one e-mail, whose offer takes `offered` off; the id is answered."""
        refused = [] if consent else [REASON_CONSENT_MISSING]
        if held_out:
            refused.append(REASON_HOLDOUT)
        sends = action != "none"
        record = DecisionRecord(
            decision_id=f"d{customer}-{at}",
            send_id=f"s{customer}-{at}",
            state_sequence=self.sequence,
            seed=7,
            bundle_id="b1",
            engine_version="1",
            aliases=[alias(customer)],
            draw=0.25,
            holdout=held_out,
            chosen=1 if sends else 0,
            touch=1,
            currency_code=self._currency,
            cart_value_minor=10_000,
        )
        if consent:
            record.experiment_arms.add(experiment_id="holdout", arm_id="holdout" if held_out else "contact")
        record.request.storefront_id = self._storefront
        record.request.cart_id = f"cart-{customer}"
        record.request.trigger = TRIGGER_INACTIVITY
        record.clock.seconds = START + at
        record.abandonment_time.seconds = START + (abandoned or at)
        none = Action(action_id="none", channel=CHANNEL_NONE)
        email = Action(
            action_id=action if sends else "email_1h", channel=CHANNEL_EMAIL, offer_id=offer, discount_minor=offered
        )
        eligible = not refused
        record.candidates.append(
            Candidate(
                action=none,
                eligible=True,
                recovery_probability=0.1,
                propensity=(0.2 if sends else 0.8) if eligible else 1.0,
                reasons=[REASON_LOWER_VALUE] if sends else [],
            )
        )
        record.candidates.append(
            Candidate(
                action=email,
                eligible=eligible,
                recovery_probability=0.15,
                contact_cost_minor=contact_cost,
                value_minor=180.5,
                propensity=(0.8 if sends else 0.2) if eligible else 0.0,
                reasons=refused or ([] if sends else [REASON_LOWER_VALUE]),
            )
        )
        message = JournalMessage(decision=record)
        message.received_time.seconds = START + at
        self._messages.append(message)
        return record.decision_id

    def outcome(self, customer: int, at: int, decision_id: str, *, send_id: str = "", **outcome: object) -> None:
        """What happened to the send of a decision; it shares `send_id` with the decision it replaced, if any."""
        message = MessageOutcome(
            decision_id=decision_id,
            send_id=send_id or "s" + decision_id[1:],
            channel=CHANNEL_EMAIL,
            touch=1,
            provider="smtp",
            **outcome,  # type: ignore[arg-type]
        )
        self.event(customer, at, message_outcome=message)

    def order(
        self,
        customer: int,
        at: int,
        *,
        product: str = "boots",
        total: int = 10_000,
        discount: int = 0,
        shipping: int = 0,
        codes: list[str] | None = None,
        currency: str = "",
        cart: str = "",
        with_lines: bool = True,
        priced_lines: bool = True,
    ) -> None:
        """An order of one product; `total` is what was paid."""
        line = Line(product_id=product, quantity=1)
        if priced_lines:
            line.unit_price_minor = total + discount - shipping
        self.event(
            customer,
            at,
            order_completed={
                "order_id": f"order-{customer}-{at}",
                "cart_id": cart,
                "lines": [line] if with_lines else [],
                "total": {"minor_units": total, "currency_code": currency or self._currency},
                "discount_minor": discount,
                "shipping_minor": shipping,
                "offer_codes": codes or [],
            },
        )

    def unpriced_order(self, customer: int, at: int) -> None:
        """An order of which the shop says no price."""
        order_id, line = f"order-{customer}-{at}", Line(product_id="boots", quantity=1)
        self.event(customer, at, order_completed={"order_id": order_id, "lines": [line]})

    def redeem(self, customer: int, at: int, discount: int | None, *, decision_id: str = "") -> None:
        """The shop reports that an offer was used; not every shop knows of which decision, or what it took off."""
        redeemed: dict[str, object] = {"offer_id": "ten", "decision_id": decision_id}
        if discount is not None:
            redeemed["discount"] = {"minor_units": discount, "currency_code": self._currency}
        self.event(customer, at, offer_redeemed=redeemed)
