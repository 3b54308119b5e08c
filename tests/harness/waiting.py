"""Waiting for what another process does: polled, always with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


class NotInTime(AssertionError):
    """What was waited for did not happen."""


def eventually(probe: Callable[[], T | None], *, within: float, what: str) -> T:
    """The first truthy result of `probe`. Raises NotInTime after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        asked = time.monotonic()
        result = probe()
        if result:
            return result
        now = time.monotonic()
        if now > deadline:
            raise NotInTime(f"not within {within} s: {what}; last seen {result!r}")
        # A probe that works long leaves the processor for as long to what it waits for.
        time.sleep(max(_PAUSE_SECONDS, now - asked))
