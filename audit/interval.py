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


@dataclass(frozen=True)
class Difference:
    """Treated minus held-out, per customer, with its 95 % interval."""

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


def difference(
    treated: Sequence[float], held_out: Sequence[float], *, unit: str = "customer"
) -> Difference | Unavailable:
    """The difference of means of two independent arms (Welch 1947), never narrower than with the pooled variance.

    A small holdout with hardly a buyer has a variance near zero; the pooled variance, which the larger arm knows
    well, keeps such an interval from being too short.
    """
    if not held_out:
        return Unavailable("nobody was held out")
    if min(len(treated), len(held_out)) < MINIMUM_CUSTOMERS:
        return Unavailable(
            f"{counted(len(treated), unit)} treated and {len(held_out)} held out; each arm needs {MINIMUM_CUSTOMERS}"
        )
    outcomes = sum(value != 0 for value in treated) + sum(value != 0 for value in held_out)
    if outcomes < MINIMUM_OUTCOMES:
        return Unavailable(f"{counted(outcomes, unit)} with an outcome; {MINIMUM_OUTCOMES} are needed")
    error, freedom = _standard_error(treated, held_out)
    estimate = fmean(treated) - fmean(held_out)
    reach = student_quantile(0.5 + CONFIDENCE / 2, freedom) * error
    detectable = (NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) + NormalDist().inv_cdf(POWER)) * error
    return Difference(estimate, estimate - reach, estimate + reach, detectable)


def _standard_error(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The larger of Welch's and the pooled standard error, with its degrees of freedom."""
    n, m = len(first), len(second)
    own, other = variance(first) / n, variance(second) / m
    welch = math.sqrt(own + other)
    spread = own**2 / (n - 1) + other**2 / (m - 1)
    pooled = math.sqrt((own * n * (n - 1) + other * m * (m - 1)) / (n + m - 2) * (1 / n + 1 / m))
    if pooled >= welch or spread == 0:
        return pooled, float(n + m - 2)
    return welch, (own + other) ** 2 / spread


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
