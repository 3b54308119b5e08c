"""What the comparisons are given: a model learnt on a simulated shop, in every form a peer takes, and the
bundle with the same model."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from cart_recovery.keys import bundle_signing_key, ensure_keys
from cart_recovery.releases import point_to
from cart_recovery.settings import STARTER, Settings
from loadtests.benchmarks.policies import write_policy
from loadtests.benchmarks.trees import TreeModel
from training import bundle
from training.boosters.booster import forest_of
from training.dataset import FeatureNames, decision_rows, examples, golden_rows
from training.export import export
from training.learners.models import Models, fit
from training.learners.settings import LearnerSettings
from training.policy import read_policy
from training.train import full_settings
from training.workshop import Made, Workshop

ACTIONS = 32
_GOLDEN_ROWS = 32
_SEED = 7


@dataclass(frozen=True)
class Learnt:
    """A trained pair of models in a data directory whose active bundle holds it."""

    settings: Settings
    models: Models
    rows: pl.DataFrame
    """The decisions it learnt from."""

    def tree_model(self, contexts: int) -> TreeModel:
        """The effect model with so many contexts drawn from its decisions, and the features of each action."""
        names = FeatureNames(self.models.context_names, self.models.action_names)
        directory = self.settings.data_directory
        text, library = directory / "effect.txt", directory / "effect.so"
        self.models.effect.save_model(text)
        export([self.models.effect], [library])
        actions = self.rows.unique("action_id", keep="first", maintain_order=True).sort("action_id")
        return TreeModel(
            forest=forest_of(self.models.effect).SerializeToString(),
            text=text,
            library=library,
            contexts=golden_rows(self.rows, names, contexts, _SEED)[:, : len(names.context)],
            actions=np.ascontiguousarray(actions.select(names.action).to_numpy(), dtype=np.float32),
        )


@contextmanager
def learnt(
    settings: Settings, *, carts: int, learner: LearnerSettings, progress: Callable[[str], None]
) -> Iterator[Learnt]:
    """Trains on a simulated shop that tries all actions, in a directory of its own. The learner's size is what counts;
    how good the models are does not matter for their speed."""
    with tempfile.TemporaryDirectory(prefix="cart-recovery-compare-") as temporary:
        directory = Path(temporary)
        policy = directory / "policy.toml"
        write_policy(STARTER / "policy.toml", policy, ACTIONS)
        own = settings.model_copy(update={"data_directory": directory, "policy_path": policy})
        ensure_keys(own.keys_directory)
        yield _learn(own, carts, learner, progress)


def simulated_journal(settings: Settings, carts: int, progress: Callable[[str], None]) -> tuple[pl.DataFrame, int]:
    """The journal of a simulated shop with about so many abandoned carts and decisions about them, and the attribution
    window of its policy in seconds."""
    policy = read_policy(STARTER / "policy.toml")
    with tempfile.TemporaryDirectory(prefix="cart-recovery-compare-") as temporary:
        own = settings.model_copy(update={"data_directory": Path(temporary), "policy_path": STARTER / "policy.toml"})
        ensure_keys(own.keys_directory)
        workshop = _workshop(own, carts, LearnerSettings.starter(), progress)
        return workshop.explore(policy)[0], policy.company.attribution_window_seconds


def _workshop(settings: Settings, carts: int, learner: LearnerSettings, progress: Callable[[str], None]) -> Workshop:
    private_key = bundle_signing_key(settings.keys_directory)
    training = full_settings(
        settings.bundles_directory,
        settings.policy_path,
        settings.templates_directory,
        private_key,
        time.time_ns() // 1_000,
        carts,
    )
    return Workshop(replace(training, learner=learner), FeatureNames.of_engine(), settings.data_directory, progress)


def _learn(settings: Settings, carts: int, learner: LearnerSettings, progress: Callable[[str], None]) -> Learnt:
    names = FeatureNames.of_engine()
    policy = read_policy(settings.policy_path)
    workshop = _workshop(settings, carts, learner, progress)
    window_seconds = policy.company.attribution_window_seconds
    rows = pl.concat([decision_rows(journal, window_seconds) for journal in workshop.explore(policy)])
    progress(f"learning from {len(rows):,} decisions")
    models = fit(examples(rows, names), names.context, names.action, learner)
    folder = settings.data_directory / "models"
    bundle.write_models(models.baseline, models.effect, folder)
    made = Made(models.baseline, models.effect, folder, golden_rows(rows, names, _GOLDEN_ROWS, _SEED))
    # Measured for its speed, whatever its gate would say of its worth.
    written = bundle.write_bundle(
        workshop.content(made, policy), settings.bundles_directory, bundle_signing_key(settings.keys_directory)
    )
    point_to(settings.bundles_directory, written.name)
    return Learnt(settings, models, rows)
