"""How well probabilities fit what happened: log-loss, area under the ROC curve, expected calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]

BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of equal count, lowest probabilities first: mean prediction, share that happened, rows."""

    predicted: Floats
    observed: Floats
    rows: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of prediction and share, weighted by rows."""
        return float(np.sum(np.abs(self.predicted - self.observed) * self.rows) / np.sum(self.rows))


def calibration(probabilities: Floats, happened: Labels) -> Calibration:
    """Bins predictions into ten parts of equal count (fewer where there are fewer rows)."""
    parts = np.array_split(np.argsort(probabilities, kind="stable"), min(BINS, len(probabilities)))
    return Calibration(
        predicted=np.array([probabilities[part].mean() for part in parts]),
        observed=np.array([happened[part].mean() for part in parts]),
        rows=np.array([len(part) for part in parts]),
    )


def log_loss(probabilities: Floats, happened: Labels) -> float:
    """Mean negative log-likelihood."""
    certain = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(happened, np.log(certain), np.log1p(-certain))))


def roc_auc(scores: Floats, happened: Labels) -> float:
    """Probability that a row that happened scores above one that did not; ties count half. NaN with one class only."""
    positives = int(np.count_nonzero(happened))
    negatives = len(happened) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = float(np.sum(mean_ranks[inverse][happened]))
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)
