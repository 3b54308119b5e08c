"""The two gradient-boosted models. P(buy | x, a) = logistic(baseline(x) + effect(x, a)), `none` being an action too."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from training.boosters.booster import Booster, raw_margins
from training.learners.settings import LearnerSettings

Floats = NDArray[np.float64]
Features = NDArray[np.float32]

DISCOUNT_FEATURE = "action_discount_share"
"""The one action feature in which the effect may only rise."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from. Shapes: context (n, c), action (n, a), the rest (n,).

    `weight` makes up for labels that are not known yet, `choice` also for unequal propensities; a row in which nothing
    could be chosen has choice 0.
    """

    context: Features
    action: Features
    bought: NDArray[np.bool_]
    weight: Floats
    choice: Floats

    def both(self) -> Features:
        """The effect model's input: context features, then action features."""
        return np.concatenate([self.context, self.action], axis=1)


@dataclass(frozen=True, slots=True)
class Models:
    """Baseline and effect with the names of their inputs."""

    baseline: Booster
    effect: Booster
    context_names: list[str]
    action_names: list[str]

    def log_odds(self, context: Features, action: Features) -> Floats:
        """Sum of both models' margins."""
        both = np.concatenate([context, action], axis=1)
        return raw_margins(self.baseline, context) + raw_margins(self.effect, both)


def fit(examples: Examples, context_names: list[str], action_names: list[str], settings: LearnerSettings) -> Models:
    """Trains the baseline on all rows, then the effect on rows with a choice, from the baseline's log-odds on.

    The baseline stands for no contact, so carts left alone weigh more in it. Were it the mean over what was done,
    those whom a contact harms and those whom it helps would cancel in the effect's first splits, and trees would not
    find them.
    """
    labels = examples.bought.astype(np.float64)
    alone = ~np.any(examples.action != 0, axis=1)
    weight = examples.weight * np.where(alone, settings.alone_weight, 1.0)
    baseline_rows = lightgbm.Dataset(examples.context, labels, weight=weight, feature_name=context_names)
    baseline = lightgbm.train(
        _parameters(settings, settings.baseline_learning_rate, len(labels)),
        baseline_rows,
        num_boost_round=settings.trees,
    )
    chosen = examples.choice > 0
    start = np.asarray(baseline.predict(examples.context[chosen], raw_score=True), dtype=np.float64)
    effect_rows = lightgbm.Dataset(
        examples.both()[chosen],
        labels[chosen],
        weight=examples.choice[chosen],
        init_score=start,
        feature_name=context_names + action_names,
    )
    monotone = [0] * len(context_names) + [int(name == DISCOUNT_FEATURE) for name in action_names]
    parameters = _parameters(settings, settings.effect_learning_rate, int(np.count_nonzero(chosen)))
    parameters |= {
        "monotone_constraints": monotone,
        "monotone_constraints_method": "basic",
        "boost_from_average": False,
    }
    effect = lightgbm.train(parameters, effect_rows, num_boost_round=settings.trees)
    return Models(baseline, effect, context_names, action_names)


def _parameters(settings: LearnerSettings, learning_rate: float, rows: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": learning_rate,
        "max_depth": settings.depth,
        "min_data_in_leaf": max(20, round(settings.smallest_leaf_share * rows)),
        "lambda_l2": settings.regularisation,
        "max_bin": 127,
        "num_threads": settings.threads,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
