"""An import: a spool of its own whose offsets are row numbers, so that a second run sends only what is missing.

It lies in a directory of its own, so that a scorer may run over the same data directory, and so that nothing but rows
is ever given an offset in it.
"""

import shutil
import time
from dataclasses import asdict
from typing import Self

from cart_recovery.exits import CommandError
from cart_recovery.keys import scorer_keys
from cart_recovery.settings import Settings
from rust_features import Engine, Keys, Refused

_POLL_SECONDS = 0.02
_FULL_SPOOL_SECONDS = 0.1
_SPOOL_FULL = "REASON_SPOOL_FULL"
_NOT_OF_THE_ROW = frozenset({"REASON_DISK_WRITE_FAILED", "REASON_STOPPING"})
"""Refusals after which no row may be tried: what comes after a row left out would hide it from the next run."""


class Import:
    """One file on its way into the journal."""

    def __init__(self, settings: Settings, import_id: str, nats_url: str) -> None:
        self._nats_url = nats_url
        self._credentials = settings.nats.credentials_file
        self._directory = settings.imports_directory / import_id
        self._engine = Engine(
            data_directory=str(self._directory),
            keys=Keys(**asdict(scorer_keys(settings.keys_directory))),
            spool_limit_bytes=settings.spool_limit_bytes,
            # After a loss of power the import is run again, and sends what is missing: no row waits for the disk.
            durability="process",
            import_id=import_id,
            replicas=settings.nats.replicas,
        )
        self._finished = False
        self.added = 0
        self.already_there = 0

    def __enter__(self) -> Self:
        credentials = str(self._credentials) if self._credentials else None
        self._engine.start(nats_url=self._nats_url, nats_credentials=credentials)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            # Interrupted: what is spooled stays, and the next run goes on from there.
            self._engine.stop(timeout_seconds=1.0)

    def wait_caught_up(self, *, timeout_seconds: float) -> None:
        """Waits until it is known which rows the journal has. Raises CommandError."""
        limit = time.monotonic() + timeout_seconds
        while not (status := self._engine.status()).caught_up:
            if status.failure is not None:
                raise CommandError(f"the journal cannot be read: {status.failure}")
            if time.monotonic() > limit:
                raise CommandError("the journal was not read to its end in time; is NATS there?")
            time.sleep(_POLL_SECONDS)

    def add(self, row: int, request: bytes) -> str | None:
        """Spools one row; returns why it was refused, or None. Waits while the spool is full. Raises CommandError."""
        while True:
            try:
                if self._engine.track_row(request, row):
                    self.added += 1
                else:
                    self.already_there += 1
            except Refused as refused:
                if refused.reason in _NOT_OF_THE_ROW:
                    raise CommandError(f"the import stopped at row {row}: {refused}; run it again to go on") from None
                if refused.reason != _SPOOL_FULL:
                    return str(refused)
                self._check()
                time.sleep(_FULL_SPOOL_SECONDS)
            else:
                return None

    def finish(self, *, timeout_seconds: float) -> bool:
        """Waits until the journal has every row; False where that took too long."""
        self._finished = True
        flushed = self._engine.stop(timeout_seconds=timeout_seconds)
        if flushed:
            # From here on the journal alone tells which rows there are.
            shutil.rmtree(self._directory)
        return flushed

    def _check(self) -> None:
        failure = self._engine.status().failure
        if failure is not None:
            raise CommandError(f"the import stopped: {failure}")
