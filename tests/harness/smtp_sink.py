"""An SMTP server on loopback that records every message that reached it, and misbehaves for chosen recipients."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cart_recovery.addresses import free_port

_HANG_SECONDS = 60.0


class Behaviour(Enum):
    """How the server treats one attempt."""

    TAKE = "take"
    LATER = "4xx after RCPT"
    NEVER = "5xx after RCPT"
    HANG = "no answer after the content"
    DROP = "the connection is cut after the content"


@dataclass(frozen=True)
class Delivery:
    """One message whose whole content reached the server."""

    recipient: str
    content: bytes
    arrived: float
    """By the monotonic clock."""
    taken: bool
    """The server answered 250."""

    @property
    def message(self) -> EmailMessage:
        """The parsed message."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def message_id(self) -> str:
        """Its Message-ID."""
        return str(self.message["Message-ID"])


class SmtpSink:
    """The server. Whatever it recorded outlives a stop and a new start, which keeps the port."""

    def __init__(self) -> None:
        # The controller calls its own port after the start, so it has to know it before.
        self.port = free_port()
        self.answer_delay_seconds = 0.0
        """How long the server thinks before it answers to the content."""
        self._plans: dict[str, list[Behaviour]] = {}
        self._attempts: Counter[str] = Counter()
        self._deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._controller: Controller | None = None

    def start(self) -> None:
        """Accepts mail."""
        self._controller = Controller(_Handler(self), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Closes the port; harmless when it is closed."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.stop()

    def plan(self, recipient: str, *behaviours: Behaviour) -> None:
        """What the next attempts for this recipient meet; the last behaviour stays."""
        with self._lock:
            self._plans[recipient] = list(behaviours)

    def deliveries(self, recipient: str | None = None) -> list[Delivery]:
        """The messages so far, oldest first."""
        with self._lock:
            return [one for one in self._deliveries if recipient in (None, one.recipient)]

    def attempts(self, recipient: str) -> int:
        """How often somebody tried to send to this recipient."""
        with self._lock:
            return self._attempts[recipient]

    def repeated(self) -> dict[str, int]:
        """Message-IDs that arrived more than once, with their counts."""
        counts = Counter(delivery.message_id for delivery in self.deliveries())
        return {message_id: count for message_id, count in counts.items() if count > 1}

    def begin(self, recipient: str) -> Behaviour:
        """Counts an attempt and says how it is treated."""
        with self._lock:
            self._attempts[recipient] += 1
            plan = self._plans.get(recipient, [Behaviour.TAKE])
            return plan.pop(0) if len(plan) > 1 else plan[0]

    def record(self, envelope: Envelope, *, taken: bool) -> None:
        """Keeps a message."""
        content = envelope.original_content or b""
        delivery = Delivery(envelope.rcpt_tos[0], content, time.monotonic(), taken)
        with self._lock:
            self._deliveries.append(delivery)


class _Handler:
    def __init__(self, sink: SmtpSink) -> None:
        self._sink = sink
        self._behaviours: dict[Session, Behaviour] = {}

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        behaviour = self._sink.begin(address)
        if behaviour is Behaviour.LATER:
            return "451 4.3.2 try again later"
        if behaviour is Behaviour.NEVER:
            return f"550 5.1.1 <{address}> no such mailbox"
        self._behaviours[session] = behaviour
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        behaviour = self._behaviours.pop(session)
        self._sink.record(envelope, taken=behaviour is Behaviour.TAKE)
        if behaviour is Behaviour.HANG:
            await asyncio.sleep(_HANG_SECONDS)
        if behaviour is Behaviour.DROP and server.transport is not None:
            cast("asyncio.Transport", server.transport).abort()
        await asyncio.sleep(self._sink.answer_delay_seconds)
        return "250 taken"
