"""The difference report names every field that differs, and nothing else."""

import math

from audit.differences import FieldDifference, differences
from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord


def record() -> DecisionRecord:
    """A small record with a missing feature."""
    return DecisionRecord(
        decision_id="d", features=[1.0, math.nan], candidates=[Candidate(value_minor=1.5)], cart_value_minor=0
    )


def test_equal_records_have_no_difference_also_where_features_are_missing() -> None:
    assert differences(record(), record()) == []


def test_a_change_deep_inside_is_named_by_its_path() -> None:
    executed = record()
    executed.candidates[0].value_minor = 1.5000000000000002
    assert differences(record(), executed) == [
        FieldDifference("candidates[0].value_minor", "1.5", "1.5000000000000002")
    ]


def test_zero_and_minus_zero_differ() -> None:
    executed = record()
    executed.draw = -0.0
    assert [each.path for each in differences(record(), executed)] == ["draw"]


def test_an_absent_field_differs_from_zero() -> None:
    executed = record()
    executed.ClearField("cart_value_minor")
    assert differences(record(), executed) == [FieldDifference("cart_value_minor", "0", "(absent)")]


def test_a_candidate_more_is_named() -> None:
    executed = record()
    executed.candidates.append(Candidate(eligible=True))
    assert differences(record(), executed) == [FieldDifference("candidates[1]", "(absent)", "eligible: true")]
