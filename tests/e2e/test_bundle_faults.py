"""A bundle that is not what was signed is refused with the reason, and the active one goes on answering."""

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rust_features
from cart_recovery.keys import bundle_signing_key
from cart_recovery.releases import active_bundle, point_to
from cart_recovery.v1.bundle_pb2 import GoldenRows
from tests.harness.bundle import name_by_content, read_manifest, sign
from tests.harness.deployment import Deployment, deployed
from tests.harness.policy import quick_policy
from tests.harness.shop import Shop

FOLLOW_SECONDS = 15.0
FILES = ["baseline.so", "effect.so", "golden.pb", "templates/reminder.txt.liquid", "templates/head.mjml.liquid"]

Fault = Callable[[Path, bytes], None]
"""Spoils a bundle directory; it may sign anew with the key."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("bundles")) as deployment:
        deployment.start_scorer()
        deployment.wait_until_deciding()
        yield deployment


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=71)


def unsigned(directory: Path, _key: bytes) -> None:
    (directory / "manifest.sig").unlink()


def signed_by_another(directory: Path, _key: bytes) -> None:
    sign(directory, read_manifest(directory), secrets.token_bytes(32))


def with_another_schema(directory: Path, key: bytes) -> None:
    manifest = read_manifest(directory)
    manifest.feature_schema_hash = "0" * 32
    manifest.effect.features[3] = "cart_weight"
    name_by_content(manifest)
    sign(directory, manifest, key)


def with_another_engine(directory: Path, key: bytes) -> None:
    manifest = read_manifest(directory)
    manifest.engine_version = "0.0.0-other"
    name_by_content(manifest)
    sign(directory, manifest, key)


def with_a_false_id(directory: Path, key: bytes) -> None:
    manifest = read_manifest(directory)
    manifest.bundle_id = "f" * 32
    sign(directory, manifest, key)


def with_golden_rows_off(directory: Path, key: bytes) -> None:
    golden = GoldenRows.FromString((directory / "golden.pb").read_bytes())
    golden.rows[3].effect_log_odds += 2.0**-50
    content = golden.SerializeToString(deterministic=True)
    (directory / "golden.pb").write_bytes(content)
    manifest = read_manifest(directory)
    entry = next(file for file in manifest.files if file.path == "golden.pb")
    entry.hash = hashlib.sha256(content).digest()
    name_by_content(manifest)
    sign(directory, manifest, key)


def with_one_bit_changed(directory: Path, _key: bytes) -> None:
    path = directory / "manifest.pb"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def with_altered_signature(directory: Path, _key: bytes) -> None:
    path = directory / "manifest.sig"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


FAULTS: dict[str, tuple[Fault, str]] = {
    "unsigned": (unsigned, "manifest.sig"),
    "signed by another key": (signed_by_another, "signed with key"),
    "manifest altered": (with_one_bit_changed, "signature"),
    "signature altered": (with_altered_signature, "signature"),
    "false id": (with_a_false_id, "names itself"),
    "another feature schema": (with_another_schema, 'feature "cart_weight" is gone; train again'),
    "another engine": (with_another_engine, "engine"),
    "golden rows off": (with_golden_rows_off, "golden row 3"),
}
"""The fault, and words of the reason."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_bundle_is_refused_with_the_reason(deployment: Deployment, shop: Shop, name: str) -> None:
    fault, words = FAULTS[name]
    check_refused(deployment, shop, fault, words)


@pytest.mark.parametrize("path", FILES)
def test_one_altered_byte_in_any_file_is_refused(deployment: Deployment, shop: Shop, path: str) -> None:
    def alter(directory: Path, _key: bytes) -> None:
        content = bytearray((directory / path).read_bytes())
        content[len(content) // 2] ^= 1
        (directory / path).write_bytes(content)

    check_refused(deployment, shop, alter, path)


@pytest.mark.slow
def test_the_command_line_activates_no_faulty_bundle(deployment: Deployment) -> None:
    directory = copy_of_bundle(deployment)
    with_golden_rows_off(directory, signing_key(deployment))
    named = directory.rename(directory.with_name(read_manifest(directory).bundle_id))
    point_to(deployment.settings.bundles_directory, deployment.bundle_id)
    done = deployment.command("release", "activate", named.name)
    assert done.returncode == 1
    assert "golden row 3" in done.stderr
    assert active_bundle(deployment.settings.bundles_directory) == deployment.bundle_id


def test_a_sound_bundle_is_swapped_in_between_two_requests(deployment: Deployment, shop: Shop) -> None:
    policy = quick_policy()
    policy.version = "test-2"
    swapped = deployment.release(policy)
    deployment.scorer.wait_for_log("bundle active", within=FOLLOW_SECONDS, bundle_id=swapped)
    with deployment.client() as client:
        assert client.score(shop.score(shop.shopper())).bundle_id == swapped
    point_to(deployment.settings.bundles_directory, deployment.bundle_id)
    deployment.scorer.wait_for_log("bundle active", within=FOLLOW_SECONDS, bundle_id=deployment.bundle_id)


def check_refused(deployment: Deployment, shop: Shop, fault: Fault, words: str) -> None:
    """The library and the running scorer refuse the spoilt bundle; the scorer goes on with the one it has."""
    directory = copy_of_bundle(deployment)
    fault(directory, signing_key(deployment))
    with pytest.raises(rust_features.BundleRefused, match=words):
        rust_features.verify_bundle(str(directory), keys=deployment.keys)
    point_to(deployment.settings.bundles_directory, directory.name)
    line = deployment.scorer.wait_for_log("bundle refused", within=FOLLOW_SECONDS, wanted=directory.name)
    assert words in line["reason"]
    with deployment.client() as client:
        answer = client.score(shop.score(shop.shopper()))
    assert answer.bundle_id == deployment.bundle_id
    shutil.rmtree(directory)


def copy_of_bundle(deployment: Deployment) -> Path:
    """The active bundle's files under another id."""
    bundles = deployment.settings.bundles_directory
    return Path(shutil.copytree(bundles / deployment.bundle_id, bundles / secrets.token_hex(16)))


def signing_key(deployment: Deployment) -> bytes:
    """The key that signs bundles."""
    return bundle_signing_key(deployment.settings.keys_directory)
