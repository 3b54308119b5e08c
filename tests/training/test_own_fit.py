"""A function of the user's own learns the models of a bundle."""

import dataclasses
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cart_recovery.v1.bundle_pb2 import BundleManifest, EvaluatorKind
from rust_features import Keys, verify_bundle
from training.learners.own import FitRefused, read_fit
from training.report import BundleReport
from training.train import starter_settings, train

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "cart_recovery" / "starter"
PRIVATE_KEY = b"t" * 32
FOREST, COMPILED = EvaluatorKind.EVALUATOR_KIND_FACTORED, EvaluatorKind.EVALUATOR_KIND_COMPILED
SCIKIT_LEARN = """
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor

def fit(examples, context_names, action_names):
    # scikit-learn does not bin a feature that is missing in every row.
    context = np.where(np.isnan(examples.context).all(axis=0), 0, examples.context)
    baseline = HistGradientBoostingClassifier(max_iter=20).fit(context, examples.bought)
    # Not a good one, but one whose trees are large.
    return baseline, RandomForestRegressor(4).fit(examples.both(), examples.bought)
"""


def trained(folder: Path, source: str) -> BundleReport:
    file = folder / "shop_models.py"
    file.write_text(source)
    settings = starter_settings(folder / "bundles", STARTER / "policy.toml", STARTER / "templates", PRIVATE_KEY, 1)
    small = dataclasses.replace(settings, carts=2_000, evaluation_carts=300, own_fit=read_fit(file))
    return train(small, lambda _: None)


def kinds(report: BundleReport) -> list[int]:
    """Of a bundle that the engine loads."""
    public = Ed25519PrivateKey.from_private_bytes(PRIVATE_KEY).public_key().public_bytes_raw()
    contact = X25519PrivateKey.from_private_bytes(b"c" * 32).public_key().public_bytes_raw()
    keys = Keys(edge=b"e" * 32, decision=b"d" * 32, offer=b"o" * 32, contact_public=contact, bundle_public=public)
    assert verify_bundle(str(report.directory), keys=keys) == report.bundle_id
    manifest = BundleManifest.FromString((report.directory / "manifest.pb").read_bytes())
    return [manifest.baseline.evaluator_kind, manifest.effect.evaluator_kind]


@pytest.mark.slow
def test_the_engine_scores_with_the_models_of_the_documents_example(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/models.md").read_text(), re.DOTALL)
    assert example is not None
    report = trained(tmp_path, example.group(1))
    assert kinds(report) == [FOREST, FOREST]
    assert report.remarks == ()
    assert "What the effect model looks at" in (report.directory / "report.html").read_text()


@pytest.mark.slow
def test_a_model_that_is_no_forest_is_compiled_and_the_report_says_so(tmp_path: Path) -> None:
    report = trained(tmp_path, SCIKIT_LEARN)
    assert kinds(report) == [FOREST, COMPILED]
    assert "the effect model is compiled, for it is no forest: tree 0 has" in report.summary()


def test_a_file_without_a_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FitRefused, match=r"nowhere\.py: No such file"):
        read_fit(tmp_path / "nowhere.py")
    (tmp_path / "empty.py").touch()
    with pytest.raises(FitRefused, match="defines no function `fit"):
        read_fit(tmp_path / "empty.py")
