"""The figures of a journal by the command that a marketer calls, of one storefront and of several."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE, EXIT_FAILED
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.policy_pb2 import Policy
from tests.harness.deployment import Deployment, deployed
from tests.harness.policy import STOREFRONT, quick_policy
from tests.harness.shop import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECOND = "store-2"
DISCOUNT_MINOR = {STOREFRONT: 500, SECOND: 700}
CURRENCY = {STOREFRONT: "EUR", SECOND: "USD"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A journal of two storefronts, each with an abandoned cart, an order and a redeemed offer."""
    with deployed(tmp_path_factory.mktemp("figures"), policy=policy()) as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        shop = Shop(seed=31)
        deployment.track_all([event for storefront in CURRENCY for event in happenings(shop, storefront)])
        deployment.wait_and_read("offer_redeemed", count=2)
        deployment.wait_for_decisions(2)
        yield deployment


def policy() -> Policy:
    """The policy of the tests with a storefront in another currency."""
    policy = quick_policy()
    policy.storefronts.add(storefront_id=SECOND, currency_code=CURRENCY[SECOND])
    return policy


def happenings(shop: Shop, storefront: str) -> list[Event]:
    """One shopper leaves a cart, another one buys and redeems an offer."""
    events = shop.abandoning(shop.shopper())
    events[-1].cart_updated.cart.currency_code = CURRENCY[storefront]
    buyer = shop.shopper()
    order, redemption = shop.ordered(buyer), shop.event(buyer)
    order.order_completed.total.currency_code = CURRENCY[storefront]
    redemption.offer_redeemed.offer_id = "percent_10"
    redemption.offer_redeemed.discount.minor_units = DISCOUNT_MINOR[storefront]
    redemption.offer_redeemed.discount.currency_code = CURRENCY[storefront]
    for event in (*events, order, redemption):
        event.storefront_id = storefront
    return [*events, order, redemption]


def figures(deployment: Deployment, *words: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    ended = deployment.command("figures", "--json", *words)
    assert ended.returncode == EXIT_DONE, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_all_storefronts_together_have_counts_but_no_money(deployment: Deployment) -> None:
    together = figures(deployment)
    reason = {"unavailable": "the amounts are in EUR, USD; ask for one storefront"}
    assert together["abandoned"] == 2
    assert together["currency_code"] == together["discount_cost_minor"] == together["contact_cost_minor"] == reason


@pytest.mark.parametrize("storefront", CURRENCY)
def test_a_storefront_has_its_own_figures(deployment: Deployment, storefront: str) -> None:
    alone = figures(deployment, "--storefront", storefront)
    assert (alone["storefront_id"], alone["abandoned"]) == (storefront, 1)
    assert (alone["currency_code"], alone["discount_cost_minor"]) == (CURRENCY[storefront], DISCOUNT_MINOR[storefront])


def test_an_unknown_storefront_is_told_with_those_there_are(deployment: Deployment) -> None:
    ended = deployment.command("figures", "--storefront", "store-3")
    assert ended.returncode == EXIT_FAILED
    assert "no storefront store-3; it names store-1, store-2" in ended.stderr


def test_the_figures_are_read_from_the_embedded_server_whether_it_runs_or_not(deployment: Deployment) -> None:
    # The last test of the deployment, because it ends it.
    del deployment.environment["CART_RECOVERY_NATS__URL"]
    running = deployment.command("figures", "--storefront", SECOND)
    assert running.returncode == EXIT_DONE, running.stderr
    assert running.stdout.startswith(f"Figures of storefront {SECOND}\n") and "7.00 USD" in running.stdout
    deployment.stop()
    stopped = deployment.command("figures", "--storefront", SECOND)
    assert stopped.stdout.splitlines()[2:] == running.stdout.splitlines()[2:]


def test_where_there_is_no_journal_yet_a_sentence_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = tmp_path / "data"
    assert main(["figures", "--data", str(nowhere)]) == EXIT_FAILED
    assert f"there is no journal in {nowhere} yet" in capsys.readouterr().err
    assert not nowhere.exists()
