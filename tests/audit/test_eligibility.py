"""Whether a cart is eligible does not depend on the arm, and silence has one reason."""

import pytest

from audit.eligibility import drawn_arm, is_eligible, silence_reason
from cart_recovery.v1 import reason_pb2
from cart_recovery.v1.channel_pb2 import CHANNEL_EMAIL, CHANNEL_NONE
from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord
from cart_recovery.v1.scoring_pb2 import Action


def record(*reasons: list[reason_pb2.Reason.ValueType], chosen: int = 0, holdout: bool = False) -> DecisionRecord:
    """A record with "none" and one e-mail candidate for each list of reasons."""
    candidates = [Candidate(action=Action(action_id="none", channel=CHANNEL_NONE), eligible=True)]
    for each in reasons:
        eligible = not set(each) - {reason_pb2.REASON_LOWER_VALUE, reason_pb2.REASON_NOT_DRAWN}
        candidates.append(Candidate(action=Action(channel=CHANNEL_EMAIL), reasons=each, eligible=eligible))
    return DecisionRecord(candidates=candidates, chosen=chosen, holdout=holdout)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ([], True),
        ([reason_pb2.REASON_LOWER_VALUE], True),
        ([reason_pb2.REASON_HOLDOUT], True),
        ([reason_pb2.REASON_CAP_REACHED], True),
        ([reason_pb2.REASON_CONSENT_MISSING], False),
        ([reason_pb2.REASON_HOLDOUT, reason_pb2.REASON_NOT_REACHABLE], False),
    ],
)
def test_a_cart_is_eligible_where_one_way_of_contact_is_open(
    reasons: list[reason_pb2.Reason.ValueType], expected: object
) -> None:
    assert is_eligible(record([reason_pb2.REASON_OPTED_OUT], reasons)) is expected


def test_a_sent_message_needs_no_reason_for_silence() -> None:
    assert silence_reason(record([], chosen=1)) is None


def test_holdout_is_named_before_anything_else() -> None:
    assert silence_reason(record([reason_pb2.REASON_HOLDOUT], holdout=True)) == reason_pb2.REASON_HOLDOUT


def test_silence_by_choice_is_named_as_lower_value() -> None:
    assert silence_reason(record([reason_pb2.REASON_LOWER_VALUE])) == reason_pb2.REASON_LOWER_VALUE


def test_silence_by_the_draw_is_named_so() -> None:
    drawn = record([reason_pb2.REASON_LOWER_VALUE], [reason_pb2.REASON_NOT_DRAWN])
    assert silence_reason(drawn) == reason_pb2.REASON_NOT_DRAWN


def test_an_arm_stands_where_a_contact_was_possible() -> None:
    assert drawn_arm(record([])) is None
    drawn = record([])
    drawn.experiment_arms.add(experiment_id="holdout", arm_id="contact")
    assert drawn_arm(drawn) is False


def test_the_reason_of_most_candidates_is_named() -> None:
    rejected = record(
        [reason_pb2.REASON_OPTED_OUT],
        [reason_pb2.REASON_CONSENT_MISSING],
        [reason_pb2.REASON_CONSENT_MISSING, reason_pb2.REASON_TOO_LATE],
    )
    assert silence_reason(rejected) == reason_pb2.REASON_CONSENT_MISSING
