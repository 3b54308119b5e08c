"""Where a training run keeps its tools: simulated shops, throw-away keys, exploring and trial bundles."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cart_recovery.v1.policy_pb2 import Policy
from rust_features import ENGINE_VERSION, Keys, feature_schema_hash
from training import bundle
from training.boosters.booster import Booster
from training.cold_start import constant_model
from training.dataset import FeatureNames, as_frame
from training.learners.models import Features
from training.learners.own import OwnFit
from training.learners.settings import LearnerSettings
from training.policy import exploring_policies, one_touch
from training.simulator.oracle import OracleFigures, measure
from training.simulator.run import Run, run_shop
from training.simulator.settings import ShopSettings
from training.simulator.shop import Shop

_DAY_MICROS = 86_400_000_000
_START_MICROS = 20_454 * _DAY_MICROS
"""2026-01-01: the simulated shops open on a fixed day, so that a run is reproducible."""
_EVALUATION_SEED = 1_000_003
_EXPLORING_GOLDEN_ROWS = 4


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One training run. `private_key` is the raw 32-byte Ed25519 key that bundles are signed with."""

    bundles: Path
    policy: Path
    templates: Path
    private_key: bytes
    created_micros: int
    learner: LearnerSettings
    carts: int
    """Abandoned carts to learn from, about."""
    evaluation_carts: int
    """Fresh abandoned carts to measure the policy on, about; the first third only gives the shoppers a past."""
    days: float = 60.0
    seed: int = 1
    created_by: str = "cart-recovery train"
    own_fit: OwnFit | None = None
    """Learns the models in place of LightGBM."""


@dataclass(frozen=True, slots=True)
class Made:
    """Two models, the folder of their files, and rows to check them by."""

    baseline: Booster
    effect: Booster
    models: Path
    golden: Features


class Workshop:
    """The simulated half of a training run. Everything is derived from the settings' seed."""

    def __init__(
        self, settings: TrainSettings, names: FeatureNames, scratch: Path, progress: Callable[[str], None]
    ) -> None:
        """`scratch` is a folder that the caller removes."""
        self._settings = settings
        self._names = names
        self._scratch = scratch
        self._progress = progress
        self._private_key = self._derived("bundle")
        public = Ed25519PrivateKey.from_private_bytes(self._private_key).public_key().public_bytes_raw()
        contact = X25519PrivateKey.from_private_bytes(self._derived("contact")).public_key().public_bytes_raw()
        self._keys = Keys(
            edge=self._derived("edge"),
            decision=self._derived("decision"),
            offer=self._derived("offer"),
            contact_public=contact,
            bundle_public=public,
        )

    def explore(self, policy: Policy) -> list[pl.DataFrame]:
        """Journals of shops whose decisions are drawn by chance; together they try every action."""
        made = self._constant_models()
        policies = exploring_policies(policy)
        journals = []
        for number, exploring in enumerate(policies):
            self._progress(
                f"simulating a shop that tries {len(exploring.actions)} actions ({number + 1}/{len(policies)})"
            )
            carts = self._settings.carts / len(policies)
            _, run = self._run(made, exploring, carts, self._settings.seed + number)
            journals.append(as_frame(run.journal()))
        return journals

    def try_out(self, made: Made, policy: Policy) -> OracleFigures | None:
        """The policy with one touch in a fresh shop, measured by its truth."""
        self._progress("trying the policy in a fresh shop")
        seed = self._settings.seed + _EVALUATION_SEED
        shop, run = self._run(made, one_touch(policy), self._settings.evaluation_carts, seed)
        warm = _START_MICROS + round(self._settings.days / 3 * _DAY_MICROS)
        return measure(shop, run, from_micros=warm)

    def content(self, made: Made, policy: Policy, **rest: Any) -> bundle.BundleContent:
        """What a bundle of these models is made of; `rest` are further fields of BundleContent."""
        return bundle.BundleContent(
            baseline=made.baseline,
            effect=made.effect,
            models=made.models,
            context_names=self._names.context,
            action_names=self._names.action,
            golden=made.golden,
            policy=policy,
            templates=self._settings.templates,
            engine_version=ENGINE_VERSION,
            feature_schema_hash=feature_schema_hash(),
            created_by=self._settings.created_by,
            created_micros=self._settings.created_micros,
            **rest,
        )

    def _run(self, made: Made, policy: Policy, carts: float, seed: int) -> tuple[Shop, Run]:
        settings = ShopSettings(days=self._settings.days, currency_code=policy.company.currency_code)
        carts_per_shopper = settings.abandoned_share * settings.visits_per_shopper()
        shop = Shop(seed, max(20, round(carts / carts_per_shopper)), _START_MICROS, settings)
        with tempfile.TemporaryDirectory(dir=self._scratch) as bundles:
            directory = bundle.write_bundle(self.content(made, policy), Path(bundles), self._private_key)
            run = run_shop(
                shop,
                keys=self._keys,
                bundle_directory=str(directory),
                run_seed=self._derived(f"run {seed}"),
                storefront_id=settings.storefront_id,
            )
        return shop, run

    def _constant_models(self) -> Made:
        names = self._names
        baseline = constant_model(names.context, self._settings.learner)
        effect = constant_model(names.context + names.action, self._settings.learner)
        models = self._scratch / "constant"
        bundle.write_models(baseline, effect, models)
        width = len(names.context) + len(names.action)
        return Made(baseline, effect, models, np.zeros((_EXPLORING_GOLDEN_ROWS, width), dtype=np.float32))

    def _derived(self, purpose: str) -> bytes:
        return hashlib.sha256(f"{self._settings.seed}/{purpose}".encode()).digest()
