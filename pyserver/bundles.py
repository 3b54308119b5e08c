"""Follows the pointer to the active bundle: a changed pointer is loaded between two requests, or refused and logged."""

import re
from pathlib import Path
from typing import Protocol

import structlog

from rust_features import BundleRefused

_BUNDLE_ID = re.compile(r"[0-9a-f]{32}")
_log = structlog.get_logger()


class BundleLoader(Protocol):
    """The part of the engine that loads bundles."""

    def load_bundle(self, directory: str) -> str:
        """Verifies and activates a bundle; returns its id."""


class BundlePointer:
    """`<bundles>/active`: a text file with the id of the bundle that should be active, replaced atomically."""

    def __init__(self, bundles_directory: Path, engine: BundleLoader) -> None:
        self._directory = bundles_directory
        self._engine = engine
        self._active: str | None = None
        self._refused: tuple[str, str] | None = None

    @property
    def refusal(self) -> str | None:
        """Why the bundle that the pointer names is not the active one, in words."""
        return None if self._refused is None else self._refused[1]

    def follow(self) -> None:
        """Loads what the pointer names unless that is the active bundle. What was refused is tried again: its files may
        be whole by now. Never raises: the active bundle stays."""
        wanted = self._read()
        if wanted is None:
            return
        reason = None if wanted == self._active else self._load(wanted)
        refused = None if reason is None else (wanted, reason)
        if refused is not None and refused != self._refused:
            _log.error("bundle refused", wanted=wanted, reason=reason)
        self._refused = refused

    def _read(self) -> str | None:
        try:
            return (self._directory / "active").read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None

    def _load(self, wanted: str) -> str | None:
        """Returns why the bundle is refused, or None."""
        if not _BUNDLE_ID.fullmatch(wanted):
            return "the pointer holds no bundle id of 32 hexadecimal digits"
        try:
            self._active = self._engine.load_bundle(str(self._directory / wanted))
        except BundleRefused as refused:
            return str(refused)
        _log.info("bundle active", bundle_id=self._active)
        return None
