"""Orders without a price: what they came to is unknown, which is not nothing."""

from collections.abc import Callable

import pytest

from audit.interval import Difference
from audit.kpi_text import render_figures
from audit.kpis import Figures, compute_figures
from audit.unavailable import Unavailable
from cart_recovery.v1.policy_pb2 import Policy
from tests.audit.shop import HOUR, POLICY, Shop
from tests.audit.test_figures import experiment

BUYERS = 20


def bought() -> Shop:
    """An experiment in which every price is known."""
    return experiment(180, 20, buyers=BUYERS, held_out_buyers=2)


def figures_of(shop: Shop) -> Figures:
    """The figures by the policy of the tests."""
    return compute_figures(shop.journal(), POLICY)


def revenue(figures: Figures) -> float:
    """The incremental revenue, where it is known."""
    assert isinstance(figures.incremental_revenue, Difference)
    return figures.incremental_revenue.estimate


def test_one_order_without_a_price_makes_what_orders_brought_unavailable() -> None:
    shop = bought()
    shop.unpriced_order(100, 3 * HOUR)
    figures = figures_of(shop)
    assert [
        figures.incremental_revenue,
        figures.incremental_margin,
        figures.order_value_uplift,
        figures.incremental_return_on_spend,
    ] == [Unavailable("1 order without a known price")] * 4
    assert "incremental revenue                unavailable   1 order without a known price" in render_figures(figures)


def test_what_needs_no_price_stays_available() -> None:
    shop = bought()
    known = figures_of(shop)
    shop.unpriced_order(100, 3 * HOUR)
    figures = figures_of(shop)
    assert figures.recovered_any == known.recovered_any + 1
    assert isinstance(figures.incremental_recovered, Difference)
    assert (figures.currency_code, figures.discount_cost_minor) == ("EUR", known.discount_cost_minor)
    assert figures.contact_cost_minor == known.contact_cost_minor


def test_a_shop_that_never_says_a_price_has_no_revenue_rather_than_none() -> None:
    shop = experiment(180, 20, buyers=0, held_out_buyers=0)
    for customer in (*range(30), *range(180, 185)):
        shop.unpriced_order(customer, 3 * HOUR)
    figures = figures_of(shop)
    assert figures.recovered_any == 35
    assert figures.incremental_revenue == figures.order_value_uplift == Unavailable("35 orders without a known price")


def test_the_catalogue_knows_the_price_that_an_order_does_not_say() -> None:
    shop = Shop()
    shop.event(0, 0, product_updated={"product_id": "boots", "price_minor": 9_000})
    shop.extend(experiment(180, 20, buyers=0, held_out_buyers=0))
    for buyer in range(BUYERS):
        shop.unpriced_order(buyer, 3 * HOUR)
    assert revenue(figures_of(shop)) == pytest.approx(BUYERS * 9_000)


def cancelled(shop: Shop) -> None:
    """An order of a customer who counts, cancelled."""
    shop.unpriced_order(100, 3 * HOUR)
    shop.event(100, 4 * HOUR, order_cancelled={"order_id": f"order-100-{3 * HOUR}"})


@pytest.mark.parametrize(
    "happening",
    [cancelled, lambda shop: shop.unpriced_order(100, 0), lambda shop: shop.unpriced_order(999, 3 * HOUR)],
    ids=["cancelled", "before the draw", "a stranger's"],
)
def test_an_order_that_counts_for_no_arm_needs_no_price(happening: Callable[[Shop], None]) -> None:
    shop = bought()
    known = figures_of(shop)
    happening(shop)
    figures = figures_of(shop)
    assert figures.incremental_revenue == known.incremental_revenue
    assert figures.incremental_margin == known.incremental_margin


def test_an_order_without_a_price_is_in_no_currency() -> None:
    policy = Policy(company=POLICY.company)
    shop = Shop(currency="USD")
    shop.order(1, HOUR)
    shop.unpriced_order(2, HOUR)
    assert compute_figures(shop.journal(), policy).currency_code == "USD"


def test_a_known_total_stands_for_lines_without_a_price() -> None:
    def shop_with(*, with_lines: bool, priced_lines: bool = True) -> Shop:
        shop = Shop()
        shop.event(0, 0, product_updated={"product_id": "boots", "cost_minor": 7_000})
        shop.extend(experiment(180, 20, buyers=0, held_out_buyers=0))
        for buyer in range(BUYERS):
            shop.order(
                buyer,
                3 * HOUR,
                total=9_490,
                discount=1_000,
                shipping=490,
                with_lines=with_lines,
                priced_lines=priced_lines,
            )
        return shop

    figures = figures_of(shop_with(with_lines=True, priced_lines=False))
    without_lines = figures_of(shop_with(with_lines=False))
    assert revenue(figures) == pytest.approx(BUYERS * 9_490)
    assert isinstance(figures.incremental_margin, Difference)
    assert figures.incremental_margin == without_lines.incremental_margin
