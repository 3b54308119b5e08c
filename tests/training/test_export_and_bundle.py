"""Compiled models equal their boosters to the bit; a bundle is written whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cart_recovery.v1.bundle_pb2 import BundleManifest
from cart_recovery.v1.policy_pb2 import Policy
from training.boosters.booster import raw_margins
from training.boosters.errors import ExportFailed
from training.bundle import (
    BundleContent,
    content_id,
    write_bundle,
    write_models,
)
from training.cold_start import constant_model
from training.export import export, require_same
from training.learners.models import DISCOUNT_FEATURE, Examples, Models, fit
from training.learners.settings import LearnerSettings

CONTEXT = ["value", "views", "stage"]
ACTION = ["action_email", DISCOUNT_FEATURE]
PRIVATE_KEY = b"s" * 32
PUBLIC_KEY = Ed25519PrivateKey.from_private_bytes(PRIVATE_KEY).public_key().public_bytes_raw()
SETTINGS = LearnerSettings(
    trees=40,
    leaves=15,
    baseline_learning_rate=0.1,
    effect_learning_rate=0.1,
    depth=5,
    smallest_leaf_share=0.005,
    regularisation=1.0,
)


def sample(rows: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(rows, 3)).astype(np.float32)
    context[rng.random(context.shape) < 0.1] = np.nan
    contacted = rng.random(rows) < 0.7
    discount = contacted * rng.choice([0.0, 0.05, 0.1], rows)
    action = np.stack([contacted, discount], axis=1).astype(np.float32)
    log_odds = -1 + np.nan_to_num(context[:, 0]) + 4 * discount - np.nan_to_num(context[:, 1]) * contacted
    bought = rng.random(rows) < 1 / (1 + np.exp(-log_odds))
    return Examples(context, action, bought, np.ones(rows), np.ones(rows))


@pytest.fixture(scope="module")
def models() -> Models:
    return fit(sample(6_000, 1), CONTEXT, ACTION, SETTINGS)


@pytest.fixture(scope="module")
def files(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models in both forms."""
    folder = tmp_path_factory.mktemp("models")
    write_models(models.baseline, models.effect, folder)
    export([models.baseline, models.effect], [folder / "baseline.so", folder / "effect.so"])
    return folder


@pytest.fixture
def bundle_directory(models: Models, files: Path, tmp_path: Path) -> Path:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "reminder.txt.liquid").write_text("{{ brand }}")
    content = BundleContent(
        baseline=models.baseline,
        effect=models.effect,
        models=files,
        context_names=CONTEXT,
        action_names=ACTION,
        golden=sample(64, 2).both(),
        policy=Policy(version="test"),
        templates=templates,
        engine_version="engine",
        feature_schema_hash="0" * 32,
        created_by="test",
        created_micros=1_700_000_000_000_000,
        report_html="<html></html>",
    )
    return write_bundle(content, tmp_path / "bundles", PRIVATE_KEY)


@pytest.mark.parametrize("ending", ["forest", "so"])
def test_a_model_file_equals_its_booster_to_the_bit(models: Models, files: Path, ending: str) -> None:
    rows = sample(2_000, 3)
    require_same(files / f"baseline.{ending}", rows.context, raw_margins(models.baseline, rows.context))
    require_same(files / f"effect.{ending}", rows.both(), raw_margins(models.effect, rows.both()))


@pytest.mark.parametrize("ending", ["forest", "so"])
def test_values_on_and_beside_every_threshold_go_the_same_way(models: Models, files: Path, ending: str) -> None:
    lines = models.baseline.model_to_string().splitlines()
    texts = [line.removeprefix("threshold=").split() for line in lines if line.startswith("threshold=")]
    thresholds = np.array([float(text) for tree in texts for text in tree], dtype=np.float32)
    near = np.concatenate([thresholds, np.nextafter(thresholds, np.float32(np.inf))])[:900]
    near[0] = np.nan
    inputs = np.repeat(near[:, None], len(CONTEXT), axis=1)
    require_same(files / f"baseline.{ending}", inputs, raw_margins(models.baseline, inputs))


def test_a_constant_model_says_the_same_of_everything(tmp_path: Path) -> None:
    write_models(constant_model(CONTEXT, SETTINGS), constant_model(CONTEXT + ACTION, SETTINGS), tmp_path)
    require_same(tmp_path / "effect.forest", sample(20, 4).both(), np.zeros(20))


def test_a_tree_too_large_for_a_forest_is_compiled(tmp_path: Path) -> None:
    settings = replace(SETTINGS, trees=1, leaves=80, depth=12, smallest_leaf_share=0.001)
    large = fit(sample(20_000, 9), CONTEXT, ACTION, settings)
    reasons = write_models(large.baseline, large.effect, tmp_path)
    assert "the baseline model is compiled, for it is no forest: tree 0 has 80 leaves" in reasons[0]
    rows = sample(500, 10).context
    require_same(tmp_path / "baseline.so", rows, raw_margins(large.baseline, rows))
    assert not (tmp_path / "baseline.forest").exists()


@pytest.mark.parametrize("ending", ["forest", "so"])
def test_a_model_file_that_differs_is_refused(models: Models, files: Path, ending: str) -> None:
    inputs = sample(10, 5).context
    wrong = np.nextafter(raw_margins(models.baseline, inputs), np.inf)
    with pytest.raises(ExportFailed, match="10 of 10"):
        require_same(files / f"baseline.{ending}", inputs, wrong)


def test_a_deeper_discount_never_lowers_the_log_odds(models: Models) -> None:
    rng = np.random.default_rng(6)
    context = np.repeat(rng.normal(size=(500, 3)).astype(np.float32), 20, axis=0)
    action = np.tile(np.stack([np.ones(20), np.linspace(0, 0.2, 20)], axis=1), (500, 1)).astype(np.float32)
    log_odds = models.log_odds(context, action).reshape(500, 20)
    assert (np.diff(log_odds, axis=1) >= 0).all()


def test_training_twice_gives_the_same_models(models: Models) -> None:
    again = fit(sample(6_000, 1), CONTEXT, ACTION, SETTINGS)
    assert again.effect.model_to_string() == models.effect.model_to_string()


def test_a_bundle_bears_the_hash_of_its_manifest(bundle_directory: Path) -> None:
    manifest = BundleManifest.FromString((bundle_directory / "manifest.pb").read_bytes())
    assert manifest.bundle_id == bundle_directory.name == content_id(manifest)
    assert [file.path for file in manifest.files] == ["golden.pb", "report.html", "templates/reminder.txt.liquid"]
    assert (bundle_directory / "manifest.pb").read_bytes()[2:34].decode() == manifest.bundle_id


def test_a_bundle_is_written_whole_or_not_at_all(bundle_directory: Path) -> None:
    assert [path.name for path in bundle_directory.parent.iterdir()] == [bundle_directory.name]


def test_no_file_of_a_written_bundle_stays_mapped(bundle_directory: Path) -> None:
    assert str(bundle_directory.parent) not in Path("/proc/self/maps").read_text()
