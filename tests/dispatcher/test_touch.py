"""The pure state machine of a touch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.reason_pb2 import Reason
from cart_recovery.v1.scoring_pb2 import ConfirmResponse, Go, Skip
from dispatcher.clock import MICROS
from dispatcher.failures import BACKOFF_SECONDS, FailureKind, ProviderFailure, SmtpStage, smtp_failure
from dispatcher.recipient import Recipient
from dispatcher.touch import (
    Begin,
    Cleared,
    Ended,
    InFlight,
    LedgerEntry,
    LedgerStage,
    Lost,
    Report,
    Touch,
    Wait,
    after_failure,
    judge,
    next_touch,
    resume,
    skipped,
)

TOUCH = Touch("shop", (bytes(16),), "d" * 32, "5" * 32, Channel.CHANNEL_EMAIL, 1, 0, 1)
ADA = Recipient(bytes(16), "ada.byron@customer.example", "Ada Byron")
CLEARED = Cleared(TOUCH, Go(), ADA, attempt=1, claimed_sequence=9)
STAGES = st.sampled_from(LedgerStage)
MOMENTS = st.integers(min_value=0, max_value=10**15)


@given(stage=STAGES, attempt=st.integers(1, 9), stored=MOMENTS, age=st.integers(0, 10**12))
def test_send_begins_again_only_where_nothing_can_have_left(
    stage: LedgerStage, attempt: int, stored: int, age: int
) -> None:
    entry = LedgerEntry(stage, attempt, revision=3, stored_micros=stored, event=Event())
    found = resume(entry, now_micros=stored + age, lease_micros=MICROS, honours_key_micros=0)
    if stage in (LedgerStage.CALLING, LedgerStage.CLOSED):
        assert isinstance(found, Lost | InFlight | Report)
    else:
        assert isinstance(found, Begin) and found.revision == 3


def test_call_is_repeated_while_the_provider_knows_its_key() -> None:
    entry = LedgerEntry(LedgerStage.CALLING, 2, revision=5, stored_micros=0)
    found = resume(entry, now_micros=5 * MICROS, lease_micros=MICROS, honours_key_micros=10 * MICROS)
    assert found == Begin(attempt=2, revision=5)
    later = resume(entry, now_micros=11 * MICROS, lease_micros=MICROS, honours_key_micros=10 * MICROS)
    assert later == Lost(5)


def test_call_of_another_process_is_waited_for() -> None:
    entry = LedgerEntry(LedgerStage.CALLING, 1, revision=5, stored_micros=7)
    assert resume(entry, now_micros=8, lease_micros=MICROS, honours_key_micros=0) == InFlight(7 + MICROS)


@pytest.mark.parametrize("ends_sequence", [False, True])
def test_sequence_goes_on_unless_the_engine_says_that_it_ends(ends_sequence: bool) -> None:
    verdict = ConfirmResponse(skip=Skip(reason=Reason.REASON_OUT_OF_STOCK, ends_sequence=ends_sequence))
    ended = judge(TOUCH, verdict, 0)
    assert isinstance(ended, Ended) and ended.outcome.skipped.reason == Reason.REASON_OUT_OF_STOCK
    assert (next_touch(ended, max_touches=2, gap_seconds=60, now_micros=0) is None) == ends_sequence


def test_last_touch_has_no_successor() -> None:
    ended = skipped(TOUCH, Reason.REASON_CAP_REACHED)
    assert next_touch(ended, max_touches=1, gap_seconds=60, now_micros=0) is None
    follow_up = next_touch(ended, max_touches=2, gap_seconds=60, now_micros=5)
    assert follow_up is not None
    assert (follow_up.due_micros, follow_up.touch.number, follow_up.touch.decided) == (5 + 60 * MICROS, 2, False)


def test_transient_failures_wait_longer_each_time_and_then_fail() -> None:
    failure = ProviderFailure(FailureKind.TRANSIENT, "busy")
    for attempt, seconds in enumerate(BACKOFF_SECONDS, start=1):
        cleared = Cleared(TOUCH, Go(), CLEARED.recipient, attempt, 9)
        assert after_failure(cleared, failure, "smtp", 0) == Wait(TOUCH, seconds * MICROS)
    last = Cleared(TOUCH, Go(), CLEARED.recipient, len(BACKOFF_SECONDS) + 1, 9)
    ended = after_failure(last, failure, "smtp", 0)
    assert isinstance(ended, Ended) and not ended.outcome.failed.permanent


def test_providers_own_wish_for_a_delay_is_honoured() -> None:
    failure = ProviderFailure(FailureKind.TRANSIENT, "busy", retry_after_seconds=500.0)
    assert after_failure(CLEARED, failure, "sms", 0) == Wait(TOUCH, 500 * MICROS)


@pytest.mark.parametrize("kind", [FailureKind.PERMANENT, FailureKind.UNKNOWN])
def test_other_failures_end_the_touch(kind: FailureKind) -> None:
    ended = after_failure(CLEARED, ProviderFailure(kind, "no"), "smtp", 0)
    assert isinstance(ended, Ended)
    assert ended.outcome.WhichOneof("outcome") == ("failed" if kind is FailureKind.PERMANENT else "unknown")


@given(stage=st.sampled_from(SmtpStage), code=st.none() | st.integers(-1, 999))
def test_silence_is_unknown_only_once_content_flows(stage: SmtpStage, code: int | None) -> None:
    failure = smtp_failure(stage, code, "words", ADA)
    answered = code is not None and 400 <= code < 600
    assert (failure.kind is FailureKind.UNKNOWN) == (stage is SmtpStage.CONTENT and not answered)


@pytest.mark.parametrize(
    ("words", "at_fault"), [("5.1.1 unknown", True), ("5.2.1 disabled", True), ("5.7.1 policy", False), ("no", True)]
)
def test_enhanced_status_says_whether_the_address_is_at_fault(words: str, at_fault: bool) -> None:
    assert smtp_failure(SmtpStage.RECIPIENT, 550, words, ADA).address_at_fault is at_fault


@pytest.mark.parametrize("quoted", ["<ada.byron@customer.example>", "Ada.Byron", "<ada.byron>", "Byron, Ada"])
def test_a_mailbox_or_name_does_not_survive_in_a_diagnostic(quoted: str) -> None:
    diagnostic = smtp_failure(SmtpStage.RECIPIENT, 550, f"5.1.1 {quoted}: unknown", ADA).diagnostic.lower()
    assert "ada" not in diagnostic
    assert "byron" not in diagnostic


@given(st.text(), st.emails(), st.text())
def test_no_address_survives_in_a_diagnostic(before: str, address: str, after: str) -> None:
    failure = ProviderFailure(FailureKind.PERMANENT, f"{before} <{address}> {after}")
    assert address not in failure.diagnostic
