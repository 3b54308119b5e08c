"""The lineage of one decision: what led to it, what was weighed, what was chosen, and what came of it."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.decisions import DecisionUnknown
from audit.eligibility import SILENCE_WORDS, silence_reason
from audit.facts import micros
from audit.journal import messages
from audit.reason_words import REASON_WORDS
from audit.steps import describe
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import Trigger

# Events shown of those that led to a decision: the latest ones.
EVENTS_SHOWN = 40
# Journalled messages after the decision that concern it or the customer's orders.
CONSEQUENCES_SHOWN = 40
# Orders count as a consequence for so long.
_ORDER_HORIZON_MICROS = 30 * 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class Step:
    """One journalled message in words."""

    sequence: int
    micros: int
    kind: str
    words: str


@dataclass(frozen=True)
class Weighed:
    """One candidate as the record holds it. Money is in minor units of the lineage's currency."""

    action_id: str
    channel: str
    offer_id: str
    recovery_probability: float
    discount_minor: int
    contact_cost_minor: float
    budget_cost_minor: float
    value_minor: float
    propensity: float
    eligible: bool
    reasons: tuple[str, ...]
    """In the words of the reason table."""


@dataclass(frozen=True)
class Lineage:
    """All that the journal says about one decision."""

    decision_id: str
    send_id: str
    sequence: int
    """Where the record stands in the journal."""
    state_sequence: int
    """The last message the decision could see."""
    clock_micros: int
    abandonment_micros: int | None
    storefront_id: str
    trigger: str
    touch: int
    cart_value_minor: int | None
    currency_code: str
    holdout: bool
    bundle_id: str
    engine_version: str
    seed: int
    budget_price_version: int
    earlier_events: int
    """How many more events led here than are listed."""
    events: tuple[Step, ...]
    candidates: tuple[Weighed, ...]
    draw: float
    chosen: int
    """Index into candidates."""
    drawn_range: tuple[float, float] | None
    """The part of [0, 1) that belongs to the chosen candidate; None where the draw did not decide."""
    silence: str
    """Why nobody is contacted, in words; empty where somebody is."""
    repeated_at: tuple[int, ...]
    """Sequences of later records of the same decision, which changed nothing."""
    consequences: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """The lineage as JSON values."""
        return dataclasses.asdict(self)


def trace(journal: pl.DataFrame, name: str) -> Lineage:
    """The lineage of a decision from a journal of (sequence, payload), by its id, its message's, or its e-mail's
    Message-ID, `<message id@domain>`. Raises DecisionUnknown."""
    decision_id = name.strip("<>").partition("@")[0]
    found: tuple[int, JournalMessage] | None = None
    repeated = []
    for sequence, message in messages(journal):
        record = message.decision
        if message.WhichOneof("content") == "decision" and decision_id in (record.decision_id, record.send_id):
            if found is None:
                found = (sequence, message)
            else:
                repeated.append(sequence)
    if found is None:
        raise DecisionUnknown(
            f"the journal holds no decision {name}; name its 32 hexadecimal digits, or its e-mail's Message-ID"
        )
    sequence, message = found
    record = message.decision
    before = journal.filter(pl.col("sequence") <= record.state_sequence)
    after = journal.filter(pl.col("sequence") > record.state_sequence)
    events = _events(record, messages(before))
    return _lineage(sequence, record, events, repeated, _consequences(record, messages(after)))


def _lineage(
    sequence: int, record: DecisionRecord, events: list[Step], repeated: list[int], consequences: list[Step]
) -> Lineage:
    silence = silence_reason(record)
    return Lineage(
        decision_id=record.decision_id,
        send_id=record.send_id,
        sequence=sequence,
        state_sequence=record.state_sequence,
        clock_micros=micros(record.clock),
        abandonment_micros=micros(record.abandonment_time) if record.HasField("abandonment_time") else None,
        storefront_id=record.request.storefront_id,
        trigger=_plain(Trigger.Name(record.request.trigger), "TRIGGER_"),
        touch=record.touch,
        cart_value_minor=record.cart_value_minor if record.HasField("cart_value_minor") else None,
        currency_code=record.currency_code,
        holdout=record.holdout,
        bundle_id=record.bundle_id,
        engine_version=record.engine_version,
        seed=record.seed,
        budget_price_version=record.budget_price_version,
        earlier_events=max(0, len(events) - EVENTS_SHOWN),
        events=tuple(events[-EVENTS_SHOWN:]),
        candidates=tuple(_weighed(candidate) for candidate in record.candidates),
        draw=record.draw,
        chosen=record.chosen,
        drawn_range=_drawn_range(record),
        silence=SILENCE_WORDS[silence] if silence is not None else "",
        repeated_at=tuple(repeated),
        consequences=tuple(consequences[:CONSEQUENCES_SHOWN]),
    )


def _weighed(candidate: Candidate) -> Weighed:
    action = candidate.action
    return Weighed(
        action_id=action.action_id,
        channel=_plain(Channel.Name(action.channel), "CHANNEL_"),
        offer_id=action.offer_id,
        recovery_probability=candidate.recovery_probability,
        discount_minor=action.discount_minor,
        contact_cost_minor=candidate.contact_cost_minor,
        budget_cost_minor=candidate.budget_cost_minor,
        value_minor=candidate.value_minor,
        propensity=candidate.propensity,
        eligible=candidate.eligible,
        reasons=tuple(REASON_WORDS.get(reason, Reason.Name(reason)) for reason in candidate.reasons),
    )


def _plain(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def _drawn_range(record: DecisionRecord) -> tuple[float, float] | None:
    """The chosen candidate's part of the cumulative propensities, where the draw lies in it."""
    low = sum(candidate.propensity for candidate in record.candidates[: record.chosen])
    high = low + record.candidates[record.chosen].propensity
    return (low, high) if low <= record.draw < high and high - low < 1 else None


def _events(record: DecisionRecord, earlier: Iterable[tuple[int, JournalMessage]]) -> list[Step]:
    """The events of the customer and of the cart that the decision saw."""
    aliases = set(record.aliases)
    found = []
    for sequence, message in earlier:
        if message.WhichOneof("content") != "event" or message.event.WhichOneof("kind") == "message_outcome":
            continue
        own = any(key.alias in aliases for key in message.identity_keys)
        if own or _cart_id(message.event) == record.request.cart_id != "":
            found.append(_step(sequence, message))
    return found


def _consequences(record: DecisionRecord, later: Iterable[tuple[int, JournalMessage]]) -> list[Step]:
    """What became of the send, of the decision and of the customer's orders."""
    aliases = set(record.aliases)
    horizon = micros(record.clock) + _ORDER_HORIZON_MICROS
    found = []
    for sequence, message in later:
        if message.WhichOneof("content") != "event":
            continue
        event = message.event
        kind = event.WhichOneof("kind") or ""
        if kind == "message_outcome":
            concerned = event.message_outcome.send_id == record.send_id
        elif kind.startswith(("decision_", "offer_")):
            concerned = getattr(event, kind).decision_id == record.decision_id
        elif kind in ("order_completed", "consent_changed", "erased"):
            own = any(key.alias in aliases for key in message.identity_keys)
            same_cart = kind == "order_completed" and _cart_id(event) == record.request.cart_id != ""
            concerned = (own or same_cart) and micros(message.received_time) <= horizon
        else:
            concerned = False
        if concerned:
            found.append(_step(sequence, message))
    return found


def _step(sequence: int, message: JournalMessage) -> Step:
    event = message.event
    at = min(micros(event.event_time), micros(message.received_time))
    return Step(sequence, at, event.WhichOneof("kind") or "", describe(event))


def _cart_id(event: Event) -> str:
    """The cart an event is about, or nothing."""
    kind = event.WhichOneof("kind")
    if kind == "cart_updated":
        return event.cart_updated.cart.cart_id
    return getattr(getattr(event, kind), "cart_id", "") if kind else ""
