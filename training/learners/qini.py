"""The Qini coefficient as scikit-uplift defines it (`sklift.metrics.qini_auc_score`, negative effects allowed).

Rows are sorted by score, highest first. After the first k rows, of which n_t treated with r_t outcomes and n_c not
treated with r_c outcomes, the curve is r_t - r_c · n_t / n_c; only the last row of each score counts. The coefficient
is the area between curve and chord, divided by the same area of the perfect order: treated with outcome first,
untreated with outcome last. Other packages' Qini are other numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class QiniCurve:
    """Points of the curve, from (0, 0): rows looked at, incremental outcomes."""

    rows: Floats
    incremental: Floats

    @property
    def area(self) -> float:
        """Area under the curve by the trapezoid rule."""
        return float(np.trapezoid(self.incremental, self.rows))

    @property
    def chord_area(self) -> float:
        """Area under the straight line from the first to the last point: the order by chance."""
        return float(self.rows[-1] * self.incremental[-1] / 2.0)


def qini_curve(happened: Flags, scores: Floats, treated: Flags) -> QiniCurve:
    """The curve of a score; higher scores promise more effect."""
    order = np.argsort(-scores, kind="stable")
    outcome, treatment = happened[order], treated[order]
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    treated_rows = np.cumsum(treatment)[ends]
    other_rows = ends + 1 - treated_rows
    treated_outcomes = np.cumsum(outcome & treatment)[ends]
    other_outcomes = np.cumsum(outcome & ~treatment)[ends]
    ratio = np.divide(treated_rows, other_rows, out=np.zeros(len(ends)), where=other_rows != 0)
    incremental = treated_outcomes - other_outcomes * ratio
    return QiniCurve(np.append(0.0, ends + 1.0), np.append(0.0, incremental))


def perfect_curve(happened: Flags, treated: Flags) -> QiniCurve:
    """The curve of one who knows the outcomes."""
    return qini_curve(happened, happened * (2.0 * treated - 1.0), treated)


def qini_coefficient(happened: Flags, scores: Floats, treated: Flags) -> float:
    """1 for the perfect order, about 0 for one by chance; NaN where only one arm or no outcome is there."""
    if treated.all() or not treated.any() or not happened.any():
        return float("nan")
    curve, perfect = qini_curve(happened, scores, treated), perfect_curve(happened, treated)
    best = perfect.area - curve.chord_area
    return (curve.area - curve.chord_area) / best if best else float("nan")
