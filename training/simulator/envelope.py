"""Who and where: what all events of one visit share."""

from typing import Any

from cart_recovery.v1.event_pb2 import Context, Event
from cart_recovery.v1.person_pb2 import Identity


class Envelope:
    """Makes the events of one visit, each with its own event id."""

    def __init__(self, storefront_id: str, visit_id: str, identity: Identity, context: Context) -> None:
        self.visit_id = visit_id
        self._template = Event(storefront_id=storefront_id, identity=identity, context=context)
        self._made = 0

    def event(self, time_micros: int, **kind: Any) -> Event:
        """An event of the given kind, `kind` being one field of the oneof."""
        event = Event(**kind)
        event.MergeFrom(self._template)
        event.event_id = f"{self.visit_id}-{self._made}"
        event.event_time.FromMicroseconds(time_micros)
        self._made += 1
        return event
