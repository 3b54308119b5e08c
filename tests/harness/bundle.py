"""Writes a signed release bundle with small models, and the faulty ones that must be refused."""

import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import rust_features
from cart_recovery.keys import bundle_signing_key, ensure_keys
from cart_recovery.releases import point_to
from cart_recovery.settings import STARTER, Settings
from cart_recovery.v1.bundle_pb2 import (
    EVALUATOR_KIND_COMPILED,
    BundleManifest,
    GoldenRows,
    ManifestSignature,
    ModelFile,
)
from cart_recovery.v1.policy_pb2 import Policy
from tests.harness.models import Stump, StumpModel, random_stumps, single

CONTACT_GAIN_LOG_ODDS = 2.0
"""What an e-mail adds: more than its cost for any cart of the tests."""

_GOLDEN_ROWS = 32


@dataclass(frozen=True)
class _Models:
    context: tuple[str, ...]
    action: tuple[str, ...]
    baseline: StumpModel
    effect: StumpModel
    baseline_library: bytes
    effect_library: bytes


def release_bundle(settings: Settings, policy: Policy) -> str:
    """Makes the keys where there are none, writes a bundle and points to it; returns its id."""
    ensure_keys(settings.keys_directory)
    signing_key = bundle_signing_key(settings.keys_directory)
    bundle_id = write_bundle(settings.bundles_directory, signing_key, policy)
    point_to(settings.bundles_directory, bundle_id)
    return bundle_id


def write_bundle(bundles_directory: Path, signing_key: bytes, policy: Policy) -> str:
    """Writes a bundle under its id, signed, and returns the id. The pointer stays as it is."""
    models = _models()
    contents = {path.name: path.read_bytes() for path in sorted((STARTER / "templates").iterdir())}
    files = {f"templates/{name}": content for name, content in contents.items()}
    files["golden.pb"] = _golden(models).SerializeToString(deterministic=True)
    libraries = {"baseline.so": models.baseline_library, "effect.so": models.effect_library}
    manifest = _manifest(models, policy)
    for path, content in files.items():
        manifest.files.add(path=path, hash=hashlib.sha256(content).digest())
    directory = bundles_directory / name_by_content(manifest)
    (directory / "templates").mkdir(parents=True)
    for path, content in (files | libraries).items():
        (directory / path).write_bytes(content)
    sign(directory, manifest, signing_key)
    return manifest.bundle_id


def name_by_content(manifest: BundleManifest) -> str:
    """Sets the manifest's id to the hash of the rest, and returns it."""
    manifest.bundle_id = ""
    manifest.bundle_id = hashlib.sha256(manifest.SerializeToString(deterministic=True)).hexdigest()[:32]
    return manifest.bundle_id


def sign(directory: Path, manifest: BundleManifest, signing_key: bytes) -> None:
    """Writes manifest and signature."""
    key = Ed25519PrivateKey.from_private_bytes(signing_key)
    content = manifest.SerializeToString(deterministic=True)
    key_id = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]
    signature = ManifestSignature(key_id=key_id, signature=key.sign(content))
    (directory / "manifest.pb").write_bytes(content)
    (directory / "manifest.sig").write_bytes(signature.SerializeToString(deterministic=True))


def read_manifest(directory: Path) -> BundleManifest:
    """The manifest of a bundle directory, unverified."""
    return BundleManifest.FromString((directory / "manifest.pb").read_bytes())


@lru_cache(maxsize=1)
def _models() -> _Models:
    table = rust_features.feature_table()
    context = tuple(row[0] for row in table if not row[5])
    action = tuple(row[0] for row in table if row[5])
    generator = random.Random(7)
    email = next(index for index, name in enumerate(action) if "email" in name)
    contact = Stump(len(context) + email, 0.5, 0.0, CONTACT_GAIN_LOG_ODDS, 0.0)
    level = Stump(0, 0.0, -1.5, -1.5, -1.5)
    baseline = StumpModel(len(context), (level, *random_stumps(generator, len(context), weight=0.02)))
    every = random_stumps(generator, len(context) + len(action), weight=0.005)
    effect = StumpModel(len(context) + len(action), (contact, *every))
    return _Models(context, action, baseline, effect, baseline.compiled(), effect.compiled())


def _manifest(models: _Models, policy: Policy) -> BundleManifest:
    manifest = BundleManifest(
        engine_version=rust_features.ENGINE_VERSION,
        feature_schema_hash=rust_features.feature_schema_hash(),
        baseline=_model_file("baseline.so", models.baseline_library, models.context),
        effect=_model_file("effect.so", models.effect_library, models.context + models.action),
        policy=policy,
        golden_rows_path="golden.pb",
        created_by="tests",
    )
    manifest.created_time.GetCurrentTime()
    manifest.gate_report.passed = True
    return manifest


def _model_file(path: str, library: bytes, features: tuple[str, ...]) -> ModelFile:
    return ModelFile(
        path=path, hash=hashlib.sha256(library).digest(), evaluator_kind=EVALUATOR_KIND_COMPILED, features=features
    )


def _golden(models: _Models) -> GoldenRows:
    generator = random.Random(11)
    golden = GoldenRows()
    for _ in range(_GOLDEN_ROWS):
        row = [
            float("nan") if generator.random() < 0.2 else single(generator.uniform(-2, 40))
            for _ in range(models.effect.features)
        ]
        golden.rows.add(
            features=row,
            baseline_log_odds=models.baseline.margin(row),
            effect_log_odds=models.effect.margin(row),
        )
    return golden
