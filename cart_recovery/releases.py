"""The release bundles of a data directory and the pointer to the active one."""

import contextlib
import os
from pathlib import Path

from google.protobuf.message import DecodeError

from cart_recovery.v1.bundle_pb2 import BundleManifest


def list_bundles(directory: Path) -> list[BundleManifest]:
    """Manifests of all bundles, newest first; nothing is verified here."""
    manifests = []
    for path in directory.glob("*/manifest.pb"):
        with contextlib.suppress(OSError, DecodeError):
            manifests.append(BundleManifest.FromString(path.read_bytes()))
    return sorted(manifests, key=lambda one: one.created_time.ToNanoseconds(), reverse=True)


def active_bundle(directory: Path) -> str | None:
    """The id that the pointer names, or None."""
    try:
        return (directory / "active").read_text().strip() or None
    except FileNotFoundError:
        return None


def point_to(directory: Path, bundle_id: str) -> None:
    """Replaces the pointer in one step."""
    draft = directory / ".active.part"
    with draft.open("w") as file:
        file.write(f"{bundle_id}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / "active")
