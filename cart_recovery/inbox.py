"""The local inbox: an SMTP server on loopback that keeps every message as a file and delivers none."""

import asyncio
import queue
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from cart_recovery.loop_thread import LoopThread

QUEUE_LIMIT = 100_000
"""Arrivals nobody has taken; one more is refused with a temporary error."""

_FILE_NAME = re.compile(r"(\d{6})\.eml")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One e-mail as it came in."""

    number: int
    """From 1, in the order of arrival."""
    path: Path
    recipient: str
    message: EmailMessage

    def link(self, pattern: str) -> str | None:
        """The first address in the text part that matches the pattern."""
        found = re.search(pattern, text_of(self.message))
        return found.group(0) if found else None


class Inbox:
    """The server over `directory`. Arrivals are observed with `take`."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._number = max((number for number, _ in list_inbox(directory)), default=0)
        self._arrivals: queue.Queue[Arrival] = queue.Queue(QUEUE_LIMIT)
        self.port = port
        """The port in use, once started."""

    def start(self) -> None:
        """Accepts mail on loopback."""
        self._loop = LoopThread("inbox")
        self._server = self._loop.call(self._listen())
        self.port = int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Closes the server; the files stay."""
        self._loop.call(self._close())
        self._loop.close()

    def take(self) -> list[Arrival]:
        """The messages that arrived since the last call, oldest first."""
        taken = []
        while True:
            try:
                taken.append(self._arrivals.get_nowait())
            except queue.Empty:
                return taken

    def keep(self, recipients: list[str], content: bytes) -> bool:
        """Writes one message to its file; False where too many wait to be taken."""
        if self._arrivals.full():
            return False
        self._number += 1
        path = self.directory / f"{self._number:06}.eml"
        draft = path.with_suffix(".part")
        draft.write_bytes(content)
        draft.rename(path)
        self._arrivals.put_nowait(Arrival(self._number, path, recipients[0], read_message(path)))
        return True

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        handler = _Handler(self)
        return await loop.create_server(lambda: SMTP(handler, hostname="inbox", loop=loop), "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()


class _Handler:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._inbox.keep(envelope.rcpt_tos, envelope.original_content or b""):
            return "250 kept"
        return "452 too many messages wait"


def list_inbox(directory: Path) -> list[tuple[int, Path]]:
    """Numbers and files of all messages, oldest first."""
    if not directory.is_dir():
        return []
    names = ((_FILE_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(name.group(1)), path) for name, path in names if name)


def read_message(path: Path) -> EmailMessage:
    """Parses one message file."""
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def text_of(message: EmailMessage) -> str:
    """The text part, or an empty string."""
    part = message.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def html_of(message: EmailMessage) -> str:
    """The HTML part, or an empty string."""
    part = message.get_body(("html",))
    return str(part.get_content()) if part is not None else ""
