"""One shopper from the abandoned cart to the e-mail and back: links, opt-out, purchase."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.reason_pb2 import REASON_CART_ORDERED, REASON_OPTED_OUT, Reason
from cart_recovery.v1.scoring_pb2 import TRIGGER_INACTIVITY
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import decisions, outcomes
from tests.harness.policy import SENDER_DOMAIN, quick_policy
from tests.harness.shop import Shop, Shopper
from tests.harness.smtp_sink import Delivery
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ARRIVAL_SECONDS = 40.0
CHANGED_MIND_SECONDS = 4
"""From the decision to the send: time enough to buy or opt out in between."""


@dataclass(frozen=True)
class Letter:
    """An e-mail and whose it is."""

    shopper: Shopper
    delivery: Delivery

    @property
    def text(self) -> str:
        """The plain part."""
        part = self.delivery.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def page(self) -> str:
        """The HTML part."""
        part = self.delivery.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())

    @property
    def send_id(self) -> str:
        """The send it belongs to."""
        return self.delivery.message_id.strip("<>").partition("@")[0]


@pytest.fixture(scope="module", params=["grpcio", "native"])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    policy = quick_policy(delay_seconds=CHANGED_MIND_SECONDS)
    with deployed(tmp_path_factory.mktemp("shopper-path"), policy=policy, front=request.param) as deployment:
        deployment.start()
        yield deployment


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=2)


@pytest.fixture(scope="module")
def letter(deployment: Deployment, shop: Shop) -> Letter:
    return abandon_and_receive(deployment, shop)


def test_an_abandoned_cart_is_decided_once_and_brings_one_email(deployment: Deployment, letter: Letter) -> None:
    record = decision_of(deployment, letter.shopper)
    assert record.request.trigger == TRIGGER_INACTIVITY
    assert record.candidates[record.chosen].action.action_id == "email_reminder"
    assert record.send_id == letter.send_id
    assert record.bundle_id == deployment.bundle_id
    sent = outcomes(deployment.wait_and_read("message_outcome.sent"), "sent")
    assert [outcome.send_id for outcome in sent].count(letter.send_id) == 1
    assert len(deployment.sink.deliveries(letter.shopper.email)) == 1


def test_the_email_shows_the_cart_and_who_sends_it(letter: Letter) -> None:
    message = letter.delivery.message
    assert letter.delivery.message_id == f"<{letter.send_id}@{SENDER_DOMAIN}>"
    assert str(message["From"]) == f"Specimen Shop <carts@{SENDER_DOMAIN}>"
    assert letter.shopper.email in str(message["To"])
    for part in (letter.text, letter.page):
        for words in ("Leather Boots", "Woollen Socks", "159.80", "1 Market Square", letter.shopper.name):
            assert words in part, f"{words} is missing"


def test_links_lead_to_the_cart_and_the_click_is_journalled(deployment: Deployment, letter: Letter) -> None:
    links = re.findall(rf"http://{re.escape(deployment.http_address)}/c/[\w-]+", letter.text)
    targets = {link: httpx.get(link, follow_redirects=False) for link in links}
    assert letter.shopper.restore_url in {answer.headers.get("location") for answer in targets.values()}
    assert {answer.status_code for answer in targets.values()} == {302}
    clicked = outcomes(deployment.wait_and_read("message_outcome.clicked"), "clicked")
    assert ("restore", letter.send_id) in {(outcome.clicked.link, outcome.send_id) for outcome in clicked}


def test_a_forged_link_leads_nowhere(letter: Letter) -> None:
    link = unsubscribe_link(letter)
    forged = link[:-2] + ("AA" if link[-2:] != "AA" else "BB")
    assert httpx.post(forged, data={"List-Unsubscribe": "One-Click"}).status_code >= 400


def test_one_click_unsubscribe_is_journalled_and_holds(deployment: Deployment, shop: Shop, letter: Letter) -> None:
    assert letter.delivery.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    answer = httpx.post(unsubscribe_link(letter), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    told = outcomes(deployment.journal(), "unsubscribed")
    assert letter.send_id in {outcome.send_id for outcome in told}, "200 is answered only after the journal has it"
    deployment.track_all([shop.cart_updated(letter.shopper, quantity=5)])
    again = eventually(
        lambda: decisions_of(deployment, letter.shopper)[1:], within=ARRIVAL_SECONDS, what="a second decision"
    )
    assert again[0].candidates[again[0].chosen].action.action_id == "none"
    reasons = {reason for candidate in again[0].candidates for reason in candidate.reasons}
    assert REASON_OPTED_OUT in reasons
    assert len(deployment.sink.deliveries(letter.shopper.email)) == 1


def test_a_purchase_before_the_due_time_stops_the_email(deployment: Deployment, shop: Shop) -> None:
    shopper = shop.shopper()
    deployment.track_all(shop.abandoning(shopper))
    record = decision_of(deployment, shopper)
    deployment.track_all([shop.ordered(shopper)])
    assert skipped(deployment, record).skipped.reason == REASON_CART_ORDERED
    assert not deployment.sink.deliveries(shopper.email)


def test_an_opt_out_before_the_due_time_stops_the_email(deployment: Deployment, shop: Shop) -> None:
    shopper = shop.shopper()
    deployment.track_all(shop.abandoning(shopper))
    record = decision_of(deployment, shopper)
    deployment.track_all([shop.opted_out(shopper)])
    reason = skipped(deployment, record).skipped.reason
    assert reason == REASON_OPTED_OUT, Reason.Name(reason)
    assert not deployment.sink.deliveries(shopper.email)


def abandon_and_receive(deployment: Deployment, shop: Shop) -> Letter:
    """A new shopper's cart is left, and the e-mail about it arrives."""
    shopper = shop.shopper()
    deployment.track_all(shop.abandoning(shopper))
    sink = deployment.sink
    deliveries = eventually(lambda: sink.deliveries(shopper.email), within=ARRIVAL_SECONDS, what="the e-mail")
    return Letter(shopper, deliveries[0])


def decisions_of(deployment: Deployment, shopper: Shopper) -> list[DecisionRecord]:
    """The decisions about the shopper's cart."""
    cart = deployment.token("cart", shopper.cart_id)
    return [record for record in decisions(deployment.journal()) if record.request.cart_id == cart]


def decision_of(deployment: Deployment, shopper: Shopper) -> DecisionRecord:
    """Waits for the first decision about the shopper's cart."""
    found = eventually(lambda: decisions_of(deployment, shopper), within=ARRIVAL_SECONDS, what="the decision")
    return found[0]


def skipped(deployment: Deployment, record: DecisionRecord) -> MessageOutcome:
    """Waits for the event that says why the decided message was not sent."""

    def found() -> list[MessageOutcome]:
        every = outcomes(deployment.journal(), "skipped")
        return [outcome for outcome in every if outcome.decision_id == record.decision_id]

    return eventually(found, within=ARRIVAL_SECONDS, what="the skipped outcome")[0]


def unsubscribe_link(letter: Letter) -> str:
    """The address of one-click unsubscribe."""
    return str(letter.delivery.message["List-Unsubscribe"]).strip("<>")
