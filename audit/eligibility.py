"""What a decision record says about eligibility, and why a cart was left alone."""

from collections import Counter

from audit.reason_words import REASON_WORDS
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord
from cart_recovery.v1.reason_pb2 import Reason

# The permanent holdout, as the engine records it: the arm stands in a record where a contact was possible.
_EXPERIMENT = "holdout"
_HELD_OUT_ARM = "holdout"

# Reasons that concern the choice among ways to contact, not whether the person may be contacted at all: an eligible
# cart may carry them.
_COMPATIBLE = frozenset(
    {
        Reason.REASON_HOLDOUT,
        Reason.REASON_LOWER_VALUE,
        Reason.REASON_NOT_DRAWN,
        Reason.REASON_OFFER_BELOW_MINIMUM,
        Reason.REASON_OFFER_EXPIRED,
        Reason.REASON_OFFER_CAP_REACHED,
        Reason.REASON_OFFER_CURRENCY_DIFFERS,
        Reason.REASON_CAP_REACHED,
        Reason.REASON_TOUCHES_EXHAUSTED,
        Reason.REASON_QUIET_HOURS,
        Reason.REASON_HELD_FOR_APPROVAL,
    }
)


SILENCE_WORDS = REASON_WORDS | {
    Reason.REASON_LOWER_VALUE: "No message is worth its cost here",
    Reason.REASON_NOT_DRAWN: "Left alone by the draw, to learn what doing nothing brings",
}
"""The words of `silence_reason`: of a cart that was left alone, where a reason's own are about one candidate."""


def contacts(record: DecisionRecord) -> list[Candidate]:
    """The candidates that would contact the person."""
    return [candidate for candidate in record.candidates if candidate.action.channel != Channel.CHANNEL_NONE]


def is_eligible(record: DecisionRecord) -> bool:
    """Identified, reachable on at least one consented channel, not suppressed, no robot."""
    return any(_COMPATIBLE.issuperset(candidate.reasons) for candidate in contacts(record))


def drawn_arm(record: DecisionRecord) -> bool | None:
    """Whether the customer is held out, of an occasion that could have led to a contact; None of any other."""
    for arm in record.experiment_arms:
        if arm.experiment_id == _EXPERIMENT:
            return arm.arm_id == _HELD_OUT_ARM
    return None


def silence_reason(record: DecisionRecord) -> "Reason.ValueType | None":
    """The one reason to name where nothing is sent; None where something is.

    Where every way of contact is rejected, the reason that rejects most of them, the smaller number first.
    """
    if record.candidates[record.chosen].action.channel != Channel.CHANNEL_NONE:
        return None
    if record.holdout:
        return Reason.REASON_HOLDOUT
    candidates = contacts(record)
    open_ways = [candidate for candidate in candidates if candidate.eligible]
    if any(Reason.REASON_LOWER_VALUE not in candidate.reasons for candidate in open_ways):
        return Reason.REASON_NOT_DRAWN
    if open_ways or not candidates:
        return Reason.REASON_LOWER_VALUE
    counts = Counter(reason for candidate in candidates for reason in set(candidate.reasons))
    return min(counts, key=lambda reason: (-counts[reason], reason), default=Reason.REASON_LOWER_VALUE)
