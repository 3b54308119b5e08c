"""What redeemed offers cost, and from which order's margin they are taken."""

import pytest

from audit.interval import Difference
from audit.kpis import Figures, compute_figures
from audit.unavailable import Unavailable
from cart_recovery.v1.policy_pb2 import Policy
from tests.audit.shop import DAY, HOUR, MINUTE, POLICY, Shop
from tests.audit.test_figures import experiment

TREATED = 180
BUYERS = 20


def margin(figures: Figures) -> float:
    """Incremental margin of an experiment whose held-out customers buy nothing."""
    assert isinstance(figures.incremental_margin, Difference)
    return figures.incremental_margin.estimate


def free_shipping(redeemed: int, *, gap: int = 0, cart: str = "", named: bool = True) -> Shop:
    """Every buyer of an experiment pays 100 EUR and is spared shipping, `gap` seconds before the order."""
    shop = experiment(TREATED, 20, buyers=0, held_out_buyers=0)
    for buyer in range(BUYERS):
        if redeemed:
            decision_id = f"d{buyer}-{HOUR}" if named else ""
            shop.redeem(buyer, 3 * HOUR - gap, redeemed, decision_id=decision_id)
        shop.order(buyer, 3 * HOUR, cart=cart and f"{cart}-{buyer}")
    return shop


# A buyer leaves 4,000; every treated customer costs a message of 2.
UNREDEEMED = BUYERS * 4_000 - TREATED * 2


def test_every_redemption_counts_also_where_the_shop_knows_no_decision() -> None:
    shop = Shop()
    for customer in (1, 2, 3):
        shop.redeem(customer, HOUR, 500)
    assert compute_figures(shop.journal(), POLICY).discount_cost_minor == 1_500


def test_two_redemptions_of_one_decision_count_twice() -> None:
    shop = Shop()
    shop.add(1, 0)
    decision = shop.decide(1, HOUR, action="email_1h", offer="ten")
    shop.redeem(1, 2 * HOUR, 500, decision_id=decision)
    shop.redeem(1, 3 * HOUR, 300, decision_id=decision)
    assert compute_figures(shop.journal(), POLICY).discount_cost_minor == 800


@pytest.mark.parametrize("named", [True, False])
def test_a_reported_redemption_is_not_inferred_from_its_order_as_well(named: bool) -> None:
    shop = experiment(TREATED, 20, buyers=BUYERS, held_out_buyers=0)
    for buyer in range(BUYERS):
        shop.redeem(buyer, 3 * HOUR, 1_000, decision_id=f"d{buyer}-{HOUR}" if named else "")
    figures = compute_figures(shop.journal(), POLICY)
    assert figures.discount_cost_minor == BUYERS * 1_000
    # The order says the same 1,000: they are subtracted once.
    assert margin(figures) == pytest.approx(BUYERS * (4_000 - 1_000) - TREATED * 2)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("gap", [0, 5 * MINUTE, -5 * MINUTE])
@pytest.mark.parametrize("cart", ["", "cart"])
def test_waived_shipping_lowers_the_margin_though_the_order_shows_no_discount(cart: str, gap: int, named: bool) -> None:
    figures = compute_figures(free_shipping(490, gap=gap, cart=cart, named=named).journal(), POLICY)
    assert figures.discount_cost_minor == BUYERS * 490
    assert margin(figures) == pytest.approx(UNREDEEMED - BUYERS * 490)
    assert margin(compute_figures(free_shipping(0).journal(), POLICY)) == pytest.approx(UNREDEEMED)


def test_a_redemption_lowers_the_margin_of_one_order_only() -> None:
    shop = free_shipping(490)
    plain = free_shipping(0)
    for each in (shop, plain):
        # The same customers order again, with a discount of their own that the redemption must not hide in.
        for buyer in range(BUYERS):
            each.order(buyer, 4 * HOUR, total=9_000, discount=1_000)
    difference = margin(compute_figures(plain.journal(), POLICY)) - margin(compute_figures(shop.journal(), POLICY))
    assert difference == pytest.approx(BUYERS * 490)


def test_the_order_of_the_decided_cart_goes_before_a_nearer_one() -> None:
    shop = experiment(TREATED, 20, buyers=0, held_out_buyers=0)
    shop.redeem(0, 3 * HOUR, 490, decision_id=f"d0-{HOUR}")
    shop.order(0, 3 * HOUR, total=9_000, discount=1_000, cart="another")
    shop.order(0, 3 * HOUR + MINUTE, cart="cart-0")
    for buyer in range(1, BUYERS):
        shop.order(buyer, 3 * HOUR)
    figures = compute_figures(shop.journal(), POLICY)
    assert margin(figures) == pytest.approx(UNREDEEMED + 4_000 - 1_000 - 490)


def test_a_cancelled_order_keeps_its_redemption_from_other_orders() -> None:
    shop = free_shipping(490)
    for buyer in range(BUYERS):
        shop.event(buyer, 4 * HOUR, order_cancelled={"order_id": f"order-{buyer}-{3 * HOUR}"})
        shop.order(buyer, 5 * HOUR)
    figures = compute_figures(shop.journal(), POLICY)
    assert margin(figures) == pytest.approx(UNREDEEMED)
    assert figures.discount_cost_minor == BUYERS * 490


def test_a_redemption_days_from_any_order_lowers_no_margin() -> None:
    shop = free_shipping(0)
    for buyer in range(BUYERS):
        shop.redeem(buyer, 3 * HOUR + 2 * DAY, 490)
    figures = compute_figures(shop.journal(), POLICY)
    assert margin(figures) == pytest.approx(UNREDEEMED)
    assert figures.discount_cost_minor == BUYERS * 490


@pytest.mark.parametrize("with_lines", [True, False])
def test_an_order_has_the_same_margin_with_and_without_its_lines(with_lines: bool) -> None:
    shop = experiment(TREATED, 20, buyers=0, held_out_buyers=0)
    for buyer in range(BUYERS):
        shop.order(buyer, 3 * HOUR, total=9_490, discount=1_000, shipping=490, with_lines=with_lines)
    figures = compute_figures(shop.journal(), POLICY)
    assert margin(figures) == pytest.approx(UNREDEEMED - BUYERS * 1_000)


def test_expected_returns_lower_the_margin_but_not_what_was_redeemed() -> None:
    policy = Policy(company=POLICY.company)
    policy.storefronts.add(storefront_id="shop-de", return_basis_points=1000)
    figures = compute_figures(free_shipping(490).journal(), policy)
    assert margin(figures) == pytest.approx(BUYERS * (4_000 * 0.9 - 490) - TREATED * 2)


def test_a_redemption_without_an_amount_costs_what_its_decision_took_the_offer_to_be_worth() -> None:
    shop = Shop()
    shop.add(1, 0)
    decision = shop.decide(1, HOUR, action="email_1h", offer="ten", offered=1_000)
    shop.redeem(1, 2 * HOUR, None, decision_id=decision)
    shop.redeem(1, 3 * HOUR, 300, decision_id=decision)
    figures = compute_figures(shop.journal(), POLICY)
    assert (figures.currency_code, figures.discount_cost_minor) == ("EUR", 1_300)


def test_the_amount_of_a_decision_lowers_the_margin_as_a_reported_one_does() -> None:
    def shop_with(offered: int, redeemed: int | None) -> Shop:
        shop = Shop()
        for buyer in range(TREATED, TREATED + BUYERS):
            shop.add(buyer, 0)
            decision = shop.decide(buyer, HOUR, action="email_1h", offer="ten", offered=offered)
            shop.redeem(buyer, 3 * HOUR, redeemed, decision_id=decision)
            shop.order(buyer, 3 * HOUR)
        shop.extend(experiment(TREATED, 20, buyers=0, held_out_buyers=0, first=1_000))
        return shop

    said = compute_figures(shop_with(0, 490).journal(), POLICY)
    filled = compute_figures(shop_with(490, None).journal(), POLICY)
    assert margin(filled) == pytest.approx(margin(said))
    assert filled.discount_cost_minor == said.discount_cost_minor == BUYERS * 490


@pytest.mark.parametrize("offer", ["", "twenty"])
def test_a_decision_with_another_offer_says_nothing_of_the_amount(offer: str) -> None:
    shop = Shop()
    shop.add(1, 0)
    decision = shop.decide(1, HOUR, action="email_1h", offer=offer, offered=2_000)
    shop.redeem(1, 2 * HOUR, None, decision_id=decision)
    assert compute_figures(shop.journal(), POLICY).discount_cost_minor == Unavailable("1 redemption without an amount")


def test_an_unknown_amount_makes_unavailable_what_depends_on_it_and_nothing_else() -> None:
    shop = experiment(TREATED, 20, buyers=BUYERS, held_out_buyers=0)
    known = compute_figures(shop.journal(), POLICY)
    for buyer in (0, 1):
        shop.redeem(buyer, 3 * HOUR, None)
    figures = compute_figures(shop.journal(), POLICY)
    assert figures.currency_code == "EUR"
    assert isinstance(figures.incremental_revenue, Difference)
    assert figures.incremental_revenue == known.incremental_revenue
    assert figures.contact_cost_minor == known.contact_cost_minor
    unknown = Unavailable("2 redemptions without an amount")
    assert figures.discount_cost_minor == figures.incremental_return_on_spend == unknown
    assert figures.incremental_margin == Unavailable("what was redeemed for an order is unknown")


def test_an_unknown_amount_without_an_order_leaves_the_margin_as_it_is() -> None:
    shop = experiment(TREATED, 20, buyers=BUYERS, held_out_buyers=0)
    known = margin(compute_figures(shop.journal(), POLICY))
    shop.redeem(0, 3 * HOUR + 2 * DAY, None)
    figures = compute_figures(shop.journal(), POLICY)
    assert margin(figures) == pytest.approx(known)
    assert figures.discount_cost_minor == Unavailable("1 redemption without an amount")
