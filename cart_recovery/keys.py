"""The secrets of one deployment: made at first start, never overwritten, handed out by least privilege.

The scorer gets no private half of a pair; the dispatcher gets no key of tokens or decisions. Private files are 0600
in a directory of 0700.
"""

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

KEY_BYTES = 32
"""Every key of the project is 32 raw bytes."""

DECISION_KEY = "decision.key"
"""Source of seeds and of the holdout."""

SECRETS = ("edge.key", DECISION_KEY, "offer.key", "link.key")
"""Keys without a public half."""


class KeysError(Exception):
    """A key is missing or cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ScorerKeys:
    """What a scorer, a replay or a re-execution needs; the fields of `rust_features.Keys`."""

    edge: bytes = field(repr=False)
    decision: bytes = field(repr=False)
    offer: bytes = field(repr=False)
    contact_public: bytes
    bundle_public: bytes


@dataclass(frozen=True, slots=True)
class DispatcherKeys:
    """What a dispatcher needs: to open contacts, to sign links, to check bundles."""

    contact: bytes = field(repr=False)
    link: bytes = field(repr=False)
    bundle_public: bytes


def ensure_keys(directory: Path) -> None:
    """Makes the keys that are missing. Raises KeysError where a journal exists whose tokens a new key cannot match."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / "edge.key").exists() and _has_journal(directory.parent):
        raise KeysError(
            f"{directory}/edge.key is missing though {directory.parent} holds a journal: restore it from a backup, "
            "or take another data directory"
        )
    for name in SECRETS:
        _create(directory / name, secrets.token_bytes(KEY_BYTES), 0o600)
    # A host that only checks has the public half alone: it gets no pair of its own.
    if not (directory / "contact.pub").exists():
        _create(directory / "contact.key", X25519PrivateKey.generate().private_bytes_raw(), 0o600)
        contact = X25519PrivateKey.from_private_bytes(_private(directory / "contact.key"))
        _create(directory / "contact.pub", contact.public_key().public_bytes_raw(), 0o644)
    if not (directory / "bundle.pub").exists():
        _create(directory / "bundle.key", Ed25519PrivateKey.generate().private_bytes_raw(), 0o600)
        bundle = Ed25519PrivateKey.from_private_bytes(_private(directory / "bundle.key"))
        _create(directory / "bundle.pub", bundle.public_key().public_bytes_raw(), 0o644)


def write_decision_key(directory: Path, key: bytes) -> None:
    """Gives a run its own source of draws; a key that stands there stays."""
    _create(directory / DECISION_KEY, key, 0o600)


def scorer_keys(directory: Path) -> ScorerKeys:
    """Reads what a scorer needs. Raises KeysError."""
    return ScorerKeys(
        edge=_private(directory / "edge.key"),
        decision=_private(directory / DECISION_KEY),
        offer=_private(directory / "offer.key"),
        contact_public=_read(directory / "contact.pub"),
        bundle_public=_read(directory / "bundle.pub"),
    )


def dispatcher_keys(directory: Path) -> DispatcherKeys:
    """Reads what a dispatcher needs. Raises KeysError."""
    return DispatcherKeys(
        contact=_private(directory / "contact.key"),
        link=_private(directory / "link.key"),
        bundle_public=_read(directory / "bundle.pub"),
    )


def bundle_signing_key(directory: Path) -> bytes:
    """Reads the Ed25519 private key that signs bundles. Raises KeysError."""
    return _private(directory / "bundle.key")


def _has_journal(data_directory: Path) -> bool:
    stores = (data_directory / "nats" / "jetstream", data_directory / "spool")
    return any(store.is_dir() and any(store.iterdir()) for store in stores)


def _private(path: Path) -> bytes:
    key = _read(path)
    if path.stat().st_mode & 0o077:
        raise KeysError(f"{path} can be read by others: run `chmod 600 {path}`, and consider the key known")
    return key


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        raise KeysError(f"{path} is missing: start `cart-recovery up` once to make keys, or restore it") from None
    except PermissionError:
        raise KeysError(f"{path} cannot be read by this user: check its owner") from None
    if len(key) != KEY_BYTES:
        raise KeysError(f"{path} holds {len(key)} bytes, not {KEY_BYTES}: restore it from a backup")
    return key


def _create(path: Path, content: bytes, mode: int) -> None:
    """Writes a new file in one step; of two processes the first wins, an existing file stays as it is."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
