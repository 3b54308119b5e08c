"""What a storefront sends wrongly is refused by field, value and remedy, and the process lives on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import grpc
import pytest
from google.rpc import code_pb2

from cart_recovery.v1.event_pb2 import ACKNOWLEDGE_JOURNALED, Event, TrackRequest
from cart_recovery.v1.scoring_pb2 import ScoreRequest
from tests.harness.client import EVENTS, SCORING, Client, Refusal, refusal_of
from tests.harness.deployment import Deployment, deployed
from tests.harness.shop import Shop, Shopper

OVERSIZE_BYTES = 1 << 21

Change = Callable[[Event], object]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("bad-input")) as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        yield deployment


@pytest.fixture
def client(deployment: Deployment) -> Iterator[Client]:
    with deployment.client() as client:
        yield client


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=1)


@pytest.fixture
def shopper(shop: Shop) -> Shopper:
    return shop.shopper()


def set_far_future(event: Event) -> None:
    event.event_time.FromDatetime(event.event_time.ToDatetime() + timedelta(days=400))


def repeat_lines(event: Event) -> None:
    lines = event.cart_updated.cart.lines
    lines.extend([lines[1]] * (10_001 - len(lines)))


def set_currency(event: Event) -> None:
    event.cart_updated.cart.currency_code = "EURO"


def set_negative_price(event: Event) -> None:
    event.cart_updated.cart.lines[0].unit_price_minor = -5


def set_no_quantity(event: Event) -> None:
    event.cart_updated.cart.lines[0].quantity = 0


def set_bad_address(event: Event) -> None:
    event.identity.contacts[0].address = "somebody at mail"


def set_long_storefront(event: Event) -> None:
    event.storefront_id = "s" * 65


def remove_event_id(event: Event) -> None:
    event.ClearField("event_id")


def remove_time(event: Event) -> None:
    event.ClearField("event_time")


class Wrong(NamedTuple):
    """A change that makes an event bad, and what the answer says of it."""

    change: Change
    field: str
    value: str
    remedy: str
    reason: str


CART = "event.cart_updated.cart"
ADDRESS = "event.identity.contacts[0].address"
PRICE = f"{CART}.lines[0].unit_price_minor"
QUANTITY = f"{CART}.lines[0].quantity"

BAD_EVENTS = {
    "missing event id": Wrong(remove_event_id, "event.event_id", "nothing", "1 to 64 bytes", "FIELD_MISSING"),
    "missing time": Wrong(remove_time, "event.event_time", "nothing", "send when", "FIELD_MISSING"),
    "long id": Wrong(set_long_storefront, "event.storefront_id", "65 bytes", "1 to 64", "FIELD_OUT_OF_RANGE"),
    "malformed address": Wrong(set_bad_address, ADDRESS, "(hidden)", "e-mail", "FIELD_MALFORMED"),
    "unknown currency": Wrong(set_currency, f"{CART}.currency_code", "EURO", "ISO 4217", "CURRENCY_UNKNOWN"),
    "negative money": Wrong(set_negative_price, PRICE, "-5", "from 0", "FIELD_OUT_OF_RANGE"),
    "no quantity": Wrong(set_no_quantity, QUANTITY, "0", "from 1", "FIELD_OUT_OF_RANGE"),
    "far future": Wrong(set_far_future, "event.event_time", "s ahead", "clock", "TIME_IN_FUTURE"),
    "10,001 lines": Wrong(repeat_lines, f"{CART}.lines", "10001 elements", "at most 10000", "TOO_MANY_ELEMENTS"),
}


@pytest.mark.parametrize("wrong", BAD_EVENTS)
def test_a_bad_event_is_refused_by_field_value_and_remedy(
    client: Client, shop: Shop, shopper: Shopper, wrong: str
) -> None:
    change, field, value, remedy, reason = BAD_EVENTS[wrong]
    event = shop.cart_updated(shopper)
    change(event)
    refusal = refused(lambda: client.track(event))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == f"REASON_{reason}"
    assert list(refusal.violations) == [field]
    assert value in refusal.violations[field]
    assert remedy in refusal.violations[field]


def test_a_bad_event_does_not_end_a_stream(client: Client, shop: Shop, shopper: Shopper) -> None:
    bad = shop.cart_updated(shopper)
    set_negative_price(bad)
    first, refusal, last = client.track_stream([shop.viewed(shopper), bad, shop.viewed(shopper)])
    assert first.HasField("accepted")
    assert last.accepted.spool_offset > first.accepted.spool_offset
    assert refusal.rejected.code == code_pb2.INVALID_ARGUMENT
    (violation,) = refusal.rejected.violations
    assert violation.field == PRICE
    assert "-5" in violation.description


def test_every_wrong_field_is_named_at_once(client: Client, shop: Shop, shopper: Shopper) -> None:
    event = shop.cart_updated(shopper)
    for change in (set_currency, set_negative_price, set_no_quantity):
        change(event)
    violations = refused(lambda: client.track(event)).violations
    assert set(violations) == {f"{CART}.currency_code", PRICE, QUANTITY}


def test_a_refusal_repeats_no_personal_value(client: Client, shop: Shop, shopper: Shopper) -> None:
    event = shop.cart_updated(shopper)
    event.identity.contacts[0].address = f"<{shopper.email}"
    refusal = refused(lambda: client.track(event))
    assert shopper.email not in f"{refusal.words} {refusal.violations}"


def test_a_score_without_storefront_and_occasion_is_refused(client: Client, shopper: Shopper) -> None:
    refusal = refused(lambda: client.score(ScoreRequest(identity=shopper.identity())))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {"storefront_id", "cart_id", "trigger"} <= set(refusal.violations)


def test_an_unknown_customer_is_no_error(client: Client, shop: Shop, shopper: Shopper) -> None:
    answer = client.score(shop.score(shopper))
    assert len(answer.decision_id) == 32
    assert answer.action.action_id == "none", "nobody agreed to be written to"


@pytest.mark.parametrize("method", [f"{EVENTS}/Track", f"{SCORING}/Score", f"{SCORING}/Confirm", f"{SCORING}/Explain"])
def test_unparsable_bytes_are_refused(client: Client, method: str) -> None:
    refusal = refused(lambda: client.raw(method, b"\xff" * 9))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "REASON_UNPARSABLE"


@pytest.mark.parametrize("method", [f"{EVENTS}/Track", f"{SCORING}/Score"])
def test_an_oversize_message_is_refused(client: Client, method: str) -> None:
    refusal = refused(lambda: client.raw(method, b"\x00" * OVERSIZE_BYTES))
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_repeated_event_id_is_accepted_and_counted_once(
    deployment: Deployment, client: Client, shop: Shop, shopper: Shopper
) -> None:
    event = shop.event(shopper)
    event.product_added.cart_id = shopper.cart_id
    event.product_added.line.CopyFrom(shopper.cart().lines[0])
    event.product_added.currency_code = "EUR"
    before = deployment.metric("events_duplicate_total")
    client.track(event)
    client.track(event, acknowledge=ACKNOWLEDGE_JOURNALED)
    request = shop.score(shopper)
    request.cart_id = shopper.cart_id
    answer = client.score(request)
    records = {record.decision_id: record for record in deployment.wait_for_decisions(1)}
    assert records[answer.decision_id].cart_value_minor == 2 * 7_990
    assert deployment.metric("events_duplicate_total") == before + 1


def test_the_process_lives_and_the_journal_holds_nothing_of_what_was_refused(
    deployment: Deployment, client: Client, shop: Shop, shopper: Shopper
) -> None:
    pid = deployment.scorer.pid
    bad = [shop.cart_updated(shopper) for _ in BAD_EVENTS]
    for event, wrong in zip(bad, BAD_EVENTS.values(), strict=True):
        wrong.change(event)
        refused(partial(client.track, event))
    refused(lambda: client.raw(f"{EVENTS}/Track", TrackRequest(event=bad[0]).SerializeToString() + b"\xff"))
    good = shop.viewed(shopper)
    client.track(good, acknowledge=ACKNOWLEDGE_JOURNALED)
    journalled = {entry.event.event_id for entry in deployment.journal()}
    assert deployment.token("event", good.event_id) in journalled
    assert not [event for event in bad if event.event_id and deployment.token("event", event.event_id) in journalled]
    assert deployment.scorer.alive
    assert deployment.scorer.pid == pid


def refused(call: Callable[[], object]) -> Refusal:
    """What the call is refused with."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return refusal_of(caught.value)
