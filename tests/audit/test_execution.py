"""Re-execution and the counting of recoveries against the engine itself."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from audit.decisions import DecisionUnknown, decisions_of
from audit.execution import Verification, render_proof, render_verification, verify, verify_all
from audit.journal import messages
from audit.kpis import compute_figures
from audit.lineage import trace
from audit.lineage_text import render_lineage
from cart_recovery.v1.event_pb2 import TrackRequest
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.policy_pb2 import Policy
from cart_recovery.v1.scoring_pb2 import TRIGGER_INACTIVITY
from loadtests.shoppers import CURRENCY, consent_request, track_request
from rust_features import Keys, Offline, replay
from tests.harness.bundle import read_manifest, write_bundle
from tests.harness.policy import exploring_policy

START = 1_790_000_000
MINUTE = 60
DAY = 86_400
CUSTOMERS = 40


@dataclass(frozen=True)
class Ran:
    """What a small shop left behind."""

    journal: pl.DataFrame
    keys: Keys
    bundles: Path
    policy: Policy


def secret(purpose: str) -> bytes:
    """A key of its own for each purpose."""
    return hashlib.sha256(purpose.encode()).digest()


def at(request: TrackRequest, second: int) -> TrackRequest:
    """The same event at another time."""
    request.event.event_time.FromSeconds(START + second)
    return request


def lines(customer: int) -> list[dict[str, object]]:
    """The customer's cart."""
    return [{"product_id": f"product-{customer % 7}", "quantity": 1 + customer % 2, "unit_price_minor": 4_990}]


def story(customer: int) -> Iterator[TrackRequest]:
    """The customer consents and fills a cart; every third buys, every ninth of all something else than the cart."""
    begin = customer * MINUTE
    yield at(consent_request(customer, f"consent-{customer}"), begin)
    cart = {"cart_id": f"cart-{customer}", "lines": lines(customer), "currency_code": CURRENCY}
    yield at(track_request(customer, f"cart-{customer}", cart_updated={"cart": cart}), begin + 1)
    if customer % 3 == 0:
        bought = [{"product_id": "other", "quantity": 1}] if customer % 9 == 0 else lines(customer)
        total = {"minor_units": 4_990, "currency_code": CURRENCY}
        order = {"order_id": f"order-{customer}", "lines": bought, "total": total}
        yield at(track_request(customer, f"order-{customer}", order_completed=order), begin + 30 * MINUTE)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A shop in which every customer leaves a cart."""
    bundles = tmp_path_factory.mktemp("bundles")
    signing = Ed25519PrivateKey.from_private_bytes(secret("bundle"))
    keys = Keys(
        edge=secret("edge"),
        decision=secret("run"),
        offer=secret("offer"),
        contact_public=X25519PrivateKey.from_private_bytes(secret("contact")).public_key().public_bytes_raw(),
        bundle_public=signing.public_key().public_bytes_raw(),
    )
    bundle_id = write_bundle(bundles, signing.private_bytes_raw(), exploring_policy())
    engine = Offline(keys=keys, bundle_directory=str(bundles / bundle_id), run_seed=secret("run"), keep_journal=True)
    requests = [request for customer in range(CUSTOMERS) for request in story(customer)]
    for request in sorted(requests, key=lambda request: request.event.event_time.ToMicroseconds()):
        engine.track(request.SerializeToString())
    engine.advance((START + DAY) * 1_000_000)
    return Ran(pl.DataFrame(engine.journal()), keys, bundles, read_manifest(bundles / bundle_id).policy)


def altered(journal: pl.DataFrame, decision_id: str, **fields: float) -> pl.DataFrame:
    """The journal with one decision record changed."""
    rows = []
    for sequence, message in messages(journal):
        changed = JournalMessage()
        changed.CopyFrom(message)
        if message.WhichOneof("content") == "decision" and message.decision.decision_id == decision_id:
            for name, value in fields.items():
                if name == "first_feature":
                    changed.decision.features[0] = value
                else:
                    setattr(changed.decision, name, value)
        rows.append((sequence, changed.SerializeToString()))
    return pl.DataFrame(rows, schema=journal.schema, orient="row")


def test_every_decision_is_proven(ran: Ran) -> None:
    verification = verify_all(ran.journal, keys=ran.keys, bundles_directory=ran.bundles)
    assert verification.holds, render_verification(verification)
    assert verification.decisions >= CUSTOMERS


def test_an_altered_draw_is_named(ran: Ran) -> None:
    last = list(decisions_of(ran.journal))[-1]
    journal = altered(ran.journal, last, draw=0.123)
    proof = verify(journal, last, keys=ran.keys, bundles_directory=ran.bundles)
    assert not proof.holds
    assert [each.path for each in proof.differences] == ["draw"]
    assert "draw: recorded 0.123, re-executed" in render_proof(proof)


def test_an_altered_feature_is_named(ran: Ran) -> None:
    last = list(decisions_of(ran.journal))[-1]
    journal = altered(ran.journal, last, first_feature=-77.0)
    proof = verify(journal, last, keys=ran.keys, bundles_directory=ran.bundles)
    assert [each.path for each in proof.differences] == ["features[0]"]
    assert len(proof.feature_differences) == 1


def test_a_missing_bundle_is_a_failure_with_its_reason(ran: Ran, tmp_path: Path) -> None:
    proof = verify(ran.journal, next(iter(decisions_of(ran.journal))), keys=ran.keys, bundles_directory=tmp_path)
    assert proof.failure and not proof.holds
    assert "NOT reproduced" in render_verification(Verification(1, (proof,)))


def test_an_unknown_decision_is_named(ran: Ran) -> None:
    with pytest.raises(DecisionUnknown):
        verify(ran.journal, "0" * 32, keys=ran.keys, bundles_directory=ran.bundles)


def test_recoveries_are_those_that_replay_finds(ran: Ran) -> None:
    figures = compute_figures(ran.journal, ran.policy)
    window = ran.policy.company.attribution_window_seconds
    rows = pl.DataFrame(replay(ran.journal, attribution_window_seconds=window))
    first_touches = [
        record.decision_id
        for record in decisions_of(ran.journal).values()
        if record.request.trigger == TRIGGER_INACTIVITY
    ]
    recovered = rows.filter(pl.col("decision_id").is_in(first_touches) & pl.col("recovered")).height
    assert figures.abandoned == len(first_touches) == CUSTOMERS
    assert figures.recovered_any == recovered > 0


def test_the_lineage_of_a_real_decision_reads_as_a_story(ran: Ran) -> None:
    text = render_lineage(trace(ran.journal, next(iter(decisions_of(ran.journal)))))
    for words in ("What led to it", "consented to cart reminder", "What was weighed", "none", "What was chosen"):
        assert words in text
