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
        self._tried: str | None = None
        self.refusal: str | None = None
        """Why the bundle that the pointer names is not the active one, in words."""

    def follow(self) -> None:
        """Loads what the pointer names unless that was tried already. Never raises: the active bundle stays."""
        wanted = self._read()
        if wanted is None or wanted == self._tried:
            return
        self._tried = wanted
        if not _BUNDLE_ID.fullmatch(wanted):
            self._refuse("the pointer holds no bundle id of 32 hexadecimal digits")
            return
        try:
            loaded = self._engine.load_bundle(str(self._directory / wanted))
        except BundleRefused as refused:
            self._refuse(str(refused))
            return
        self.refusal = None
        _log.info("bundle active", bundle_id=loaded)

    def _read(self) -> str | None:
        try:
            return (self._directory / "active").read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        _log.error("bundle refused", wanted=self._tried, reason=reason)
