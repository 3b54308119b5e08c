"""The interval keeps its promise in A/A simulations, and the sample-ratio check fires when it should."""

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.interval import (
    Difference,
    SampleRatio,
    difference,
    ratio_difference,
    sample_ratio,
    student_quantile,
)
from audit.unavailable import Unavailable

# Buyers pay a log-normal amount, everybody else nothing, as in any shop.
ROUNDS = 600


def revenue(generator: random.Random, customers: int, conversion: float, lift: float = 0.0) -> list[float]:
    """Revenue of each customer."""
    return [
        generator.lognormvariate(8.5, 0.9) if generator.random() < conversion + lift else 0.0 for _ in range(customers)
    ]


def intervals(treated: int, held_out: int, conversion: float, lift: float = 0.0) -> list[Difference]:
    """The intervals of simulated experiments, unavailable ones left out."""
    generator = random.Random(20260901)
    found = []
    for _ in range(ROUNDS):
        result = difference(revenue(generator, treated, conversion, lift), revenue(generator, held_out, conversion))
        if isinstance(result, Difference):
            found.append(result)
    return found


@pytest.mark.parametrize(
    ("treated", "held_out", "conversion"),
    [(180, 20, 0.08), (180, 20, 0.3), (450, 50, 0.05), (900, 100, 0.15), (300, 300, 0.1)],
)
def test_an_a_a_interval_covers_zero_at_least_as_often_as_it_says(
    treated: int, held_out: int, conversion: float
) -> None:
    results = intervals(treated, held_out, conversion)
    assert len(results) > ROUNDS * 0.8
    covered = fmean(result.low <= 0 <= result.high for result in results)
    # Three standard errors of the simulation below the nominal coverage.
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / len(results)) ** 0.5


@pytest.mark.parametrize("lift", [-0.1, 0.1])
def test_an_interval_covers_a_true_lift_also_where_contact_harms(lift: float) -> None:
    truth = lift * 2.718281828 ** (8.5 + 0.9**2 / 2)
    results = intervals(450, 50, 0.2, lift)
    covered = fmean(result.low <= truth <= result.high for result in results)
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / len(results)) ** 0.5


def test_a_balanced_large_experiment_has_hardly_wider_intervals_than_needed() -> None:
    covered = fmean(result.low <= 0 <= result.high for result in intervals(1_000, 1_000, 0.2))
    assert covered <= 0.975


def test_the_smallest_detectable_lift_is_found_four_times_in_five() -> None:
    conversion = 0.2
    null = intervals(1_000, 1_000, conversion)
    mean = 2.718281828 ** (8.5 + 0.9**2 / 2)
    lift = fmean(result.smallest_detectable for result in null) / mean
    found = fmean(result.low > 0 for result in intervals(1_000, 1_000, conversion, lift))
    # The lift itself widens the spread a little, so a little less than .8 is found.
    assert 0.7 <= found <= 0.85


def repeated_buyers(generator: random.Random, customers: int) -> list[list[float]]:
    """The orders of each customer: many buy nothing, some often, and each in a price range of their own."""
    orders = []
    for _ in range(customers):
        habit = 2.0 * generator.lognormvariate(-0.3, 0.8)
        taste = generator.gauss(8.5, 0.7)
        count = 0
        while count < 50 and generator.random() < habit / (1.0 + habit):
            count += 1
        orders.append([generator.lognormvariate(taste, 0.4) for _ in range(count)])
    return orders


def coverage(results: list[Difference | Unavailable]) -> float:
    """How often the interval of an A/A experiment covers zero."""
    found = [result for result in results if isinstance(result, Difference)]
    assert len(found) > ROUNDS * 0.8
    return fmean(result.low <= 0 <= result.high for result in found)


@pytest.mark.parametrize(("treated", "held_out"), [(360, 40), (900, 100), (120, 120)])
def test_a_ratio_s_interval_covers_zero_as_often_as_it_says_though_customers_buy_repeatedly(
    treated: int, held_out: int
) -> None:
    generator = random.Random(20260902)
    by_customer: list[Difference | Unavailable] = []
    by_order: list[Difference | Unavailable] = []
    for _ in range(ROUNDS):
        arms = [repeated_buyers(generator, size) for size in (treated, held_out)]
        by_customer.append(ratio_difference(*([(sum(own), len(own)) for own in arm] for arm in arms)))
        by_order.append(difference(*([value for own in arm for value in own] for arm in arms)))
    assert coverage(by_customer) >= 0.95 - 3 * (0.95 * 0.05 / ROUNDS) ** 0.5
    # What an interval over orders, which are not independent, would have said.
    assert coverage(by_order) < 0.85


def test_a_ratio_s_interval_covers_a_true_uplift() -> None:
    generator = random.Random(20260903)
    covered = []
    for _ in range(ROUNDS):
        treated, held_out = (repeated_buyers(generator, size) for size in (900, 100))
        result = ratio_difference(
            [(sum(own) + 1_000.0 * len(own), len(own)) for own in treated], [(sum(own), len(own)) for own in held_out]
        )
        assert isinstance(result, Difference)
        covered.append(result.low <= 1_000.0 <= result.high)
    assert fmean(covered) >= 0.95 - 3 * (0.95 * 0.05 / ROUNDS) ** 0.5


AMOUNTS = st.lists(st.integers(1, 1_000_000), min_size=20, max_size=30)


@given(AMOUNTS, AMOUNTS, st.integers(1, 50))
def test_the_same_order_again_by_every_buyer_tells_nothing_new(
    treated: list[int], held_out: list[int], times: int
) -> None:
    once = difference(treated, held_out)
    again = ratio_difference(
        [(amount * times, times) for amount in treated], [(amount * times, times) for amount in held_out]
    )
    assert isinstance(once, Difference) and isinstance(again, Difference)
    assert (again.estimate, again.low, again.high) == pytest.approx((once.estimate, once.low, once.high), abs=1e-3)


def test_who_bought_nothing_is_no_part_of_a_ratio() -> None:
    treated, held_out = [(100.0 + own, 1) for own in range(30)], [(90.0 + own, 1) for own in range(20)]
    assert ratio_difference([*treated, (0.0, 0)], [*held_out, (0.0, 0)]) == ratio_difference(treated, held_out)
    assert ratio_difference(treated, [*held_out[:19], (0.0, 0)]) == Unavailable(
        "30 buyers treated and 19 held out; each arm needs 20"
    )
    assert ratio_difference(treated, []) == Unavailable("nobody was held out")


def test_too_few_outcomes_give_no_interval() -> None:
    assert difference([0.0] * 99 + [1.0], [0.0] * 20) == Unavailable("1 customer with an outcome; 10 are needed")


def test_equal_values_give_an_interval_of_no_width() -> None:
    assert difference([1.0] * 30, [1.0] * 30) == Difference(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(10, 2.228139), (20, 2.085963), (30, 2.042272), (100, 1.983972), (1e6, 1.959966)]
)
def test_student_quantile_agrees_with_the_table(freedom: float, quantile: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(quantile, rel=2e-3)


def test_a_split_of_49_to_51_at_a_hundred_thousand_customers_is_a_mismatch() -> None:
    result = sample_ratio(51_000, 49_000, 0.5)
    assert isinstance(result, SampleRatio) and result.mismatch


def test_a_split_as_drawn_is_no_mismatch() -> None:
    generator = random.Random(7)
    mismatches = 0
    for _ in range(300):
        held_out = sum(generator.random() < 0.1 for _ in range(1_000))
        result = sample_ratio(1_000 - held_out, held_out, 0.1)
        mismatches += isinstance(result, SampleRatio) and result.mismatch
    assert mismatches <= 3


def test_a_handful_of_customers_is_not_checked() -> None:
    assert isinstance(sample_ratio(20, 2, 0.1), Unavailable)
