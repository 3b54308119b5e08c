"""Rows to learn from: a journal replayed through the engine's own fold, split in time, labels made up for their youth.

Nothing here computes a feature: context and action features are the engine's columns.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rust_features import feature_table, replay
from training.learners.models import Examples, Features

if TYPE_CHECKING:
    from rust_features import ArrowStream

_HEAVIEST = 20.0
"""No row weighs more than so many times the mean."""


@dataclass(frozen=True, slots=True)
class FeatureNames:
    """The engine's features in the models' order."""

    context: list[str]
    action: list[str]

    @classmethod
    def of_engine(cls) -> "FeatureNames":
        """As the loaded engine declares them."""
        table = feature_table()
        return cls([row[0] for row in table if not row[5]], [row[0] for row in table if row[5]])


def as_frame(stream: "ArrowStream") -> pl.DataFrame:
    """An Arrow stream as a frame, without copying."""
    return pl.DataFrame(stream)


def label_ages(window_seconds: int) -> tuple[int, int, int]:
    """Ages at which a label is looked at; a purchase counts as known from the first of them that covers it. The last is
    the attribution window itself."""
    return window_seconds // 6, window_seconds // 3, window_seconds


def decision_rows(journal: pl.DataFrame, window_seconds: int) -> pl.DataFrame:
    """One row per decision as of the journal's end, but for those whose outcome is another decision's message.

    `window_seconds` is the policy's attribution window. Adds `known_after_seconds`, the age at which its purchase was
    known, by the window's end at the latest; for one who has not bought, that end.
    """
    rows = own_outcomes(as_frame(replay(journal, attribution_window_seconds=window_seconds)))
    known = pl.lit(float(window_seconds))
    for age in reversed(label_ages(window_seconds)[:-1]):
        known = pl.when(pl.col("recovered_seconds") <= age).then(pl.lit(float(age))).otherwise(known)
    return rows.with_columns(known.alias("known_after_seconds"))


def own_outcomes(rows: pl.DataFrame) -> pl.DataFrame:
    """Leaves out decisions of a send key under which another decision's message went out.

    Such a row would call treated what its own action did not treat.
    """
    return rows.filter(pl.col("sent_by").is_null() | (pl.col("sent_by") == pl.col("decision_id")))


def mature(rows: pl.DataFrame, window_seconds: int) -> pl.DataFrame:
    """Those whose attribution window was over by the journal's end. Of the others only the purchases are known: a
    measure that does not weigh its rows would find too many."""
    return rows.filter(pl.col("observed_seconds") >= window_seconds)


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a journal before and after a moment.

    `earlier` is as known at that moment: what happened later is not in it, so its youngest labels are not known yet.
    `later` and `everything` are as known at the journal's end.
    """

    earlier: pl.DataFrame
    later: pl.DataFrame
    everything: pl.DataFrame


def split_in_time(journal: pl.DataFrame, test_share: float, window_seconds: int) -> Split:
    """Splits so that about `test_share` of the decisions come later; labels by the attribution window."""
    everything = decision_rows(journal, window_seconds)
    sequences = everything["sequence"].sort()
    boundary = sequences[min(len(sequences) - 1, int(len(sequences) * (1.0 - test_share)))]
    earlier = decision_rows(journal.filter(pl.col("sequence") < boundary), window_seconds)
    return Split(earlier, everything.filter(pl.col("sequence") >= boundary), everything)


def examples(rows: pl.DataFrame, names: FeatureNames) -> Examples:
    """The learners' arrays. Rows whose label is not known are left out; `label_weights` makes up for them."""
    weight = label_weights(rows)
    known = weight > 0
    kept = rows.filter(pl.Series(known))
    weight = weight[known]
    return Examples(
        context=_matrix(kept, names.context),
        action=_matrix(kept, names.action),
        bought=kept["recovered"].to_numpy(),
        weight=weight,
        choice=weight * choice_weights(kept),
    )


def label_weights(rows: pl.DataFrame) -> NDArray[np.float64]:
    """Inverse probability that the label is known by now (IPCW); 0 where it is not.

    A purchase is known from `known_after_seconds` on, no purchase at the window's end. A row's age depends on the
    calendar alone, so the probability of being at least that old is the share of such rows.
    """
    age = rows["observed_seconds"].to_numpy().astype(np.float64)
    needed = rows["known_after_seconds"].to_numpy()
    reached = {seconds: float(np.mean(age >= seconds)) for seconds in np.unique(needed)}
    probability = np.array([reached[seconds] for seconds in needed])
    weight = np.where(age >= needed, 1.0 / np.maximum(probability, 1.0 / _HEAVIEST), 0.0)
    return np.asarray(weight, dtype=np.float64)


def choice_weights(rows: pl.DataFrame) -> NDArray[np.float64]:
    """Inverse propensities with mean 1, clipped; 0 where nothing could be chosen.

    They turn what was logged into what a log with equal chances would be, so that the effect model spends its
    leaves where decisions are open, not where an earlier policy went. The holdout is a chance too and counts as one.
    """
    propensity = rows["propensity"].to_numpy().astype(np.float64)
    holdout = rows["holdout"].to_numpy()
    could_choose = (propensity < 1.0) | holdout
    weight = np.where(could_choose, 1.0 / np.maximum(propensity, 1e-6), 0.0)
    none_propensity = propensity[could_choose & ~holdout & (rows["action_id"] == "none").to_numpy()]
    weight[holdout] = 1.0 / float(np.mean(none_propensity)) if len(none_propensity) else 1.0
    mean = float(np.mean(weight[could_choose])) if could_choose.any() else 1.0
    return np.asarray(np.minimum(weight / mean, _HEAVIEST), dtype=np.float64)


def golden_rows(rows: pl.DataFrame, names: FeatureNames, count: int, seed: int) -> Features:
    """Inputs of both models drawn from real rows, those with most missing values among them."""
    generator = np.random.default_rng(seed)
    matrix = _matrix(rows, names.context + names.action)
    missing = np.argsort(-np.isnan(matrix).sum(axis=1), kind="stable")[: count // 4]
    others = np.setdiff1d(np.arange(len(matrix)), missing)
    drawn = generator.choice(others, size=min(len(others), count - len(missing)), replace=False)
    return np.ascontiguousarray(matrix[np.concatenate([missing, drawn])])


def _matrix(rows: pl.DataFrame, columns: list[str]) -> Features:
    return np.ascontiguousarray(rows.select(columns).to_numpy(), dtype=np.float32)
