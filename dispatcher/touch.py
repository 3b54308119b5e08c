"""The life of one touch as a pure state machine: each stage has its own type, each step is a function of what was
learnt. Nothing here does input or output; `process` carries out what these functions say.

    Touch ── Confirm ──► Confirmed ── caps, claim ──► Claimed ── Confirm ──► Cleared ── provider ──► Ended
      ▲                     │                            │                                │
      └────── Wait ◄────────┴────────────────────────────┴────────────────────────────────┘  (or Ended at any step)
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import ConfirmResponse, Go
from dispatcher.clock import MICROS
from dispatcher.failures import BACKOFF_SECONDS, FailureKind, ProviderFailure
from dispatcher.recipient import Recipient

HELD_POLL_SECONDS = 300
"""How often a touch asks again while a person has to approve it."""

CROSSING_REASONS = frozenset(
    {
        Reason.REASON_CART_ORDERED,
        Reason.REASON_OPTED_OUT,
        Reason.REASON_CONSENT_MISSING,
        Reason.REASON_SUPPRESSED,
        Reason.REASON_ERASED,
    }
)
"""Reasons that, appearing during the provider call, mean an order or opt-out crossed the message."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch that waits for its time. Without a send id it is a later touch that has still to be decided, and has no
    channel yet."""

    storefront_id: str
    aliases: tuple[bytes, ...]
    """The customer's aliases in alias order, 16 bytes each; the first names the customer in subjects."""
    decision_id: str
    send_id: str
    channel: Channel.ValueType
    number: int
    first_due_micros: int
    """When it was first to be sent; waiting does not move it."""
    journal_sequence: int
    """A state that has folded up to here knows the decision."""

    @property
    def customer(self) -> str:
        """The customer's name in subjects."""
        return self.aliases[0].hex()

    @property
    def decided(self) -> bool:
        """False for a later touch that is decided when it falls due."""
        return bool(self.send_id)

    @property
    def schedule_id(self) -> str:
        """The touch's name in its schedule: a second schedule of the same touch replaces the first."""
        return self.decision_id if self.decided else f"{self.decision_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The engine says it may go."""

    touch: Touch
    go: Go


@dataclass(frozen=True, slots=True)
class Reserved:
    """Reachable, and with a place under every cap."""

    touch: Touch
    go: Go
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Claimed:
    """The ledger says that the send is ours; nothing was given to a provider."""

    touch: Touch
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Cleared:
    """Confirmed again at `claimed_sequence`, after the claim: the provider may be called."""

    touch: Touch
    go: Go
    recipient: Recipient
    attempt: int
    claimed_sequence: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Scheduled again for later."""

    touch: Touch
    due_micros: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The touch has its outcome."""

    touch: Touch
    outcome: MessageOutcome
    alias: bytes = b""
    """Whose contact was used; empty where it did not come to that."""
    after_sequence: int = 0
    """Of a sent message: JOURNAL's last sequence right after the provider's answer; 0 where it could not be read."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do: the next step, if any, comes through the journal."""

    touch: Touch


@dataclass(frozen=True, slots=True)
class Closed:
    """Ended, and the ledger says so for good; the journal has still to be told."""

    touch: Touch
    event: Event
    after_sequence: int = 0


Step = Wait | Ended | Done


class LedgerStage(StrEnum):
    """How far a send got, as the ledger keeps it."""

    CLAIMED = "claimed"
    CALLING = "calling"
    RELEASED = "released"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The last entry of one send in the ledger."""

    stage: LedgerStage
    attempt: int
    """Which call of the provider it speaks of, from 1."""
    revision: int = 0
    """Sequence in LEDGER."""
    stored_micros: int = 0
    event: Event | None = None
    """Of a closed send: the outcome event that was or will be reported."""
    after_sequence: int = 0
    """Of a sent message: JOURNAL's last sequence right after the provider's answer."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Nothing speaks against call number `attempt` of the provider; the ledger stands at `revision`."""

    attempt: int
    revision: int


@dataclass(frozen=True, slots=True)
class Report:
    """The send is over; its outcome may not have been reported."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class InFlight:
    """Another process may be calling the provider until then."""

    until_micros: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A process died while it called the provider: nobody knows whether the message left."""

    revision: int


Resume = Begin | Report | InFlight | Lost


def touch_of(record: DecisionRecord, journal_sequence: int) -> Touch | None:
    """The touch that a decision asks for; None where it chose to do nothing."""
    action = record.candidates[record.chosen].action
    if action.channel in (Channel.CHANNEL_UNSPECIFIED, Channel.CHANNEL_NONE):
        return None
    return Touch(
        storefront_id=record.request.storefront_id,
        aliases=tuple(record.aliases),
        decision_id=record.decision_id,
        send_id=record.send_id,
        channel=action.channel,
        number=record.touch,
        first_due_micros=action.send_time.ToMicroseconds(),
        journal_sequence=journal_sequence,
    )


def resume(entry: LedgerEntry | None, *, now_micros: int, lease_micros: int, honours_key_micros: int) -> Resume:
    """What a touch that is (again) in hand may do, given the ledger.

    `lease_micros` is longer than any provider call; within `honours_key_micros` of a call the provider recognises its
    idempotency key, so that the call may be repeated.
    """
    if entry is None:
        return Begin(attempt=1, revision=0)
    match entry.stage:
        case LedgerStage.CLOSED:
            return Report(entry)
        case LedgerStage.CLAIMED:
            return Begin(entry.attempt, entry.revision)
        case LedgerStage.RELEASED:
            return Begin(entry.attempt + 1, entry.revision)
        case LedgerStage.CALLING:
            age_micros = now_micros - entry.stored_micros
            if age_micros < lease_micros:
                return InFlight(entry.stored_micros + lease_micros)
            if age_micros < honours_key_micros:
                return Begin(entry.attempt, entry.revision)
            return Lost(entry.revision)


def judge(touch: Touch, verdict: ConfirmResponse, now_micros: int) -> Confirmed | Step:
    """What an answer to Confirm means for a touch that is due."""
    match verdict.WhichOneof("verdict"):
        case "go":
            return Confirmed(touch, verdict.go)
        case "wait_until":
            return Wait(touch, max(verdict.wait_until.time.ToMicroseconds(), now_micros + MICROS))
        case "held":
            return Wait(touch, now_micros + HELD_POLL_SECONDS * MICROS)
        case "decided_anew":
            return Done(touch)
        case "skip":
            return skipped(touch, verdict.skip.reason, ends_sequence=verdict.skip.ends_sequence)
    raise ValueError("Confirm answered without a verdict")


def skipped(touch: Touch, reason: Reason.ValueType, *, ends_sequence: bool = False) -> Ended:
    """The touch ends without a message, and with it the sequence where no later touch is to be asked for."""
    outcome = outcome_of(touch)
    outcome.skipped.reason = reason
    outcome.skipped.ends_sequence = ends_sequence
    return Ended(touch, outcome)


def failed(touch: Touch, failure: ProviderFailure, provider: str, alias: bytes = b"") -> Ended:
    """The touch ends because the provider will not take the message, or because nobody can know whether it did."""
    outcome = outcome_of(touch)
    outcome.provider = provider
    if failure.kind is FailureKind.UNKNOWN:
        outcome.unknown.SetInParent()
    else:
        outcome.failed.permanent = failure.address_at_fault
        outcome.failed.diagnostic = failure.diagnostic
    return Ended(touch, outcome, alias)


def sent(cleared: Cleared, receipt_id: str, provider: str, *, now_micros: int, after_sequence: int) -> Ended:
    """The provider has taken the message."""
    outcome = outcome_of(cleared.touch)
    outcome.provider = provider
    outcome.provider_message_id = receipt_id
    outcome.sent.claimed_sequence = cleared.claimed_sequence
    outcome.sent.sent_time.FromMicroseconds(now_micros)
    return Ended(cleared.touch, outcome, cleared.recipient.alias, after_sequence)


def lost(touch: Touch) -> Ended:
    """The touch ends though nobody knows whether its message left."""
    outcome = outcome_of(touch)
    outcome.unknown.SetInParent()
    return Ended(touch, outcome)


def after_failure(cleared: Cleared, failure: ProviderFailure, provider: str, now_micros: int) -> Wait | Ended:
    """A transient failure waits for its next attempt, if there is one; every other ends the touch."""
    if failure.kind is not FailureKind.TRANSIENT or cleared.attempt > len(BACKOFF_SECONDS):
        return failed(cleared.touch, failure, provider, cleared.recipient.alias)
    backoff_seconds = max(BACKOFF_SECONDS[cleared.attempt - 1], failure.retry_after_seconds)
    return Wait(cleared.touch, now_micros + round(backoff_seconds * MICROS))


def next_touch(ended: Ended, *, max_touches: int, gap_seconds: int, now_micros: int) -> Wait | None:
    """The touch after this one, to be decided after the gap; None where the sequence is over."""
    touch = ended.touch
    if touch.number >= max_touches or ended.outcome.skipped.ends_sequence:
        return None
    due_micros = now_micros + gap_seconds * MICROS
    later = replace(
        touch,
        send_id="",
        channel=Channel.CHANNEL_UNSPECIFIED,
        number=touch.number + 1,
        first_due_micros=due_micros,
    )
    return Wait(later, due_micros)


def outcome_of(touch: Touch) -> MessageOutcome:
    """An outcome of this touch that does not yet say what happened."""
    return MessageOutcome(
        decision_id=touch.decision_id, send_id=touch.send_id, channel=touch.channel, touch=touch.number
    )
