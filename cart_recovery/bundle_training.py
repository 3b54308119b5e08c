"""Training as the commands start it: which policy, templates, key and directory a training run gets."""

import dataclasses
import time
from collections.abc import Callable

from cart_recovery.keys import bundle_signing_key
from cart_recovery.settings import Settings
from training.report import BundleReport
from training.train import full_settings, starter_settings, train


def train_bundle(
    settings: Settings,
    *,
    carts: int | None,
    progress: Callable[[str], None],
    activate: bool = True,
    trees: int | None = None,
) -> BundleReport:
    """Trains, signs and (unless told not to) activates a bundle; without `carts` the small starter bundle.

    `trees` overrides the number of trees in each model. Raises KeysError and what training raises.
    """
    bundles, policy, templates = settings.bundles_directory, settings.policy_path, settings.templates_directory
    private_key = bundle_signing_key(settings.keys_directory)
    created_micros = time.time_ns() // 1000
    if carts is None:
        chosen = starter_settings(bundles, policy, templates, private_key, created_micros)
    else:
        chosen = full_settings(bundles, policy, templates, private_key, created_micros, carts)
    learner = chosen.learner if trees is None else dataclasses.replace(chosen.learner, trees=trees)
    return train(dataclasses.replace(chosen, activate=activate, learner=learner), progress)
