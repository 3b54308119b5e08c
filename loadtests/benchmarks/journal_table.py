"""A journal as columns, the way a warehouse would hold it: what engines that read no protobuf are given."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.line_pb2 import Line

VIEW, ADD, REMOVE, CHECKOUT = 1, 2, 3, 4
"""Steps of a visit; 0 is none."""
VIEWS, ADDS, REMOVES, CHECKOUTS, ORDERS, RETURNS, REDEMPTIONS = 1, 2, 3, 4, 5, 6, 7
"""What an event is counted as; 0 is nothing."""

_KINDS = {
    "product_viewed": (VIEW, VIEWS),
    "product_wishlisted": (VIEW, VIEWS),
    "product_list_viewed": (VIEW, VIEWS),
    "products_searched": (VIEW, VIEWS),
    "product_added": (ADD, ADDS),
    "product_removed": (REMOVE, REMOVES),
    "cart_updated": (CHECKOUT, 0),
    "cart_viewed": (CHECKOUT, 0),
    "checkout_started": (CHECKOUT, CHECKOUTS),
    "checkout_step_viewed": (CHECKOUT, 0),
    "checkout_step_completed": (CHECKOUT, 0),
    "payment_failed": (CHECKOUT, 0),
    "order_completed": (0, ORDERS),
    "order_cancelled": (0, RETURNS),
    "order_refunded": (0, RETURNS),
    "offer_redeemed": (0, REDEMPTIONS),
}
"""Step and count of every kind of event that the compared features depend on."""

_EVENTS = {
    "sequence": pl.UInt64,
    "event": pl.UInt32,
    "alias": pl.UInt32,
    "cart": pl.UInt32,
    "time_micros": pl.Int64,
    "step": pl.UInt8,
    "counter": pl.UInt8,
    "revenue": pl.Float64,
    "product": pl.UInt32,
    "category": pl.UInt32,
    "dwell_seconds": pl.UInt32,
    "stage": pl.UInt8,
    "failed": pl.UInt8,
}
_DECISIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "sequence": pl.UInt64,
    "state_sequence": pl.UInt64,
    "clock_micros": pl.Int64,
    "cart": pl.UInt32,
    "aliases": pl.List(pl.UInt32),
}


class Numbers(dict[object, int]):
    """Small numbers for whatever has a name; nothing named is 0."""

    def of(self, name: object) -> int:
        """The number of a name, given at its first use."""
        return self.setdefault(name, len(self) + 1) if name else 0


def flatten(journal: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events and decisions of a journal of (sequence, payload).

    Names are numbers already, times are clamped to when the event was received, and each decision brings its customer's
    aliases: work that the engines are spared.
    """
    numbers = {name: Numbers() for name in ("event", "alias", "cart", "product", "category")}
    events: list[tuple[Any, ...]] = []
    decisions: list[tuple[Any, ...]] = []
    for sequence, payload in journal.select("sequence", "payload").iter_rows():
        message = JournalMessage.FromString(payload)
        if message.HasField("decision"):
            decisions.append(_decision(sequence, message.decision, numbers))
        elif message.HasField("event") and message.identity_keys:
            events += _event(sequence, message, numbers)
    return pl.DataFrame(events, _EVENTS, orient="row"), pl.DataFrame(decisions, _DECISIONS, orient="row")


def _decision(sequence: int, record: DecisionRecord, numbers: dict[str, Numbers]) -> tuple[Any, ...]:
    cart, clock = numbers["cart"].of(record.request.cart_id), record.clock.ToMicroseconds()
    return sequence, record.state_sequence, clock, cart, [numbers["alias"].of(alias) for alias in record.aliases]


def _event(sequence: int, message: JournalMessage, numbers: dict[str, Numbers]) -> Iterator[tuple[Any, ...]]:
    event = message.event
    kind = event.WhichOneof("kind")
    if kind not in _KINDS:
        return
    step, counter = _KINDS[kind]
    content = getattr(event, kind)
    line = _line(event)
    yield (
        sequence,
        numbers["event"].of(event.event_id),
        numbers["alias"].of(message.identity_keys[0].alias),
        numbers["cart"].of(content.cart.cart_id if kind == "cart_updated" else getattr(content, "cart_id", "")),
        min(event.event_time.ToMicroseconds(), message.received_time.ToMicroseconds()),
        step,
        counter,
        float(content.total.minor_units) if kind == "order_completed" else 0.0,
        numbers["product"].of(line.product_id),
        numbers["category"].of(tuple(line.category_path)),
        event.product_viewed.dwell_seconds,
        _stage(event),
        kind == "payment_failed",
    )


def _line(event: Event) -> Line:
    """The product that a browse or cart event is about; an empty line where it names none."""
    kind = event.WhichOneof("kind")
    if kind in {"product_viewed", "product_wishlisted"}:
        product: Line = getattr(event, kind).product
        return product
    if kind in {"product_added", "product_removed"}:
        line: Line = getattr(event, kind).line
        return line
    return Line()


def _stage(event: Event) -> int:
    """How far the checkout is: 1 started, 1 + n at step n."""
    kind = event.WhichOneof("kind")
    if kind == "checkout_step_viewed":
        return int(event.checkout_step_viewed.step) + 1
    if kind == "checkout_step_completed":
        return int(event.checkout_step_completed.step) + 2
    return int(kind == "checkout_started")
