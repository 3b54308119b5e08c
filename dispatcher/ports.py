"""What a touch meets on its way, gathered once at start."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cart_recovery.v1.channel_pb2 import Channel as ChannelKind
from dispatcher.caps import Caps
from dispatcher.channels.channel import Channel
from dispatcher.clock import Clock
from dispatcher.composer import Composer
from dispatcher.contacts import Contacts
from dispatcher.ledger import Ledger
from dispatcher.release import ActiveRelease
from dispatcher.schedule import Schedule
from dispatcher.scorer import Scorer
from dispatcher.settings import DispatcherSettings


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that touches need of the world."""

    settings: DispatcherSettings
    clock: Clock
    schedule: Schedule
    ledger: Ledger
    caps: Caps
    contacts: Contacts
    composer: Composer
    release: ActiveRelease
    scorer: Scorer
    channels: Mapping[ChannelKind.ValueType, Channel]
    journal_sequence: Callable[[], Awaitable[int]]
