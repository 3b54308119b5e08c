"""One journalled event in the words of a person."""

from collections.abc import Callable

from audit.amounts import counted, moment, money
from audit.facts import micros
from audit.reason_words import REASON_WORDS
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.line_pb2 import Line
from cart_recovery.v1.message_pb2 import MessageOutcome, Opener
from cart_recovery.v1.person_pb2 import ConsentPurpose, ConsentState
from cart_recovery.v1.reason_pb2 import Reason


def describe(event: Event) -> str:
    """A short sentence without ids of the person; a kind without words of its own is named as the contract does."""
    kind = event.WhichOneof("kind") or "an event without a kind"
    words = _WORDS.get(kind)
    return words(event) if words is not None else kind.replace("_", " ")


def _product(line: Line) -> str:
    return line.title or line.product_id


def _line(line: Line, currency_code: str) -> str:
    price = f" at {money(line.unit_price_minor, currency_code)}" if line.HasField("unit_price_minor") else ""
    return f"{line.quantity} × {_product(line)}{price}"


def _channel(channel: "Channel.ValueType") -> str:
    if channel == Channel.CHANNEL_UNSPECIFIED:
        return "every channel"
    return Channel.Name(channel).removeprefix("CHANNEL_").lower().replace("_", "-")


def _consent(event: Event) -> str:
    consent = event.consent_changed
    state = "consented to" if consent.state == ConsentState.CONSENT_STATE_GRANTED else "withdrew consent for"
    purpose = ConsentPurpose.Name(consent.purpose).removeprefix("CONSENT_PURPOSE_").lower().replace("_", " ")
    return f"{state} {purpose} by {_channel(consent.channel)}"


def _outcome(outcome: MessageOutcome) -> str:
    channel = _channel(outcome.channel)
    match outcome.WhichOneof("outcome"):
        case "scheduled":
            return f"{channel} scheduled for {moment(micros(outcome.scheduled.due_time))}"
        case "skipped":
            reason = outcome.skipped.reason
            return f"{channel} skipped: {REASON_WORDS.get(reason, Reason.Name(reason))}"
        case "sent":
            crossed = ", while an order or opt-out came in" if outcome.sent.crossed else ""
            by = f" by {outcome.provider}" if outcome.provider else ""
            return f"{channel} sent{by}{crossed}"
        case "opened":
            machine = outcome.opened.opener == Opener.OPENER_MACHINE
            return f"{channel} opened{' by a machine' if machine else ''}"
        case "clicked":
            return f"{channel} clicked: {outcome.clicked.link}"
        case "bounced":
            return f"{channel} bounced: {outcome.bounced.diagnostic}"
        case "failed":
            kind = "for good" if outcome.failed.permanent else "for now"
            return f"{channel} failed {kind}: {outcome.failed.diagnostic}"
        case "unknown":
            return f"{channel}: nobody knows whether it left; never sent again"
        case None:
            return f"{channel}: no outcome"
        case kind:
            return f"{channel} {kind}"


def _cart(event: Event) -> str:
    return f"the cart holds {counted(len(event.cart_updated.cart.lines), 'line')}"


def _redemption(event: Event) -> str:
    redeemed = event.offer_redeemed
    words = f"redeemed {redeemed.offer_id}"
    if not redeemed.HasField("discount"):
        return words
    return f"{words} for {money(redeemed.discount.minor_units, redeemed.discount.currency_code)}"


def _order(event: Event) -> str:
    order = event.order_completed
    if not order.HasField("total"):
        return "ordered"
    return f"ordered for {money(order.total.minor_units, order.total.currency_code)}"


_WORDS: dict[str, Callable[[Event], str]] = {
    "product_viewed": lambda event: f"viewed {_product(event.product_viewed.product)}",
    "product_added": lambda event: (
        f"put {_line(event.product_added.line, event.product_added.currency_code)} into the cart"
    ),
    "product_removed": lambda event: f"took {_line(event.product_removed.line, '')} out of the cart",
    "cart_updated": _cart,
    "checkout_step_completed": lambda event: f"completed checkout step {event.checkout_step_completed.step}",
    "payment_failed": lambda event: f"the payment failed ({event.payment_failed.failure_code or 'no cause given'})",
    "order_completed": _order,
    "consent_changed": _consent,
    "message_outcome": lambda event: _outcome(event.message_outcome),
    "offer_redeemed": _redemption,
}
