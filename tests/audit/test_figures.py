"""The figures of small journals, counted by hand."""

import pytest

from audit.facts import Facts
from audit.interval import Difference, SampleRatio
from audit.journal import messages
from audit.kpis import Latency, compute_figures
from audit.unavailable import Unavailable
from cart_recovery.v1.message_pb2 import OPENER_MACHINE
from cart_recovery.v1.policy_pb2 import Policy
from cart_recovery.v1.reason_pb2 import REASON_CART_ORDERED, REASON_DECISION_SUPERSEDED
from tests.audit.shop import DAY, HOUR, MINUTE, POLICY, START, Shop


def contacted_shop() -> Shop:
    """Four abandoned carts: one clicked and bought, one bought before the send, one held out, one without consent."""
    shop = Shop()
    for customer in (1, 2, 3, 4):
        shop.add(customer, 0)
    first = shop.decide(1, 30 * MINUTE, action="email_1h")
    second = shop.decide(2, 30 * MINUTE, action="email_1h")
    shop.decide(3, 30 * MINUTE, held_out=True)
    shop.decide(4, 30 * MINUTE, consent=False)
    shop.order(2, 40 * MINUTE)
    shop.outcome(2, 90 * MINUTE, second, skipped={"reason": REASON_CART_ORDERED})
    shop.outcome(1, 90 * MINUTE, first, sent={"sent_time": {"seconds": START + 90 * MINUTE}})
    shop.outcome(1, 2 * HOUR, first, clicked={"link": "restore"})
    shop.order(1, 3 * HOUR, total=9_000, discount=1_000)
    shop.order(3, 4 * HOUR, total=10_000)
    return shop


def test_carts_are_counted_by_what_was_decided_and_done() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY)
    assert (figures.abandoned, figures.eligible, figures.contacted, figures.held_out) == (4, 3, 1, 1)
    assert (figures.messages_sent, figures.skipped) == (1, {"REASON_CART_ORDERED": 1})
    assert [(each.action_id, each.chosen, each.contacted) for each in figures.actions] == [
        ("none", 2, 0),
        ("email_1h", 2, 1),
    ]


def test_a_superseded_touch_whose_successor_was_sent_is_not_counted_as_unsent() -> None:
    shop = Shop()
    shop.add(1, 0)
    old = shop.decide(1, 30 * MINUTE, action="email_1h")
    new = shop.decide(1, 40 * MINUTE, action="email_1h", abandoned=30 * MINUTE)
    send_id = "s" + old[1:]
    shop.outcome(1, 90 * MINUTE, old, skipped={"reason": REASON_DECISION_SUPERSEDED})
    assert compute_figures(shop.journal(), POLICY).skipped == {"REASON_DECISION_SUPERSEDED": 1}
    shop.outcome(1, 91 * MINUTE, new, send_id=send_id, sent={})
    figures = compute_figures(shop.journal(), POLICY)
    assert (figures.messages_sent, figures.skipped) == (1, {})


def test_carts_left_alone_are_counted_by_their_reason() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY)
    assert figures.left_alone == {"REASON_HOLDOUT": 1, "REASON_CONSENT_MISSING": 1}


def test_recovery_is_given_both_ways() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY)
    assert (figures.recovered_any, figures.recovered_attributed) == (3, 1)
    assert (figures.recovery_rate_any, figures.recovery_rate_attributed) == (0.75, 0.25)


def test_time_to_contact_counts_from_the_abandonment() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY)
    assert figures.time_to_contact_p50_seconds == figures.time_to_contact_p90_seconds == 3600


def test_an_order_after_the_window_recovers_nothing() -> None:
    shop = Shop()
    shop.add(1, 0)
    shop.decide(1, 30 * MINUTE)
    shop.order(1, 30 * MINUTE + 3 * DAY + 1)
    assert compute_figures(shop.journal(), POLICY).recovered_any == 0


def test_an_order_at_the_end_of_the_window_recovers() -> None:
    shop = Shop()
    shop.add(1, 0)
    shop.decide(1, 30 * MINUTE)
    shop.order(1, 30 * MINUTE + 3 * DAY)
    assert compute_figures(shop.journal(), POLICY).recovered_any == 1


def test_an_order_of_other_products_recovers_nothing() -> None:
    shop = Shop()
    shop.add(1, 0, product="boots")
    shop.decide(1, 30 * MINUTE)
    shop.order(1, HOUR, product="gloves")
    assert compute_figures(shop.journal(), POLICY).recovered_any == 0


def test_a_removed_product_is_no_line_of_the_cart() -> None:
    shop = Shop()
    shop.add(1, 0, product="boots")
    shop.add(1, 1, product="gloves")
    shop.event(1, 2, product_removed={"cart_id": "cart-1", "line": {"product_id": "boots", "quantity": 1}})
    shop.decide(1, 30 * MINUTE)
    shop.order(1, HOUR, product="boots")
    assert compute_figures(shop.journal(), POLICY).recovered_any == 0


def test_a_cancelled_order_recovers_nothing() -> None:
    shop = Shop()
    shop.add(1, 0)
    shop.decide(1, 30 * MINUTE)
    shop.order(1, HOUR)
    shop.event(1, 2 * HOUR, order_cancelled={"order_id": f"order-1-{HOUR}"})
    assert compute_figures(shop.journal(), POLICY).recovered_any == 0


@pytest.mark.parametrize(
    ("response", "after", "attributed"),
    [
        ({"clicked": {"link": "restore"}}, 5 * DAY, 1),
        ({"clicked": {"link": "restore"}}, 5 * DAY + 1, 0),
        ({"opened": {}}, DAY, 1),
        ({"opened": {}}, DAY + 1, 0),
        ({"opened": {"opener": OPENER_MACHINE}}, HOUR, 0),
        ({"delivered": {}}, HOUR, 0),
    ],
)
def test_an_email_is_credited_for_clicks_of_five_days_and_opens_of_one(
    response: dict[str, object], after: int, attributed: int
) -> None:
    policy = Policy(company=POLICY.company)
    policy.company.attribution_window_seconds = 30 * DAY
    shop = Shop()
    shop.add(1, 0)
    decision = shop.decide(1, HOUR, action="email_1h")
    shop.outcome(1, 2 * HOUR, decision, sent={})
    shop.outcome(1, 3 * HOUR, decision, **response)
    shop.order(1, 3 * HOUR + after)
    figures = compute_figures(shop.journal(), policy)
    assert (figures.recovered_any, figures.recovered_attributed) == (1, attributed)


def test_an_event_id_seen_twice_counts_once() -> None:
    shop = Shop()
    shop.order(1, HOUR)
    refund = {"order_id": f"order-1-{HOUR}", "amount": {"minor_units": 500, "currency_code": "EUR"}}
    for _ in range(2):
        shop.event(1, 2 * HOUR, event_id="twice", order_refunded=refund)
    facts = Facts()
    for sequence, message in messages(shop.journal()):
        facts.fold(sequence, message)
    assert [order.refunded_minor for order in facts.orders.values()] == [500]


def experiment(
    treated: int, held_out: int, *, buyers: int, held_out_buyers: int, shop: Shop | None = None, first: int = 0
) -> Shop:
    """Every buyer pays 100 EUR, treated customers get a message that costs two cents and a code worth 10 EUR.

    Customers are numbered from `first`."""
    shop = shop or Shop()
    for number in range(treated + held_out):
        customer, out = first + number, number >= treated
        shop.add(customer, 0)
        decision = shop.decide(customer, HOUR, action="none" if out else "email_1h", held_out=out, offer="ten")
        if not out:
            shop.outcome(customer, 2 * HOUR, decision, sent={})
        if number < buyers or treated <= number < treated + held_out_buyers:
            price = {"total": 10_000} if out else {"total": 9_000, "discount": 1_000, "codes": ["TEN"]}
            shop.order(customer, 3 * HOUR, **price)
    return shop


def test_incremental_figures_compare_customers_with_the_holdout() -> None:
    figures = compute_figures(experiment(180, 20, buyers=45, held_out_buyers=2).journal(), POLICY)
    assert (figures.treated_customers, figures.held_out_customers) == (180, 20)
    assert isinstance(figures.incremental_recovered, Difference)
    # 45/180 - 2/20 = .15 a customer.
    assert figures.incremental_recovered.estimate == pytest.approx(27)
    assert isinstance(figures.recovery_rate_incremental, Difference)
    assert figures.recovery_rate_incremental.estimate == pytest.approx(0.15)
    assert isinstance(figures.incremental_revenue, Difference)
    assert figures.incremental_revenue.estimate == pytest.approx(180 * (45 * 9_000 / 180 - 2 * 10_000 / 20))
    # A buyer leaves 4,000 less the discount of 1,000; every treated customer costs 2.
    assert isinstance(figures.incremental_margin, Difference)
    assert figures.incremental_margin.estimate == pytest.approx(180 * (45 * 3_000 / 180 - 2 - 2 * 4_000 / 20))
    assert figures.incremental_margin.low < figures.incremental_margin.estimate < figures.incremental_margin.high
    assert (figures.discount_cost_minor, figures.contact_cost_minor) == (45_000, 360)


def test_the_order_value_uplift_is_no_surer_for_orders_that_the_same_customers_repeat() -> None:
    def shop_with(orders: int) -> Shop:
        shop = experiment(180, 20, buyers=0, held_out_buyers=0)
        for buyer in (*range(40), *range(180, 200)):
            for repeat in range(orders):
                shop.order(buyer, 3 * HOUR + repeat, total=9_000 + 10 * (buyer % 37))
        return shop

    once, often = (compute_figures(shop_with(orders).journal(), POLICY).order_value_uplift for orders in (1, 5))
    assert isinstance(once, Difference) and isinstance(often, Difference)
    assert often.high - often.low == pytest.approx(once.high - once.low)
    assert often.estimate == pytest.approx(once.estimate)


def test_a_known_product_cost_replaces_the_margin_share() -> None:
    shop = Shop()
    shop.event(0, 0, product_updated={"product_id": "boots", "cost_minor": 7_000})
    shop.extend(experiment(180, 20, buyers=20, held_out_buyers=0))
    figures = compute_figures(shop.journal(), POLICY)
    assert isinstance(figures.incremental_margin, Difference)
    assert figures.incremental_margin.estimate == pytest.approx(20 * (10_000 - 7_000 - 1_000) - 2 * 180)


def test_an_order_before_the_draw_counts_for_no_arm() -> None:
    shop = Shop()
    shop.order(0, 0, total=1_000_000)
    shop.extend(experiment(180, 20, buyers=20, held_out_buyers=0))
    figures = compute_figures(shop.journal(), POLICY)
    assert isinstance(figures.incremental_revenue, Difference)
    assert figures.incremental_revenue.estimate == pytest.approx(20 * 9_000)


def test_a_small_holdout_gives_no_number_but_a_reason() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY)
    assert figures.incremental_revenue == Unavailable("2 customers treated and 1 held out; each arm needs 20")
    assert isinstance(figures.cost_per_recovered_minor, Unavailable)


def test_without_a_holdout_there_is_no_increment() -> None:
    figures = compute_figures(experiment(40, 0, buyers=20, held_out_buyers=0).journal(), POLICY)
    assert figures.incremental_margin == Unavailable("nobody was held out")


def test_a_sample_ratio_mismatch_blanks_the_readout() -> None:
    figures = compute_figures(experiment(150, 60, buyers=45, held_out_buyers=5).journal(), POLICY)
    assert isinstance(figures.sample_ratio, SampleRatio) and figures.sample_ratio.mismatch
    for blanked in (figures.incremental_recovered, figures.incremental_revenue, figures.incremental_margin):
        assert isinstance(blanked, Unavailable) and blanked.reason.startswith("sample-ratio mismatch")


def test_mixed_currencies_make_money_unavailable() -> None:
    shop = contacted_shop()
    shop.order(4, 5 * HOUR, currency="USD")
    figures = compute_figures(shop.journal(), POLICY)
    assert figures.currency_code == Unavailable("the amounts are in EUR, USD; ask for one storefront")
    assert isinstance(figures.discount_cost_minor, Unavailable)


def test_unknown_costs_without_a_margin_share_make_the_margin_unavailable() -> None:
    journal = experiment(180, 20, buyers=45, held_out_buyers=5).journal()
    policy = Policy(company=POLICY.company)
    policy.company.ClearField("margin_basis_points")
    figures = compute_figures(journal, policy)
    assert isinstance(figures.incremental_margin, Unavailable)
    assert isinstance(figures.incremental_revenue, Difference)


def test_an_empty_journal_shows_nothing_as_zero_percent() -> None:
    figures = compute_figures(Shop().journal(), POLICY)
    assert figures.recovery_rate_any == Unavailable("no cart was abandoned")
    assert figures.time_to_contact_p50_seconds == Unavailable("no message was sent")
    assert figures.guardrails.unsubscribe_rate == Unavailable("no message was sent")


def test_a_link_across_arms_is_shown_and_the_earliest_arm_holds() -> None:
    shop = Shop()
    shop.add(1, 0)
    shop.decide(1, HOUR, held_out=True)
    shop.add(1, 2 * HOUR)
    shop.decide(1, 3 * HOUR, action="email_1h")
    figures = compute_figures(shop.journal(), POLICY)
    assert (figures.crossed_customers, figures.held_out_customers, figures.treated_customers) == (1, 1, 0)


def test_json_marks_unavailable_numbers_and_keeps_latency() -> None:
    figures = compute_figures(contacted_shop().journal(), POLICY, latency=Latency(180.0, 900.0))
    plain = figures.as_json()
    assert plain["incremental_revenue"] == {"unavailable": "2 customers treated and 1 held out; each arm needs 20"}
    assert plain["latency"] == {"p50_micros": 180.0, "p99_micros": 900.0}
