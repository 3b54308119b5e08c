"""Quality of the models on rows from later than all they were trained on."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.dataset import FeatureNames, examples
from training.learners.calibration import Calibration, calibration, log_loss, roc_auc
from training.learners.models import Examples, Features, Models
from training.learners.qini import QiniCurve, perfect_curve, qini_coefficient, qini_curve

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of a held-out test in time.

    `uplift` is the predicted rise of the purchase probability by contact, the mean over the actions in the log.
    """

    rows: int
    purchase_rate: float
    log_loss: float
    log_loss_of_mean: float
    """Of predicting the purchase rate for everybody."""
    auc: float
    calibration: Calibration
    calibration_noise: float
    """The calibration error that a perfect model is expected to show on so many rows."""
    qini: float
    qini_curve: QiniCurve
    qini_perfect: QiniCurve


def measure_quality(models: Models, rows: pl.DataFrame, names: FeatureNames) -> Quality:
    """Predictions for what was done against what happened, on rows with a known label."""
    test = examples(rows, names)
    bought = test.bought
    probabilities = _probability(models, test.context, test.action)
    bins = calibration(probabilities, bought)
    choice = test.choice > 0
    treated = np.any(test.action[choice] != 0, axis=1)
    uplift = _uplift(models, test)[choice]
    rate = float(bought.mean())
    spread = np.sqrt(np.maximum(bins.predicted * (1 - bins.predicted), 1e-12) / bins.rows)
    return Quality(
        rows=len(bought),
        purchase_rate=rate,
        log_loss=log_loss(probabilities, bought),
        log_loss_of_mean=log_loss(np.full(len(bought), rate), bought),
        auc=roc_auc(probabilities, bought),
        calibration=bins,
        calibration_noise=float(np.sum(np.sqrt(2 / np.pi) * spread * bins.rows) / bins.rows.sum()),
        qini=qini_coefficient(bought[choice], uplift, treated),
        qini_curve=qini_curve(bought[choice], uplift, treated),
        qini_perfect=perfect_curve(bought[choice], treated),
    )


def _uplift(models: Models, test: Examples) -> Floats:
    none = np.zeros((len(test.context), test.action.shape[1]), dtype=np.float32)
    without = _probability(models, test.context, none)
    contacts = np.unique(test.action[np.any(test.action != 0, axis=1)], axis=0)
    kinds = _one_of_each(contacts)
    total = np.zeros(len(test.context))
    for contact in kinds:
        total += _probability(models, test.context, np.broadcast_to(contact, none.shape)) - without
    return total / max(len(kinds), 1)


def _one_of_each(contacts: Features) -> Features:
    """The logged contacts, those that differ in the second decimal only counted once, at most 32 of them."""
    _, first = np.unique(np.round(contacts, 2), axis=0, return_index=True)
    step = max(1, -(-len(first) // 32))
    return contacts[np.sort(first)[::step]]


def _probability(models: Models, context: Features, action: Features) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-models.log_odds(context, np.ascontiguousarray(action)))), dtype=np.float64)
