"""The training run behind `cart-recovery train` and the starter bundle: explore on a simulated shop, learn, sign."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from cart_recovery.v1.bundle_pb2 import Metric, TrainingRange
from training import bundle
from training.dataset import FeatureNames, examples, golden_rows, mature, split_in_time
from training.evaluation import Quality, measure_quality
from training.learners.models import Examples, Models, fit
from training.learners.settings import LearnerSettings
from training.policy import read_policy
from training.report import BundleReport, figures_of, render_html
from training.simulator.oracle import OracleFigures
from training.workshop import Made, TrainSettings, Workshop

Progress = Callable[[str], None]
"""Told in a few words what is being done."""

_GOLDEN_ROWS = 256
_CALIBRATION_LIMIT = 0.02
_TEST_SHARE = 0.25


class NothingToLearn(Exception):
    """No cart of the simulated shop could be written to under the policy, or none is old enough to test on."""


def full_settings(
    bundles: Path, policy: Path, templates: Path, private_key: bytes, created_micros: int, carts: int = 40_000
) -> TrainSettings:
    """What `cart-recovery train` does by default."""
    learner = LearnerSettings.full()
    return TrainSettings(bundles, policy, templates, private_key, created_micros, learner, carts, 8_000)


def starter_settings(
    bundles: Path, policy: Path, templates: Path, private_key: bytes, created_micros: int
) -> TrainSettings:
    """What the first start affords: a small bundle within seconds."""
    learner = LearnerSettings.starter()
    return TrainSettings(bundles, policy, templates, private_key, created_micros, learner, 16_000, 3_000, 30.0)


def train(settings: TrainSettings, progress: Progress) -> BundleReport:
    """Trains, measures and writes a bundle. Whether it becomes the active one is not decided here.

    Quality is measured on models that saw the earlier rows only; the bundle's models then learn from all rows.

    Raises PolicyFileRefused, NothingToLearn, ExportFailed, and BundleRefused where the engine would not load what was
    made.
    """
    begun = time.monotonic()
    names = FeatureNames.of_engine()
    policy = read_policy(settings.policy)
    with tempfile.TemporaryDirectory(prefix="cart-recovery-train-") as scratch:
        workshop = Workshop(settings, names, Path(scratch), progress)
        journals = workshop.explore(policy)
        progress("replaying the journals into rows")
        window_seconds = policy.company.attribution_window_seconds
        splits = [split_in_time(journal, _TEST_SHARE, window_seconds) for journal in journals]
        later = pl.concat([split.later for split in splits])
        tested = mature(later, window_seconds)
        if tested.is_empty():
            raise NothingToLearn(
                f"{settings.policy.name}: attribution_window_seconds is {window_seconds}, which is over for none of "
                "the decisions that the models are tested on when the simulated shop closes; give a shorter one"
            )
        everything = pl.concat([split.everything for split in splits])
        learned_from = examples(pl.concat([split.earlier for split in splits]), names)
        if not learned_from.choice.any():
            raise NothingToLearn(
                f"{settings.policy.name}: no action of it was possible for any cart of the simulated shop, whose "
                "shoppers can be written to by e-mail; add an e-mail action, or look at its quiet hours and offers"
            )
        progress(f"learning from {len(learned_from.bought):,} decisions, testing on {len(tested):,} later ones")
        quality = measure_quality(_fit(settings, learned_from, names), tested, names)
        progress(f"learning from all {len(everything):,} decisions")
        models = _fit(settings, examples(everything, names), names)
        golden = golden_rows(later, names, _GOLDEN_ROWS, settings.seed)
        progress("writing the models")
        folder = Path(scratch) / "models"
        remarks = bundle.write_models(models.baseline, models.effect, folder)
        made = Made(models.baseline, models.effect, folder, golden)
        oracle = workshop.try_out(made, policy)
        rows = len(learned_from.bought), quality.rows
        figures = figures_of(quality, oracle)
        findings = _findings(quality, oracle)
        content = workshop.content(
            made,
            policy,
            report_html=render_html("Cart Recovery: training report", *rows, quality, oracle, models),
            training_range=_training_range(everything),
            metrics=tuple(_metric(name, value) for name, value in figures.items()),
            findings=findings,
            passed=not findings,
        )
        directory = bundle.write_bundle(content, settings.bundles, settings.private_key)
    seconds = time.monotonic() - begun
    return BundleReport(directory.name, directory, *rows, seconds, figures, findings, not findings, remarks)


def _fit(settings: TrainSettings, rows: Examples, names: FeatureNames) -> Models:
    if settings.own_fit is None:
        return fit(rows, names.context, names.action, settings.learner)
    baseline, effect = settings.own_fit(rows, names.context, names.action)
    return Models(baseline, effect, names.context, names.action)


def _findings(quality: Quality, oracle: OracleFigures | None) -> tuple[str, ...]:
    """What keeps the bundle from passing; empty where nothing does."""
    findings = []
    error, noise = quality.calibration.error, quality.calibration_noise
    if error > _CALIBRATION_LIMIT + noise:
        findings.append(f"calibration error {error:.3f} is above {_CALIBRATION_LIMIT} and the noise of {noise:.3f}")
    if quality.log_loss >= quality.log_loss_of_mean:
        findings.append("the models predict no better than the mean")
    if oracle is not None and oracle.share_best <= oracle.share_of_gap(oracle.value_constant):
        findings.append("the policy earns no more than the best single action")
    return tuple(findings)


def _metric(name: str, value: float) -> Metric:
    simulated = name.startswith(("oracle", "value", "contacted"))
    protocol = "fresh simulated carts, truth known" if simulated else "held-out later decisions"
    return Metric(name=name, value=value, protocol=protocol)


def _training_range(rows: pl.DataFrame) -> TrainingRange:
    ends = rows.sort("sequence").select("sequence", "clock_micros")
    (first, first_time), (last, last_time) = ends.row(0), ends.row(-1)
    training_range = TrainingRange(first_sequence=first, last_sequence=last)
    training_range.first_time.FromMicroseconds(first_time)
    training_range.last_time.FromMicroseconds(last_time)
    return training_range
