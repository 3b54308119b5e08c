"""A mail server that is away, refuses, hangs or drops the line: the outcome is told, and nothing is sent twice."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cart_recovery.v1.message_pb2 import MessageOutcome
from dispatcher.failures import BACKOFF_SECONDS
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import Entry, decisions, outcomes, read_stream
from tests.harness.shop import Shop, Shopper
from tests.harness.smtp_sink import Behaviour
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(400)]

FIRST_ATTEMPT_SECONDS = 40.0
FINAL = ("sent", "skipped", "failed", "unknown")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("smtp")) as deployment:
        deployment.start()
        yield deployment


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=41)


@dataclass(frozen=True)
class Retried:
    """Shoppers whose first attempt failed in a way that allows another."""

    refused: Shopper
    unmet: Shopper


@pytest.fixture(scope="module", autouse=True)
def retried(deployment: Deployment, shop: Shop) -> Retried:
    """Made first of all, so that the wait before the second attempt passes beside the other tests."""
    sink = deployment.sink
    refused = abandon(deployment, shop, Behaviour.LATER, Behaviour.TAKE)
    eventually(lambda: sink.attempts(refused.email), within=FIRST_ATTEMPT_SECONDS, what="the refused attempt")
    sink.stop()
    unmet = abandon(deployment, shop, Behaviour.TAKE)
    eventually(lambda: released(deployment, unmet), within=FIRST_ATTEMPT_SECONDS, what="the attempt without a server")
    sink.start()
    return Retried(refused, unmet)


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.DROP])
def test_a_message_that_may_have_left_is_unknown_and_never_sent_again(
    deployment: Deployment, shop: Shop, behaviour: Behaviour
) -> None:
    shopper = abandon(deployment, shop, behaviour, Behaviour.TAKE)
    assert end_of(deployment, shopper, within=FIRST_ATTEMPT_SECONDS).HasField("unknown")
    # A restarted dispatcher finds the send in the ledger and leaves it alone.
    assert deployment.dispatcher.stop() == 0
    deployment.start_dispatcher()
    witness = abandon(deployment, shop, Behaviour.TAKE)
    assert end_of(deployment, witness, within=FIRST_ATTEMPT_SECONDS).HasField("sent")
    assert deployment.sink.attempts(shopper.email) == 1


def test_a_permanent_refusal_is_told_in_the_providers_words(deployment: Deployment, shop: Shop) -> None:
    shopper = abandon(deployment, shop, Behaviour.NEVER)
    outcome = end_of(deployment, shopper, within=FIRST_ATTEMPT_SECONDS)
    assert outcome.failed.permanent
    assert outcome.failed.diagnostic.startswith("550")
    assert "no such mailbox" in outcome.failed.diagnostic
    assert shopper.email not in outcome.failed.diagnostic
    assert deployment.sink.attempts(shopper.email) == 1
    assert not deployment.sink.deliveries(shopper.email)


def test_transient_refusals_and_an_absent_server_are_tried_again(deployment: Deployment, retried: Retried) -> None:
    sink = deployment.sink
    for shopper in (retried.refused, retried.unmet):
        outcome = end_of(deployment, shopper, within=BACKOFF_SECONDS[0] + FIRST_ATTEMPT_SECONDS)
        assert outcome.HasField("sent")
        assert len(sink.deliveries(shopper.email)) == 1
    assert sink.attempts(retried.refused.email) == 2
    assert sink.attempts(retried.unmet.email) == 1


def abandon(deployment: Deployment, shop: Shop, *behaviours: Behaviour) -> Shopper:
    """A new shopper leaves a cart; attempts to write to them meet these behaviours."""
    shopper = shop.shopper()
    deployment.sink.plan(shopper.email, *behaviours)
    deployment.track_all(shop.abandoning(shopper))
    return shopper


def send_ids(deployment: Deployment, shopper: Shopper, journal: list[Entry]) -> set[str]:
    """The sends that were decided for the shopper's cart."""
    cart = deployment.token("cart", shopper.cart_id)
    return {record.send_id for record in decisions(journal) if record.request.cart_id == cart}


def end_of(deployment: Deployment, shopper: Shopper, *, within: float) -> MessageOutcome:
    """Waits for the one outcome of the shopper's send."""

    def found() -> list[MessageOutcome]:
        journal = deployment.journal()
        own = send_ids(deployment, shopper, journal)
        return [outcome for kind in FINAL for outcome in outcomes(journal, kind) if outcome.send_id in own]

    ends = eventually(found, within=within, what="the outcome of the send")
    assert len(ends) == 1
    return ends[0]


def released(deployment: Deployment, shopper: Shopper) -> bool:
    """Whether the ledger says that an attempt for the shopper failed and may be repeated."""
    subjects = {f"led.{send_id}" for send_id in send_ids(deployment, shopper, deployment.journal())}
    ledger = read_stream(deployment.nats_url, "LEDGER")
    return any(step.subject in subjects and step.headers["Ledger-Stage"] == "released" for step in ledger)
