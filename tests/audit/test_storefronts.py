"""The figures of a journal of several storefronts: of one alone, and of all together."""

import dataclasses

import pytest

from audit.interval import Difference
from audit.kpis import StorefrontUnknown, compute_figures
from audit.unavailable import Unavailable
from cart_recovery.v1.policy_pb2 import Policy
from tests.audit.shop import HOUR, POLICY, Shop
from tests.audit.test_figures import contacted_shop, experiment

TWO_STOREFRONTS = Policy(company=POLICY.company)
TWO_STOREFRONTS.storefronts.add(storefront_id="shop-us", currency_code="USD")


def two_storefronts() -> Shop:
    """An experiment in EUR and one in USD, in one journal."""
    both = experiment(180, 20, buyers=45, held_out_buyers=2)
    dollars = Shop(storefront="shop-us", currency="USD")
    both.extend(experiment(180, 20, buyers=30, held_out_buyers=0, shop=dollars, first=1_000))
    return both


def test_a_storefront_is_counted_alone() -> None:
    shop = contacted_shop()
    line = {"product_id": "boots", "quantity": 1}
    order = {"order_id": "far", "lines": [line], "total": {"minor_units": 5, "currency_code": "USD"}}
    shop.event(1, 5 * HOUR, storefront="shop-us", order_completed=order)
    figures = compute_figures(shop.journal(), POLICY, storefront_id="shop-de")
    assert (figures.currency_code, figures.abandoned) == ("EUR", 4)
    assert compute_figures(shop.journal(), POLICY, storefront_id="shop-us").abandoned == 0


def test_storefronts_of_several_currencies_have_no_money_in_common() -> None:
    figures = compute_figures(two_storefronts().journal(), TWO_STOREFRONTS)
    assert (figures.abandoned, figures.contacted) == (400, 360)
    together = Unavailable("the amounts are in EUR, USD; ask for one storefront")
    assert [
        figures.currency_code,
        figures.incremental_revenue,
        figures.incremental_margin,
        figures.order_value_uplift,
        figures.discount_cost_minor,
        figures.contact_cost_minor,
        figures.incremental_return_on_spend,
    ] == [together] * 7


def test_each_storefront_has_its_figures_as_if_it_were_alone() -> None:
    alone = experiment(180, 20, buyers=45, held_out_buyers=2)
    figures = compute_figures(two_storefronts().journal(), TWO_STOREFRONTS, storefront_id="shop-de")
    own = compute_figures(alone.journal(), POLICY, storefront_id="shop-de")
    assert figures == dataclasses.replace(own, last_sequence=figures.last_sequence)
    dollars = compute_figures(two_storefronts().journal(), TWO_STOREFRONTS, storefront_id="shop-us")
    assert (dollars.currency_code, dollars.treated_customers, dollars.messages_sent) == ("USD", 180, 180)
    assert (dollars.discount_cost_minor, dollars.contact_cost_minor) == (30_000, 360)
    assert isinstance(dollars.incremental_revenue, Difference)
    assert dollars.incremental_revenue.estimate == pytest.approx(30 * 9_000)


def test_messages_that_cost_in_another_currency_than_the_orders_are_not_added_to_them() -> None:
    policy = Policy(company=POLICY.company)
    policy.storefronts.add(storefront_id="shop-us", currency_code="CHF")
    figures = compute_figures(two_storefronts().journal(), policy, storefront_id="shop-us")
    assert figures.contact_cost_minor == Unavailable("the amounts are in CHF, USD")


def test_a_storefront_without_an_order_has_its_own_currency() -> None:
    shop = contacted_shop()
    shop.event(1, 5 * HOUR, storefront="shop-us", checkout_started={"cart_id": "far"})
    assert compute_figures(shop.journal(), TWO_STOREFRONTS, storefront_id="shop-us").currency_code == "USD"


def test_an_unknown_storefront_is_told_with_those_that_are_known() -> None:
    with pytest.raises(StorefrontUnknown, match="no storefront shop-dee; it names shop-de, shop-us"):
        compute_figures(two_storefronts().journal(), TWO_STOREFRONTS, storefront_id="shop-dee")
