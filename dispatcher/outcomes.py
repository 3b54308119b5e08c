"""Events that tell the journal what happened to a send. Their ids derive from the send and the outcome, so that a
repeated report is counted once."""

import hashlib

from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import MessageOutcome


def outcome_event(
    storefront_id: str, alias: bytes, outcome: MessageOutcome, now_micros: int, detail: str = ""
) -> Event:
    """The event of one outcome. `detail` sets apart what may happen several times to one send, such as clicks on
    different links. The person is named by one alias only: the event must not link any."""
    event = Event(
        event_id=event_id(outcome, detail),
        storefront_id=storefront_id,
        message_outcome=outcome,
    )
    event.event_time.FromMicroseconds(now_micros)
    event.identity.aliases.append(alias)
    return event


def event_id(outcome: MessageOutcome, detail: str = "") -> str:
    """32 hexadecimal digits from (send, decision, outcome, detail)."""
    parts = (outcome.send_id, outcome.decision_id, outcome.WhichOneof("outcome") or "", detail)
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
    return digest[:32]
