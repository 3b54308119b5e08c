"""Bounds the connections of the HTTP face, so that those whose clients keep silent keep nobody else out."""

from asyncio import Transport

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 256
"""So many are open at once. A new one beyond them takes the place of the one that has been open longest, among those
where the face waits for the client: for a request, for the rest of one, or for the client to read its answer."""


class Connection(H11Protocol):
    """One of so many connections. Uvicorn's own bound would answer 503 to everybody once the silent ones reach it."""

    opened_seconds: float
    """By the clock of the event loop."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Takes a place, another connection's where all are taken."""
        super().connection_made(transport)
        self.opened_seconds = self.loop.time()
        if len(self.connections) > CONNECTIONS:
            waiting = (one for one in self.connections if isinstance(one, Connection) and one.waits_for_client())
            min(waiting, key=lambda one: one.opened_seconds).give_way()

    def waits_for_client(self) -> bool:
        """Whether it is the client's turn; before a first request it is."""
        request = self.cycle
        return request is None or request.response_complete or request.more_body or self.flow.write_paused

    def give_way(self) -> None:
        """Closes at once, whatever is under way."""
        # The loop tells of the loss only later, and the place is free now.
        self.connections.discard(self)
        self.transport.abort()
