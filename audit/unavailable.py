"""A number that cannot be given, with the reason. It is shown as such, never as zero."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """Stands where a number would stand."""

    reason: str
