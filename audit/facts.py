"""Collects from the journal what the business figures count: abandoned carts, sends, orders, customers.

This is accounting over messages, not state: features, eligibility and abandonment stay the engine's, whose decision
records say what it saw.
"""

from collections import Counter
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from audit.carts import Carts, Catalogue
from audit.eligibility import drawn_arm, is_eligible, silence_reason
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.commerce_pb2 import OrderCompleted
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.line_pb2 import Line
from cart_recovery.v1.message_pb2 import MessageOutcome, Opener
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import Trigger


def micros(time: Timestamp) -> int:
    """Microseconds since 1970 UTC."""
    return time.seconds * 1_000_000 + time.nanos // 1_000


@dataclass(slots=True)
class Send:
    """One touch and what became of it."""

    decision_id: str
    channel: "Channel.ValueType"
    sent_micros: int | None = None
    skipped: "Reason.ValueType | None" = None
    crossed: bool = False
    failed: bool = False
    bounced: bool = False
    complained: bool = False
    unsubscribed: bool = False
    click_micros: list[int] = field(default_factory=list)
    open_micros: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Decision:
    """One decision as the figures need it."""

    decision_id: str
    send_id: str
    storefront_id: str
    cart_id: str
    clock_micros: int
    action_id: str
    channel: "Channel.ValueType"
    offer_id: str
    discount_minor: int
    """What it took the offer to be worth, in its currency."""
    currency_code: str
    contact_cost_minor: float
    aliases: tuple[bytes, ...]
    eligible: bool
    arm: bool | None
    """Held out or not; None where no contact was possible, so that nothing was drawn."""
    silence: "Reason.ValueType | None"
    """Why nobody is contacted; None where somebody is."""


@dataclass(slots=True)
class Abandonment:
    """One abandonment of one cart, with its decisions in the order they were taken."""

    storefront_id: str
    cart_id: str
    micros: int
    products: frozenset[str]
    decisions: list[Decision]

    @property
    def eligible(self) -> bool:
        """Whether the first decision found the cart eligible."""
        return self.decisions[0].eligible


@dataclass(frozen=True, slots=True)
class Worth:
    """What one order brought, before refunds."""

    revenue_minor: int
    """Less the order's discount, which is not taken off the rest."""
    # Margin of the lines whose cost the catalogue knows, and the price of the others.
    known_margin_minor: int
    uncosted_minor: int


@dataclass(slots=True)
class Order:
    """One order, as the figures need it."""

    order_id: str
    storefront_id: str
    cart_id: str
    micros: int
    aliases: tuple[bytes, ...]
    products: frozenset[str]
    currency_code: str
    worth: Worth | None
    """None where the shop says neither a total nor prices, and the catalogue does not know them."""
    discount_minor: int
    with_offer_code: bool
    refunded_minor: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Redemption:
    """One reported use of an offer."""

    storefront_id: str
    micros: int
    aliases: tuple[bytes, ...]
    decision_id: str
    """Empty where the shop does not know which decision brought the offer."""
    offer_id: str
    discount_minor: int | None
    """None where no amount is known."""
    currency_code: str


class Facts:
    """A single pass over the journal. It grows with the carts, decisions, sends, orders, redemptions, products and
    event ids found: a small share of the journal itself."""

    def __init__(self, storefront_id: str = "") -> None:
        """An empty `storefront_id` counts all storefronts together."""
        self.storefront_id = storefront_id
        self._carts = Carts()
        self._catalogue = Catalogue()
        self.abandonments: dict[tuple[str, str, int], Abandonment] = {}
        self.decisions: dict[str, Decision] = {}
        self.sends: dict[str, Send] = {}
        self.orders: dict[tuple[str, str], Order] = {}
        self.redemptions: list[Redemption] = []
        self.storefronts: set[str] = set()
        """All that the journal names, whether counted or not."""
        self.first_micros: int | None = None
        self.last_micros = 0
        self.last_sequence = 0
        # Event ids folded, by storefront: a repeated event counts once.
        self._seen: set[tuple[str, str]] = set()
        self.kinds: Counter[str] = Counter()

    def fold(self, sequence: int, message: JournalMessage) -> None:
        """Counts one message; messages come in sequence order."""
        received = micros(message.received_time)
        self.first_micros = received if self.first_micros is None else min(self.first_micros, received)
        self.last_micros = max(self.last_micros, received)
        self.last_sequence = sequence
        match message.WhichOneof("content"):
            case "decision":
                self._decide(message.decision)
            case "event":
                self._happen(message, received)

    def _counts(self, storefront_id: str) -> bool:
        self.storefronts.add(storefront_id)
        return self.storefront_id in ("", storefront_id)

    def _decide(self, record: DecisionRecord) -> None:
        request = record.request
        if not self._counts(request.storefront_id) or record.decision_id in self.decisions:
            return
        if request.HasField("cart"):
            self._carts.replace(request.storefront_id, request.cart)
        chosen = record.candidates[record.chosen]
        decision = Decision(
            decision_id=record.decision_id,
            send_id=record.send_id,
            storefront_id=request.storefront_id,
            cart_id=request.cart_id,
            clock_micros=micros(record.clock),
            action_id=chosen.action.action_id,
            channel=chosen.action.channel,
            offer_id=chosen.action.offer_id,
            discount_minor=chosen.action.discount_minor,
            currency_code=record.currency_code,
            contact_cost_minor=chosen.contact_cost_minor,
            aliases=tuple(record.aliases),
            eligible=is_eligible(record),
            arm=drawn_arm(record),
            silence=silence_reason(record),
        )
        self.decisions[record.decision_id] = decision
        key = (request.storefront_id, request.cart_id, micros(record.abandonment_time))
        if key in self.abandonments:
            self.abandonments[key].decisions.append(decision)
        elif request.trigger == Trigger.TRIGGER_INACTIVITY:
            products = self._carts.products(request.storefront_id, request.cart_id)
            self.abandonments[key] = Abandonment(*key, products, [decision])

    def _happen(self, message: JournalMessage, received: int) -> None:
        event = message.event
        identity = (event.storefront_id, event.event_id)
        if not self._counts(event.storefront_id) or identity in self._seen:
            return
        self._seen.add(identity)
        kind = event.WhichOneof("kind") or ""
        self.kinds[kind] += 1
        happened = min(micros(event.event_time), received)
        aliases = tuple(key.alias for key in message.identity_keys if key.alias)
        match kind:
            case "order_completed":
                self._order(event, aliases, happened)
            case "order_cancelled":
                if order := self.orders.get((event.storefront_id, event.order_cancelled.order_id)):
                    order.cancelled = True
            case "order_refunded":
                if order := self.orders.get((event.storefront_id, event.order_refunded.order_id)):
                    order.refunded_minor += event.order_refunded.amount.minor_units
            case "message_outcome":
                self._outcome(event.message_outcome, happened)
            case "offer_redeemed":
                self._redemption(event, aliases, happened)
            case "product_updated":
                self._catalogue.update(event.storefront_id, event.product_updated)
            case _:
                self._carts.fold(event)

    def _order(self, event: Event, aliases: tuple[bytes, ...], happened: int) -> None:
        completed = event.order_completed
        discount = max(completed.discount_minor, sum(line.discount_minor for line in completed.lines))
        self.orders[event.storefront_id, completed.order_id] = Order(
            order_id=completed.order_id,
            storefront_id=event.storefront_id,
            cart_id=completed.cart_id,
            micros=happened,
            aliases=aliases,
            products=frozenset(line.product_id for line in completed.lines),
            currency_code=completed.total.currency_code,
            worth=self._worth(event.storefront_id, completed, discount),
            discount_minor=discount,
            with_offer_code=bool(completed.offer_codes),
        )

    def _redemption(self, event: Event, aliases: tuple[bytes, ...], happened: int) -> None:
        redeemed = event.offer_redeemed
        self.redemptions.append(
            Redemption(
                storefront_id=event.storefront_id,
                micros=happened,
                aliases=aliases,
                decision_id=redeemed.decision_id,
                offer_id=redeemed.offer_id,
                discount_minor=redeemed.discount.minor_units if redeemed.HasField("discount") else None,
                currency_code=redeemed.discount.currency_code,
            )
        )

    def _worth(self, storefront_id: str, order: OrderCompleted, discount: int) -> Worth | None:
        total = order.total.minor_units if order.HasField("total") else None
        split = self._split(storefront_id, order)
        if split is not None:
            known, uncosted, gross = split
            return Worth(gross - discount if total is None else total, known, uncosted)
        if total is None:
            return None
        # What the lines would have added up to: the total has the shipping in it, and the discount out of it.
        return Worth(total, 0, max(0, total + discount - order.shipping_minor))

    def _split(self, storefront_id: str, order: OrderCompleted) -> tuple[int, int, int] | None:
        """(margin of lines with a known cost, price of the other lines, price of all lines), before discounts; None
        where there are no lines, or the price of one is unknown."""
        known = uncosted = gross = 0
        for line in order.lines:
            unit_price = self._price(storefront_id, line)
            if unit_price is None:
                return None
            price = unit_price * line.quantity
            cost = self._catalogue.cost_minor(storefront_id, line.product_id)
            gross += price
            if cost is None:
                uncosted += price
            else:
                known += price - cost * line.quantity
        return (known, uncosted, gross) if order.lines else None

    def _price(self, storefront_id: str, line: Line) -> int | None:
        if line.HasField("unit_price_minor"):
            return line.unit_price_minor
        return self._catalogue.price_minor(storefront_id, line.product_id)

    def _outcome(self, outcome: MessageOutcome, happened: int) -> None:
        send = self.sends.setdefault(outcome.send_id, Send(outcome.decision_id, outcome.channel))
        match outcome.WhichOneof("outcome"):
            case "sent":
                sent = outcome.sent
                send.sent_micros = micros(sent.sent_time) if sent.HasField("sent_time") else happened
                send.crossed = sent.crossed
                # The touch may have been decided again since it was scheduled.
                send.decision_id = outcome.decision_id
            case "skipped":
                send.skipped = outcome.skipped.reason
            case "clicked":
                send.click_micros.append(happened)
            case "opened" if outcome.opened.opener != Opener.OPENER_MACHINE:
                send.open_micros.append(happened)
            case "bounced":
                send.bounced = True
            case "complained":
                send.complained = True
            case "unsubscribed":
                send.unsubscribed = True
            case "failed":
                send.failed = True
