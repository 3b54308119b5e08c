"""Who a message goes to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person's address on one channel. Its repr shows neither address nor name."""

    alias: bytes
    """The alias whose contact this is."""
    address: str = field(repr=False)
    name: str = field(repr=False)
