"""The interval keeps its promise in A/A simulations, and the sample-ratio check fires when it should."""

import random
from statistics import fmean

import pytest

from audit.interval import Difference, SampleRatio, difference, sample_ratio, student_quantile
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
