"""Real servers on loopback that the dispatcher talks to in tests: NATS and SMTP."""

# ruff: noqa: N802 - the handlers are named by aiosmtpd
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd import smtp
from aiosmtpd.smtp import Envelope, Session

from cart_recovery.addresses import free_port

NATS_SERVER = Path(sys.executable).parent / "nats-server"


@contextmanager
def nats_server(directory: Path) -> Iterator["NatsServer"]:
    """A nats-server of the test's own."""
    server = NatsServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class NatsServer:
    """A nats-server that loses nothing it acknowledged, and may be killed and started again on the same store."""

    def __init__(self, directory: Path) -> None:
        self._port = free_port()
        self.url = f"nats://127.0.0.1:{self._port}"
        self._configuration = directory / "nats.conf"
        self._configuration.write_text(
            f"host: 127.0.0.1\nport: {self._port}\n"
            f'jetstream {{ store_dir: "{directory}/store", sync_interval: always }}\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [NATS_SERVER, "-c", self._configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for_port(self._port)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _wait_for_port(port: int) -> None:
    # The port opens only when JetStream is ready.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


@dataclass
class Behaviour:
    """How the mail server answers. Each list is used up call by call; an empty one means acceptance."""

    recipient_replies: list[str | bytes] = field(default_factory=list)
    content_replies: list[str] = field(default_factory=list)
    drop_after_content: bool = False
    hang_at_recipient: bool = False
    hang_after_content: bool = False


def drop(session: smtp.SMTP) -> None:
    """Cuts a connection without a word."""
    if isinstance(session.transport, asyncio.Transport):
        session.transport.abort()


class MailServer:
    """An SMTP server that keeps what it accepted, and can refuse, hang, or vanish after the final dot."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.accepted: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.arrived = asyncio.Event()
        """Set when content has arrived, whatever the reply to it will be."""
        self.asked = asyncio.Event()
        """Set when a recipient was named."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._sessions: list[smtp.SMTP] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            drop(session)
        await asyncio.sleep(0)

    def _session(self) -> smtp.SMTP:
        session = smtp.SMTP(self, hostname="mail.example", enable_SMTPUTF8=True, loop=asyncio.get_running_loop())
        self._sessions.append(session)
        return session

    async def handle_RCPT(
        self, _server: smtp.SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str | bytes:
        self.asked.set()
        if self.behaviour.hang_at_recipient:
            await asyncio.Event().wait()
        if self.behaviour.recipient_replies:
            return self.behaviour.recipient_replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: smtp.SMTP, _session: Session, envelope: Envelope) -> str:
        if self.behaviour.content_replies:
            self.arrived.set()
            return self.behaviour.content_replies.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        parsed = message_from_bytes(content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.accepted.append(parsed)
        self.recipients.extend(envelope.rcpt_tos)
        self.arrived.set()
        if self.behaviour.drop_after_content:
            drop(server)
        if self.behaviour.hang_after_content:
            await asyncio.Event().wait()
        return "250 taken"
