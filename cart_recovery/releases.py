"""The release bundles of a data directory, the pointer to the active one, and what a bundle must pass to become it."""

import contextlib
import os
from pathlib import Path

from google.protobuf.message import DecodeError

from cart_recovery.exits import CommandError
from cart_recovery.keys import scorer_keys
from cart_recovery.settings import Settings
from cart_recovery.v1.bundle_pb2 import BundleManifest

FIRST_START = "first start"
"""What the starter bundle's manifest says of its origin."""


class ReleaseRefused(CommandError):
    """A bundle may not become the active one; the message says why."""


def list_bundles(directory: Path) -> list[BundleManifest]:
    """Manifests of all bundles, newest first; nothing is verified here."""
    manifests = []
    for path in directory.glob("*/manifest.pb"):
        with contextlib.suppress(OSError, DecodeError):
            manifests.append(BundleManifest.FromString(path.read_bytes()))
    return sorted(manifests, key=lambda one: one.created_time.ToNanoseconds(), reverse=True)


def active_bundle(directory: Path) -> str | None:
    """The id that the pointer names, or None."""
    return _read(directory / "active")


def previous_bundle(directory: Path) -> str | None:
    """The id of the bundle that was active before the present one, or None."""
    return _read(directory / "previous")


def point_to(directory: Path, bundle_id: str) -> None:
    """Replaces the pointer in one step, and remembers the bundle that it named."""
    active = active_bundle(directory)
    if active is not None and active != bundle_id:
        _write(directory / "previous", active)
    _write(directory / "active", bundle_id)


def activate(settings: Settings, bundle_id: str) -> None:
    """Makes a bundle the active one after scorer and dispatcher alike would take it and its gate report says that it
    passed. Raises ReleaseRefused; the active bundle then stays."""
    from dispatcher.bundle import BundleRefused as ReleaseUnusable
    from dispatcher.release import load_release
    from pyserver.process import engine_keys
    from rust_features import BundleRefused, verify_bundle

    directory = settings.bundles_directory / bundle_id
    try:
        verify_bundle(str(directory), keys=engine_keys(settings))
        load_release(directory, scorer_keys(settings.keys_directory).bundle_public)
    except (BundleRefused, ReleaseUnusable) as refused:
        raise ReleaseRefused(f"{bundle_id}: {refused}") from refused
    report = BundleManifest.FromString((directory / "manifest.pb").read_bytes()).gate_report
    if not report.passed:
        findings = "; ".join(report.findings) or "its manifest has no gate report"
        raise ReleaseRefused(f"{bundle_id} has not passed its gate: {findings}")
    point_to(settings.bundles_directory, bundle_id)


def rollback(settings: Settings) -> str:
    """Makes the bundle active that was so before, and returns its id. A second rollback finds none, so that repeating
    the command never brings the faulty bundle back. Raises ReleaseRefused."""
    directory = settings.bundles_directory
    bundle_id = previous_bundle(directory)
    if bundle_id is None:
        raise ReleaseRefused("no bundle was active before the present one")
    activate(settings, bundle_id)
    (directory / "previous").unlink(missing_ok=True)
    return bundle_id


def _read(pointer: Path) -> str | None:
    try:
        return pointer.read_text().strip() or None
    except FileNotFoundError:
        return None


def _write(pointer: Path, bundle_id: str) -> None:
    draft = pointer.with_name(f".{pointer.name}.part")
    with draft.open("w") as file:
        file.write(f"{bundle_id}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(pointer)
