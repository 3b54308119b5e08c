"""Calls and their refusals: status codes, details, limits, with a scorer that never reached NATS and with one that
decides."""

from collections.abc import Callable

import grpc
import pytest

from cart_recovery.v1.event_pb2 import Acknowledge, TrackRequest, TrackResponse
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import ConfirmRequest, ExplainRequest
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.grpcio_front import MAX_REQUEST_BYTES
from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE, SCORING_SERVICE
from tests.pyserver.conformance.answers import code_of, error_of, refusal_of, score_request
from tests.pyserver.conftest import added

Connect = Callable[[Scorer], grpc.Channel]
TRACK = f"/{EVENT_SERVICE}/Track"
PATHS = [TRACK, *(f"/{SCORING_SERVICE}/{method}" for method in ("Score", "Confirm", "Explain"))]


def test_events_are_accepted_while_nats_is_away(events: EventServiceStub, lonely: Scorer) -> None:
    offsets = [events.Track(added(f"event-{number}")).spool_offset for number in range(3)]
    assert offsets == sorted(set(offsets))
    assert lonely.engine.status().spool_depth_messages == 3


def test_a_refusal_names_field_value_and_remedy(events: EventServiceStub) -> None:
    request = added("event")
    request.event.product_added.currency_code = "XXQ"
    refusal = refusal_of(lambda: events.Track(request))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.reason, refusal.domain) == ("REASON_CURRENCY_UNKNOWN", "cart_recovery")
    assert "currency_code" in refusal.fields[0]
    assert "XXQ" in refusal.message
    assert refusal.retry_millis is refusal.pushback_millis is None


@pytest.mark.parametrize("path", PATHS[:2] + PATHS[3:])
def test_bytes_that_are_no_message_are_refused_and_the_process_lives(
    deciding: Scorer, connect: Connect, path: str
) -> None:
    channel = connect(deciding)
    refusal = refusal_of(lambda: channel.unary_unary(path)(b"\xff\xff\xff"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REASON_UNPARSABLE")
    assert EventServiceStub(channel).Track(added("afterwards")).spool_offset >= 0


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_message_is_answered_or_refused_with_details(deciding: Scorer, connect: Connect, path: str) -> None:
    refusal = refusal_of(lambda: connect(deciding).unary_unary(path)(b""))
    assert refusal.code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


def test_a_request_may_be_as_large_as_the_limit(channel: grpc.Channel) -> None:
    raw = channel.unary_unary(TRACK)
    assert error_of(lambda: raw(b"\xff" * MAX_REQUEST_BYTES)).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error_of(lambda: raw(bytes(MAX_REQUEST_BYTES + 1))).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_score_without_state_is_unavailable_and_says_when_to_come_back(channel: grpc.Channel, lonely: Scorer) -> None:
    refusal = refusal_of(lambda: ScoringServiceStub(channel).Score(score_request()))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "REASON_STATE_NOT_LOADED")
    assert refusal.retry_millis == refusal.pushback_millis == 1000
    assert lonely.engine.status().spool_depth_messages == 0
    assert lonely.calls.refusals() == {("Score", "REASON_STATE_NOT_LOADED"): 1}


def test_a_decision_is_scored_explained_and_confirmed(deciding: Scorer, connect: Connect) -> None:
    channel = connect(deciding)
    request = added("event", storefront_id="store-1")
    request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    sequence = EventServiceStub(channel).Track(request, timeout=30).journal_sequence
    assert sequence > 0
    scoring = ScoringServiceStub(channel)
    asked = score_request(storefront_id="store-1")
    first = scoring.Score(asked)
    assert scoring.Score(asked).repeated_answer
    assert first.state_sequence >= sequence
    explained = scoring.Explain(ExplainRequest(decision_id=first.decision_id))
    assert explained.decision_id == first.decision_id and explained.sentences
    behind = refusal_of(
        lambda: scoring.Confirm(ConfirmRequest(decision_id=first.decision_id, minimum_sequence=1_000_000))
    )
    assert (behind.code, behind.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REASON_STATE_BEHIND")
    assert behind.retry_millis == behind.pushback_millis == 20
    unknown = refusal_of(lambda: scoring.Confirm(ConfirmRequest(decision_id="0" * 32)))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "REASON_DECISION_UNKNOWN")


def test_waiting_for_the_journal_takes_at_most_a_quarter_of_the_threads(events: EventServiceStub) -> None:
    waiting = [added(f"waiting-{number}") for number in range(12)]
    for request in waiting:
        request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    calls: list[grpc.Future[TrackResponse]] = [events.Track.future(request, timeout=60) for request in waiting]
    # Two of the eight threads may wait; the other ten callers are told at once, and one event more is taken meanwhile.
    assert events.Track(added("at once"), timeout=2).spool_offset >= 0
    codes = sorted(call.code().name for call in calls)
    assert codes == ["DEADLINE_EXCEEDED"] * 2 + ["RESOURCE_EXHAUSTED"] * 10
    late = next(call for call in calls if call.code() == grpc.StatusCode.DEADLINE_EXCEEDED)
    assert refusal_of(late.result).reason == "REASON_NOT_YET_JOURNALLED"


@pytest.mark.parametrize("path", [f"/{EVENT_SERVICE}/Forget", "/shop.Other/Track", "/nothing"])
def test_an_unknown_method_is_unimplemented(channel: grpc.Channel, path: str) -> None:
    unknown = channel.unary_unary(path)
    assert code_of(lambda: unknown(TrackRequest().SerializeToString())) == grpc.StatusCode.UNIMPLEMENTED
