"""Intervals of a difference between treated and held-out customers, and the check that the split is as drawn.

The unit is the customer, because the customer is what was drawn; a cart is never a unit of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

from audit.amounts import counted, share
from audit.unavailable import Unavailable

CONFIDENCE = 0.95
POWER = 0.8
SAMPLE_RATIO_ALPHA = 0.001
# Below this many customers of an arm, or this many with an outcome in both together, the interval's coverage is not
# what it says; the A/A simulation in the tests holds it at these numbers.
MINIMUM_CUSTOMERS = 20
MINIMUM_OUTCOMES = 10
# Below this many expected held-out customers the chi-square approximation does not hold.
MINIMUM_EXPECTED = 5.0

AmountCount = tuple[float, int]
"""A customer's part in a ratio of sums: revenue and orders."""


@dataclass(frozen=True)
class Difference:
    """Treated minus held-out, per customer or per order of customers, with its 95 % interval."""

    estimate: float
    low: float
    high: float
    smallest_detectable: float
    """The lift that this much data would have found with a power of 80 %."""

    def times(self, factor: float) -> "Difference":
        """The same difference for `factor` customers."""
        return Difference(
            self.estimate * factor, self.low * factor, self.high * factor, self.smallest_detectable * factor
        )


@dataclass(frozen=True)
class SampleRatio:
    """Whether the arms have the sizes that the holdout share draws."""

    treated: int
    held_out: int
    expected_held_out: float
    p_value: float

    @property
    def mismatch(self) -> bool:
        """The split cannot be chance: what the experiment says is void."""
        return self.p_value < SAMPLE_RATIO_ALPHA


def difference(treated: Sequence[float], held_out: Sequence[float]) -> Difference | Unavailable:
    """The difference of means of two independent arms (Welch 1947), never narrower than with the pooled variance.

    A small holdout with hardly a buyer has a variance near zero; the pooled variance, which the larger arm knows
    well, keeps such an interval from being too short.
    """
    if not held_out:
        return Unavailable("nobody was held out")
    if min(len(treated), len(held_out)) < MINIMUM_CUSTOMERS:
        return Unavailable(
            f"{counted(len(treated), 'customer')} treated and {len(held_out)} held out; each arm needs"
            f" {MINIMUM_CUSTOMERS}"
        )
    outcomes = sum(value != 0 for value in treated) + sum(value != 0 for value in held_out)
    if outcomes < MINIMUM_OUTCOMES:
        return Unavailable(f"{counted(outcomes, 'customer')} with an outcome; {MINIMUM_OUTCOMES} are needed")
    return _interval(treated, held_out)


def ratio_difference(treated: Sequence[AmountCount], held_out: Sequence[AmountCount]) -> Difference | Unavailable:
    """The difference of two ratios of sums, such as revenue per order, from each customer's amount and count.

    Orders of one customer resemble each other, so that an interval over orders would be much too short. Each ratio is
    linearised about its customers instead (the delta method; Cochran 1977, 6.4). Customers with a count of zero have
    no part in a ratio.
    """
    if not held_out:
        return Unavailable("nobody was held out")
    first, second = ([each for each in arm if each[1]] for arm in (treated, held_out))
    if min(len(first), len(second)) < MINIMUM_CUSTOMERS:
        return Unavailable(
            f"{counted(len(first), 'buyer')} treated and {len(second)} held out; each arm needs {MINIMUM_CUSTOMERS}"
        )
    return _interval(_linearised(first), _linearised(second))


def _linearised(arm: Sequence[AmountCount]) -> list[float]:
    """One value per customer: their mean is the ratio of the sums, their spread what the customers make it vary by."""
    count = sum(own for _, own in arm)
    ratio = sum(amount for amount, _ in arm) / count
    mean_count = count / len(arm)
    return [ratio + (amount - ratio * own) / mean_count for amount, own in arm]


def _interval(treated: Sequence[float], held_out: Sequence[float]) -> Difference:
    """The wider of Welch's and the pooled interval."""
    estimate = fmean(treated) - fmean(held_out)
    errors = _standard_errors(treated, held_out)
    probability = 0.5 + CONFIDENCE / 2
    # The wider, not that of the larger error: arms of one size have equal errors but not equal degrees of freedom, and
    # rounding must not choose between them.
    reach = max(student_quantile(probability, freedom) * error for error, freedom in errors)
    detectable = (NormalDist().inv_cdf(probability) + NormalDist().inv_cdf(POWER)) * max(errors)[0]
    return Difference(estimate, estimate - reach, estimate + reach, detectable)


def _standard_errors(first: Sequence[float], second: Sequence[float]) -> list[tuple[float, float]]:
    """The pooled and, where anything varies, Welch's standard error, with their degrees of freedom."""
    n, m = len(first), len(second)
    own, other = variance(first) / n, variance(second) / m
    spread = own**2 / (n - 1) + other**2 / (m - 1)
    pooled = math.sqrt((own * n * (n - 1) + other * m * (m - 1)) / (n + m - 2) * (1 / n + 1 / m))
    errors = [(pooled, float(n + m - 2))]
    if spread > 0:
        errors.append((math.sqrt(own + other), (own + other) ** 2 / spread))
    return errors


def student_quantile(probability: float, freedom: float) -> float:
    """Student's t quantile by the expansion of Abramowitz and Stegun 26.7.5; within .2 % from 10 degrees on."""
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def sample_ratio(treated: int, held_out: int, holdout_share: float) -> SampleRatio | Unavailable:
    """Pearson's chi-square test of the split against the share drawn."""
    total = treated + held_out
    expected = total * holdout_share
    if min(expected, total - expected) < MINIMUM_EXPECTED:
        return Unavailable(f"{counted(total, 'customer')}: too few to check a holdout of {share(holdout_share)}")
    statistic = (held_out - expected) ** 2 / expected + (treated - (total - expected)) ** 2 / (total - expected)
    return SampleRatio(treated, held_out, expected, math.erfc(math.sqrt(statistic / 2)))
