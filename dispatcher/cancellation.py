"""Orders and opt-outs cancel pending touches before they fall due. Which of them lose their reason is the engine's
word: each pending touch of the person is confirmed again. What is missed here is caught when the touch falls due."""

from collections import OrderedDict

from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.message_pb2 import BounceKind
from cart_recovery.v1.person_pb2 import ConsentState
from dispatcher.process import Process
from dispatcher.schedule import Schedule
from dispatcher.touch import Touch

KNOWN_ALIASES = 100_000
"""Aliases whose customer is remembered; the one scheduled longest ago is forgotten first, and its touches are then
found only by the customer's first alias."""


class Cancellation:
    """Follows the journal's events that may take the reason from a pending touch."""

    def __init__(self, schedule: Schedule, process: Process) -> None:
        self._schedule = schedule
        self._process = process
        self._customers: OrderedDict[bytes, str] = OrderedDict()

    def remember(self, touch: Touch) -> None:
        """A touch was scheduled: an event under any of the customer's aliases may cancel it."""
        for alias in touch.aliases:
            self._customers[alias] = touch.customer
            self._customers.move_to_end(alias)
        while len(self._customers) > KNOWN_ALIASES:
            self._customers.popitem(last=False)

    async def on_event(self, message: JournalMessage, journal_sequence: int) -> None:
        """Asks about every decided pending touch of the event's person."""
        if message.imported or not may_cancel(message.event):
            return
        aliases = {key.alias for key in message.identity_keys if key.alias}
        customers = {self._customers.get(alias, alias.hex()) for alias in aliases}
        for customer in sorted(customers):
            for touch in await self._schedule.pending(customer):
                if touch.decided:
                    await self._process.reconsider(touch, journal_sequence)


def may_cancel(event: Event) -> bool:
    """Whether an event can take the reason from a pending touch of its person."""
    match event.WhichOneof("kind"):
        case "order_completed" | "erased":
            return True
        case "consent_changed":
            return event.consent_changed.state == ConsentState.CONSENT_STATE_WITHDRAWN
        case "message_outcome":
            outcome = event.message_outcome
            match outcome.WhichOneof("outcome"):
                case "unsubscribed" | "complained":
                    return True
                case "bounced":
                    return outcome.bounced.kind == BounceKind.BOUNCE_KIND_HARD
                case _:
                    return False
        case _:
            return False
