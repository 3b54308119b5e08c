"""The bundle that a shop explores with before anything is learned: two models that say the same of every cart."""

import lightgbm
import numpy as np

from training.learners.settings import LearnerSettings


def constant_model(names: list[str], settings: LearnerSettings) -> lightgbm.Booster:
    """A booster of one tree with one leaf: log-odds 0 whatever the features say."""
    rows = lightgbm.Dataset(np.zeros((2, len(names))), np.array([0.0, 1.0]), feature_name=names)
    parameters = {"objective": "binary", "verbose": -1, "seed": settings.seed, "num_threads": 1}
    return lightgbm.train(parameters, rows, num_boost_round=1)
