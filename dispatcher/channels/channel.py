"""What a channel and a provider are. A channel knows what its messages consist of; a provider carries them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from cart_recovery.v1.channel_pb2 import Channel as ChannelKind
from dispatcher.recipient import Recipient
from dispatcher.templates import Part


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, rendered."""

    send_id: str
    """The idempotency key."""
    recipient: Recipient
    sender: str
    """"Shop <carts@shop.example>"."""
    reply_to: str
    parts: dict[Part, str] = field(repr=False)
    unsubscribe_url: str
    """Takes a one-click POST."""
    time_micros: int
    """When it is sent, by the dispatcher's clock."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider has taken the message."""

    provider_message_id: str


Commit = Callable[[], Awaitable[None]]
"""Awaited once by a provider, right before the step after which the message may be out of its hands. A process that
dies before that has surely not sent it."""


class Provider(Protocol):
    """Carries messages. Failures are raised as `ProviderFailure`, classified."""

    name: str
    honours_key_seconds: int
    """How long the provider recognises the idempotency key of a send, so that a call may safely be repeated; 0 for
    one that does not know keys."""

    async def send(self, message: Message, commit: Commit) -> Receipt:
        """Delivers the message to the provider. Raises ProviderFailure, and whatever `commit` raises."""

    async def close(self) -> None:
        """Releases what it holds."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach people, and who carries its messages."""

    kind: ChannelKind.ValueType
    parts: frozenset[Part]
    """Templates that a message of this channel needs."""
    provider: Provider
