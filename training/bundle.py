"""Writing a release bundle: models, golden rows, policy, templates and report under one signed manifest."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from cart_recovery.v1.bundle_pb2 import (
    BundleFile,
    BundleManifest,
    EvaluatorKind,
    GateReport,
    GoldenRows,
    ManifestSignature,
    Metric,
    ModelFile,
    TrainingRange,
)
from cart_recovery.v1.policy_pb2 import Policy
from training.boosters.booster import Booster, forest_of, raw_margins
from training.boosters.errors import NoForest
from training.export import export, require_same

BASELINE, EFFECT, GOLDEN, REPORT, TEMPLATES = "baseline", "effect", "golden.pb", "report.html", "templates"
MANIFEST, SIGNATURE = "manifest.pb", "manifest.sig"
_EVALUATORS = {".forest": EvaluatorKind.EVALUATOR_KIND_FACTORED, ".so": EvaluatorKind.EVALUATOR_KIND_COMPILED}
"""By the ending of a model's file."""


@dataclass(frozen=True, slots=True)
class BundleContent:
    """Everything a bundle is made of.

    Golden rows have the shape (n, context + action features); `models` is where `write_models` put the models.
    """

    baseline: Booster
    effect: Booster
    models: Path
    context_names: list[str]
    action_names: list[str]
    golden: NDArray[np.float32]
    policy: Policy
    templates: Path
    engine_version: str
    feature_schema_hash: str
    created_by: str
    created_micros: int
    report_html: str = ""
    training_range: TrainingRange = field(default_factory=TrainingRange)
    metrics: tuple[Metric, ...] = ()
    findings: tuple[str, ...] = ()
    passed: bool = False


def write_models(baseline: Booster, effect: Booster, folder: Path) -> tuple[str, ...]:
    """Writes both models into a folder, under the names they have in a bundle: as a forest, or compiled where one is no
    forest. Returns which ones are compiled and why, in a sentence each. Raises ExportFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    compiled, reasons = {}, []
    for name, booster in ((BASELINE, baseline), (EFFECT, effect)):
        try:
            forest = forest_of(booster)
        except NoForest as reason:
            compiled[folder / f"{name}.so"] = booster
            reasons.append(f"the {name} model is compiled, for it is no forest: {reason}")
        else:
            (folder / f"{name}.forest").write_bytes(forest.SerializeToString(deterministic=True))
    export(list(compiled.values()), list(compiled))
    return tuple(reasons)


def write_bundle(content: BundleContent, bundles: Path, private_key: bytes) -> Path:
    """Writes, checks and signs a bundle, and puts it at bundles/<id> in one step.

    `private_key` is the raw 32-byte Ed25519 seed. A bundle of the same content is there once. Raises ExportFailed where
    a model does not reproduce its booster.
    """
    bundles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=bundles) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        manifest = _fill(folder, content)
        manifest_bytes = manifest.SerializeToString(deterministic=True)
        _write(folder / MANIFEST, manifest_bytes)
        _write(folder / SIGNATURE, _sign(manifest_bytes, private_key).SerializeToString())
        target = bundles / manifest.bundle_id
        if not target.exists():
            folder.replace(target)
    return target


def content_id(manifest: BundleManifest) -> str:
    """SHA-256 of the manifest with an empty id, the first 32 hexadecimal digits."""
    unnamed = BundleManifest()
    unnamed.CopyFrom(manifest)
    unnamed.bundle_id = ""
    return hashlib.sha256(unnamed.SerializeToString(deterministic=True)).hexdigest()[:32]


def key_id(public_key: bytes) -> str:
    """First 16 hexadecimal digits of the public key's SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _fill(folder: Path, content: BundleContent) -> BundleManifest:
    names = content.context_names + content.action_names
    baseline, effect = (_model(content.models, name) for name in (BASELINE, EFFECT))
    for model in (baseline, effect):
        shutil.copyfile(model, folder / model.name)
    golden = _golden_rows(baseline, effect, content)
    _write(folder / GOLDEN, golden.SerializeToString())
    _write(folder / REPORT, content.report_html.encode())
    (folder / TEMPLATES).mkdir()
    templates = sorted(content.templates.glob("*.liquid"))
    for template in templates:
        shutil.copyfile(template, folder / TEMPLATES / template.name)
    listed = [GOLDEN, REPORT, *(f"{TEMPLATES}/{template.name}" for template in templates)]
    manifest = BundleManifest(
        engine_version=content.engine_version,
        feature_schema_hash=content.feature_schema_hash,
        baseline=_model_file(folder / baseline.name, content.context_names),
        effect=_model_file(folder / effect.name, names),
        policy=content.policy,
        files=[BundleFile(path=path, hash=_hash(folder / path)) for path in listed],
        golden_rows_path=GOLDEN,
        training_range=content.training_range,
        metrics=content.metrics,
        gate_report=GateReport(passed=content.passed, findings=content.findings),
        created_by=content.created_by,
    )
    manifest.created_time.FromMicroseconds(content.created_micros)
    manifest.bundle_id = content_id(manifest)
    return manifest


def _model(folder: Path, name: str) -> Path:
    return next(path for ending in _EVALUATORS if (path := folder / f"{name}{ending}").exists())


def _golden_rows(baseline_model: Path, effect_model: Path, content: BundleContent) -> GoldenRows:
    contexts = np.ascontiguousarray(content.golden[:, : len(content.context_names)])
    baseline = raw_margins(content.baseline, contexts)
    effect = raw_margins(content.effect, content.golden)
    require_same(baseline_model, contexts, baseline)
    require_same(effect_model, content.golden, effect)
    golden = GoldenRows()
    for features, baseline_margin, effect_margin in zip(content.golden, baseline, effect, strict=True):
        golden.rows.add(
            features=features.tolist(), baseline_log_odds=float(baseline_margin), effect_log_odds=float(effect_margin)
        )
    return golden


def _model_file(path: Path, features: list[str]) -> ModelFile:
    kind = _EVALUATORS[path.suffix]
    return ModelFile(path=path.name, hash=_hash(path), evaluator_kind=kind, features=features)


def _sign(manifest_bytes: bytes, private_key: bytes) -> ManifestSignature:
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return ManifestSignature(key_id=key_id(raw), signature=key.sign(manifest_bytes))


def _hash(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
