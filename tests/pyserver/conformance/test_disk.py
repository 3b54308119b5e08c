"""A spool that waits for the disk: calls at once share its syncs, and none is answered before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2 import TRIGGER_CHECKOUT_CALL, ScoreRequest
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.process import Scorer
from tests.pyserver.conftest import added

CALLS = 200


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"durability": "disk"})


def test_many_calls_wait_for_the_disk_at_once(
    deciding: Scorer, connect: Callable[[Scorer], grpc.Channel], settings: Settings
) -> None:
    channel = connect(deciding)
    events, scoring = EventServiceStub(channel), ScoringServiceStub(channel)
    with ThreadPoolExecutor(settings.threads) as callers:
        answers = callers.map(lambda number: events.Track(added(f"event-{number}"), timeout=10), range(CALLS))
        offsets = {answer.spool_offset for answer in answers}
    assert len(offsets) == CALLS
    request = ScoreRequest(storefront_id="shop", cart_id="cart-ada", trigger=TRIGGER_CHECKOUT_CALL)
    request.identity.customer_id = "ada"
    assert scoring.Score(request, timeout=10).decision_id
