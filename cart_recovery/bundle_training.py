"""Training as the commands start it: which policy, templates, key and directory a training run gets."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from cart_recovery.keys import bundle_signing_key
from cart_recovery.releases import FIRST_START
from cart_recovery.settings import Settings
from rust_features import BundleRefused
from training.boosters.errors import ExportFailed
from training.learners.own import FitRefused, read_fit
from training.learners.settings import LearnerSettings
from training.policy import PolicyFileRefused
from training.report import BundleReport
from training.train import NothingToLearn, full_settings, starter_settings, train

TRAINING_FAULTS = (PolicyFileRefused, FitRefused, NothingToLearn, ExportFailed, BundleRefused)
"""Why no bundle comes of a training run, each in a sentence."""


def train_bundle(
    settings: Settings,
    *,
    carts: int | None,
    progress: Callable[[str], None],
    learner: LearnerSettings | None = None,
    own_fit: Path | None = None,
) -> BundleReport:
    """Trains and signs a bundle; without `carts` the small starter bundle. `learner` says how large the models are;
    `own_fit` is a file whose function `fit` learns them instead.

    Raises KeysError and TRAINING_FAULTS.
    """
    bundles, policy, templates = settings.bundles_directory, settings.policy_path, settings.templates_directory
    private_key = bundle_signing_key(settings.keys_directory)
    created_micros = time.time_ns() // 1000
    if carts is None:
        starter = starter_settings(bundles, policy, templates, private_key, created_micros)
        chosen = dataclasses.replace(starter, created_by=FIRST_START)
    else:
        chosen = full_settings(bundles, policy, templates, private_key, created_micros, carts)
    fit = None if own_fit is None else read_fit(own_fit)
    return train(dataclasses.replace(chosen, learner=learner or chosen.learner, own_fit=fit), progress)
