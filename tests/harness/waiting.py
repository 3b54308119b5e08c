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
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within} s: {what}; last seen {result!r}")
        time.sleep(_PAUSE_SECONDS)
