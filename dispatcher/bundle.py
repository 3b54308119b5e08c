"""Reads the active release bundle: the policy and the templates, after checking signature and hashes. Models are the
scorer's business."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from google.protobuf.message import DecodeError
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from cart_recovery.v1.bundle_pb2 import BundleManifest, ManifestSignature
from cart_recovery.v1.policy_pb2 import Policy

TEMPLATE_FOLDER = "templates"
TEMPLATE_SUFFIX = ".liquid"


class BundleRefused(Exception):
    """A bundle is unsigned, altered or incomplete."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What the dispatcher needs of a bundle."""

    bundle_id: str
    policy: Policy
    template_sources: dict[str, str]
    """File name in the template folder → text; only files that the manifest names."""


def active_bundle_id(data_directory: Path) -> str | None:
    """The id that `bundles/active` names; None where no bundle is active."""
    try:
        return (data_directory / "bundles" / "active").read_text().strip() or None
    except FileNotFoundError:
        return None


def load_bundle(directory: Path, public_key: bytes) -> Bundle:
    """Verifies and reads the bundle in `directory`. Raises BundleRefused."""
    try:
        manifest_bytes = (directory / "manifest.pb").read_bytes()
        signature_bytes = (directory / "manifest.sig").read_bytes()
        signature = ManifestSignature.FromString(signature_bytes)
        VerifyKey(public_key).verify(manifest_bytes, signature.signature)
        manifest = BundleManifest.FromString(manifest_bytes)
    except OSError as error:
        raise BundleRefused(f"{error.strerror}: {Path(error.filename).name}") from error
    except (BadSignatureError, DecodeError, ValueError) as error:
        raise BundleRefused("the manifest's signature does not match") from error
    if manifest.bundle_id != directory.name:
        raise BundleRefused("the manifest belongs to another bundle")
    return Bundle(manifest.bundle_id, manifest.policy, _template_sources(directory, manifest))


def _template_sources(directory: Path, manifest: BundleManifest) -> dict[str, str]:
    sources: dict[str, str] = {}
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        if path.parent != PurePosixPath(TEMPLATE_FOLDER) or path.suffix != TEMPLATE_SUFFIX:
            continue
        try:
            content = (directory / path).read_bytes()
            text = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise BundleRefused(f"{entry.path} cannot be read") from error
        if hashlib.sha256(content).digest() != entry.hash:
            raise BundleRefused(f"{entry.path} was altered")
        sources[path.name] = text
    return sources
