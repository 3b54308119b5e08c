"""The secrets of one deployment: made at first start, never overwritten, handed out by least privilege.

The scorer gets no private half of a pair; the dispatcher gets no key of tokens or decisions. Private files are 0600
in a directory of 0700. Beside that directory a mark tells which keys were made, so that a lost one is missed and not
silently made anew.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
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

PAIRS = ("contact", "bundle")
"""Keys with a public half: a `.key` and a `.pub` of this name."""

MARK_HEADING = "# Keys made for this data directory; of public halves the first digits of their SHA-256."
FINGERPRINT_DIGITS = 16


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
    """Makes the keys at the first start and marks them as made. Raises KeysError where one that was made is missing, or
    where a journal exists whose tokens a new key cannot match."""
    mark = _mark_of(directory)
    _refuse_loss(directory, mark)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    # Last of all: a first start that was cut short is made complete by the next.
    _write_mark(mark, directory)


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


def _mark_of(directory: Path) -> Path:
    """The mark stands outside the directory: whoever loses all keys at once does not lose the mark with them."""
    return directory.with_name(f"{directory.name}.made")


def _refuse_loss(directory: Path, mark: Path) -> None:
    made = _read_mark(mark)
    if made is None:
        # A data directory from before the mark, or one restored without its keys.
        if not (directory / "edge.key").exists() and _has_journal(directory.parent):
            raise KeysError(
                f"{directory}/edge.key is missing though {directory.parent} holds a journal: restore it from a backup, "
                "or take another data directory"
            )
        return
    lost = [name for name in made if not _stands(directory, name)]
    if lost:
        raise KeysError(
            f"{directory} lacks {', '.join(lost)}, and {mark} says that this was made: restore it from the backup, or "
            "take another data directory; a new key would not match what was done with the old one"
        )


def _stands(directory: Path, name: str) -> bool:
    """Whether the key is there, or the other half of its pair: the private one may be kept elsewhere, the public one
    follows from it."""
    return any((directory / name).with_suffix(suffix).exists() for suffix in (".key", ".pub"))


def _has_journal(data_directory: Path) -> bool:
    stores = (data_directory / "nats" / "jetstream", data_directory / "spool")
    return any(store.is_dir() and any(store.iterdir()) for store in stores)


def _read_mark(mark: Path) -> list[str] | None:
    """File names of the keys that were made; None where none were made here."""
    try:
        lines = mark.read_text().splitlines()
    except FileNotFoundError:
        return None
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def _write_mark(mark: Path, directory: Path) -> None:
    """Notes the keys that are there now. The fingerprints tell which backup belongs to this data directory."""
    private = [name for name in (*SECRETS, *(f"{pair}.key" for pair in PAIRS)) if (directory / name).exists()]
    public = [f"{pair}.pub {_fingerprint(directory / f'{pair}.pub')}" for pair in PAIRS]
    content = "\n".join((MARK_HEADING, *private, *public, "")).encode()
    if not mark.exists() or mark.read_bytes() != content:
        with _draft(mark, content, 0o644) as draft:
            draft.replace(mark)


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:FINGERPRINT_DIGITS]


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
    if not path.exists():
        with _draft(path, content, mode) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, path)


@contextlib.contextmanager
def _draft(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A file beside `path` for the block to put in its place, on disk before and after."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
