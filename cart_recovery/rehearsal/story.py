"""Tells a run in plain words: the first few happenings of each kind one by one, the others as counts."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from audit.amounts import duration, money
from audit.eligibility import SILENCE_WORDS, silence_reason
from audit.reason_words import REASON_WORDS
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.message_pb2 import MessageOutcome, OfferRedeemed
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import Trigger

TOLD_OF_EACH = 3
"""Happenings of one kind that are told; the rest is counted."""

_DECISIONS_KEPT = 200_000


class Story:
    """Listens to the journal and to the shop, and says what a person wants to hear."""

    def __init__(self, say: Callable[[str], None], *, name_of: Callable[[str], str]) -> None:
        """`name_of` gives a cart's shopper a name by the cart's token."""
        self._say = say
        self._name_of = name_of
        self._told: Counter[str] = Counter()
        self._decisions: dict[str, DecisionRecord] = {}
        self._decided_carts: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.example = ""
        """Id of the first decision to contact, once its message was sent."""

    def journalled(self, message: JournalMessage) -> None:
        """One message of the journal."""
        time = message.received_time.ToMicroseconds()
        match message.WhichOneof("content"):
            case "decision":
                self._decided(message.decision)
            case "event" if message.event.HasField("message_outcome"):
                self._outcome(message.event.message_outcome, time)
            case "event" if message.event.HasField("order_completed"):
                self._ordered(message.event, time)
            case "event" if message.event.HasField("offer_redeemed"):
                self._redeemed(message.event.offer_redeemed, time)

    def _decided(self, record: DecisionRecord) -> None:
        if len(self._decisions) < _DECISIONS_KEPT:
            self._decisions[record.decision_id] = record
            self._decided_carts.add(record.request.cart_id)
        action = record.candidates[record.chosen].action
        self.counts["decided"] += 1
        if record.touch == 1 and record.request.trigger == Trigger.TRIGGER_INACTIVITY:
            self.counts["abandoned"] += 1
        value = money(record.cart_value_minor, record.currency_code) if record.HasField("cart_value_minor") else ""
        left = f"left a cart worth {value}" if value else "left a cart"
        kind, words = _verdict(record)
        self.counts[kind] += 1
        subject = self._name_of(record.request.cart_id)
        if record.touch > 1:
            self._tell(f"touch {kind}", record.clock.ToMicroseconds(), f"{subject} has not come back: {words}")
        else:
            told = f"{kind}/{bool(action.offer_id)}"
            self._tell(told, record.clock.ToMicroseconds(), f"{subject} {left}: {words}")

    def _outcome(self, outcome: MessageOutcome, time: int) -> None:
        record = self._decisions.get(outcome.decision_id)
        name = self._name_of(record.request.cart_id) if record else "a shopper"
        kind = outcome.WhichOneof("outcome") or ""
        self.counts[kind] += 1
        if kind == "skipped":
            reason = outcome.skipped.reason
            words = _lowered(REASON_WORDS[reason])
            self._tell(f"skipped/{reason}", time, f"the message to {name} is not sent: {words}")
        elif kind == "sent":
            self.example = self.example or outcome.decision_id
            self._tell("sent", time, f"an e-mail reaches {name}'s inbox")
        elif kind == "clicked":
            self._tell("clicked", time, f"{name} clicks the link back to the cart")
        elif kind == "unsubscribed":
            self._tell("unsubscribed", time, f"{name} unsubscribes with one click, and is not written to again")
        elif kind in ("failed", "bounced", "unknown"):
            self._tell(kind, time, f"the message to {name} {kind}")

    def _redeemed(self, redeemed: OfferRedeemed, time: int) -> None:
        record = self._decisions.get(redeemed.decision_id)
        if record is None:
            return
        self.counts["redeemed"] += 1
        words = f"{self._name_of(record.request.cart_id)} uses the offer"
        if redeemed.HasField("discount"):
            words += f" and saves {money(redeemed.discount.minor_units, redeemed.discount.currency_code)}"
        self._tell("redeemed", time, words)

    def _ordered(self, event: Event, time: int) -> None:
        order = event.order_completed
        self.counts["orders"] += 1
        if order.cart_id not in self._decided_carts:
            return
        self.counts["recovered"] += 1
        words = f"{self._name_of(order.cart_id)} comes back and buys"
        if order.HasField("total"):
            words += f" for {money(order.total.minor_units, order.total.currency_code)}"
        self._tell("recovered", time, words)

    def _tell(self, kind: str, time: int, words: str) -> None:
        self._told[kind] += 1
        if self._told[kind] <= TOLD_OF_EACH:
            clock = datetime.fromtimestamp(time / 1e6, UTC).strftime("%a %d %b %H:%M")
            self._say(f"  {clock}  {words}")


def _verdict(record: DecisionRecord) -> tuple[str, str]:
    """The kind of a decision and its words."""
    chosen = record.candidates[record.chosen]
    action = chosen.action
    silence = silence_reason(record)
    if silence is None:
        wait = (action.send_time.ToMicroseconds() - record.clock.ToMicroseconds()) / 1e6
        offer = ", with an offer" if action.offer_id else ""
        worth = money(chosen.value_minor, record.currency_code, signed=True)
        when = f"in {duration(wait)}" if wait >= 1 else "now"
        return "contact", f"an e-mail {when}{offer}, expected to earn {worth}"
    if silence == Reason.REASON_HOLDOUT:
        return "holdout", "in the holdout, never contacted, so that the effect can be measured"
    words = _lowered(SILENCE_WORDS[silence])
    if silence == Reason.REASON_LOWER_VALUE:
        return "none", f"left alone: {words}"
    return ("drawn", words) if silence == Reason.REASON_NOT_DRAWN else ("ineligible", f"not written to: {words}")


def _lowered(words: str) -> str:
    """A sentence as part of another."""
    return words[:1].lower() + words[1:]
