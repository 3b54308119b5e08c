"""A redis-server of our own for the length of a benchmark, and the little of its protocol that is needed (RESP2)."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cart_recovery.addresses import free_port
from loadtests.benchmarks.peer import PeerMissing, started

_START_SECONDS = 20.0
_POLL_SECONDS = 0.05
_BATCH = 1_000
"""Commands sent before their replies are read."""

Word = bytes | str | int
Reply = bytes | int | list["Reply"] | None


class RedisRefused(Exception):
    """Redis answered an error."""


class Redis:
    """One connection."""

    def __init__(self, address: str) -> None:
        """Connects. Raises OSError."""
        host, _, port = address.rpartition(":")
        self.address = address
        self._socket = socket.create_connection((host, int(port)))
        self._replies = self._socket.makefile("rb")

    def close(self) -> None:
        """Ends the connection."""
        self._replies.close()
        self._socket.close()

    def command(self, *words: Word) -> Reply:
        """The reply to one command. Raises RedisRefused."""
        self._socket.sendall(_encoded(words))
        return self._read()

    def commands(self, many: Iterable[tuple[Word, ...]]) -> None:
        """Sends many commands in batches; their replies must be no errors. Raises RedisRefused."""
        waiting: list[bytes] = []
        for words in many:
            waiting.append(_encoded(words))
            if len(waiting) == _BATCH:
                self._send(waiting)
                waiting = []
        self._send(waiting)

    def fact(self, section: str, name: str) -> str:
        """One line of INFO."""
        text = self.command("INFO", section)
        lines = text.decode().splitlines() if isinstance(text, bytes) else []
        return next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))

    def _send(self, commands: list[bytes]) -> None:
        self._socket.sendall(b"".join(commands))
        for _ in commands:
            self._read()

    def _read(self) -> Reply:
        line = self._replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-" or not line:
            raise RedisRefused(rest.decode() or "the connection is closed")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        return rest


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Starts a redis-server, and ends it. Raises PeerMissing."""
    port = free_port()
    with started("redis_server", str(port)) as peer:
        peer.hear()
        redis = _connected(f"127.0.0.1:{port}")
        try:
            yield redis
        finally:
            redis.close()


def _connected(address: str) -> Redis:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            return Redis(address)
        except OSError as error:
            if time.monotonic() > end:
                raise PeerMissing(f"redis-server does not listen: {error.strerror or error}") from None
            time.sleep(_POLL_SECONDS)


def _encoded(words: tuple[Word, ...]) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
