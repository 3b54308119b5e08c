"""scikit-learn's estimators: single-precision features, thresholds, leaves and sums in double precision."""

import copy
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from cart_recovery.v1.forest_pb2 import Forest
from training.boosters import grown
from training.boosters.errors import ExportFailed


def raw_margins(booster: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """By scikit-learn itself."""
    settled = _settled(booster)
    answer = settled.decision_function if is_classifier(settled) else settled.predict
    try:
        return np.asarray(answer(rows), dtype=np.float64)
    except ValueError as error:
        # Gradient boosting other than by histograms takes no missing values.
        raise ExportFailed(f"{type(booster).__name__} does not answer these rows: {error}") from error


def as_treelite(booster: Any) -> treelite.Model:
    """As treelite reads it."""
    name = type(booster).__name__
    if getattr(booster, "is_categorical_", None) is not None:
        raise ExportFailed(
            f"{name} takes a category that it has not seen for missing, which treelite forgets; train it on numbers"
        )
    if is_classifier(booster) and not hasattr(booster, "decision_function"):
        raise ExportFailed(
            f"{name} answers probabilities, not log-odds; train gradient boosting, or a regressor for log-odds"
        )
    try:
        return grown.margin_model(treelite.sklearn.import_model(_settled(booster)))
    except (treelite.TreeliteError, NotImplementedError) as error:
        raise ExportFailed(f"treelite does not read this {name}: {error}") from error


def compilable(booster: Any) -> treelite.Model:
    """As treelite reads it."""
    return as_treelite(booster)


def forest_of(booster: Any) -> Forest:
    """Through treelite."""
    return grown.forest_of(as_treelite(booster))


def _settled(booster: BaseEstimator) -> BaseEstimator:
    """The same fitted trees, asked one after the other, so that they add up in their order; and as many announced as
    there are: early stopping leaves fewer, and treelite reads as many as are announced."""
    settled = copy.copy(booster)
    if hasattr(booster, "estimators_"):
        settled.set_params(n_estimators=len(booster.estimators_))
    if "n_jobs" in settled.get_params(deep=False):
        settled.set_params(n_jobs=1)
    return settled
