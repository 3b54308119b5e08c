"""The little of HTTP/2 that a client needs that misbehaves (RFC 9113, RFC 7541)."""

import socket
import struct
from typing import BinaryIO

DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def open_connection(port: int, *, window: int = 65_535) -> socket.socket:
    """A connection whose client lets so many bytes of each answer through."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window)))
    return connection


def head(path: str, *, stream: int = 1) -> bytes:
    """The headers of a gRPC call."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "scorer"}
    fields |= {"content-type": "application/grpc", "te": "trailers"}
    return frame(HEADERS, END_HEADERS, stream, b"".join(literal(name, value) for name, value in fields.items()))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message(payload: bytes) -> bytes:
    """One message of gRPC's, not compressed."""
    return struct.pack(">BI", 0, len(payload)) + payload


def literal(name: str, value: str) -> bytes:
    """A header that no table knows (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def next_kind(answers: BinaryIO) -> int:
    """Reads a frame and tells its kind."""
    start = answers.read(9)
    answers.read(int.from_bytes(start[:3], "big"))
    return start[3]


def deaf_watcher(port: int, service: str) -> socket.socket:
    """A client that watches health and never opens its window, so that no answer gets through (RFC 9113, 6.9)."""
    connection = open_connection(port, window=0)
    everything = message(b"")
    connection.sendall(head(f"/{service}/Watch") + frame(DATA, END_STREAM, 1, everything))
    with connection.makefile("rb") as answers:
        # The head of the answer needs no window; after it the server waits.
        while next_kind(answers) != HEADERS:
            pass
    return connection


def unfinished_call(port: int, path: str) -> socket.socket:
    """A client that announces a message of 100 bytes and sends ten."""
    connection = open_connection(port)
    connection.sendall(head(path) + frame(DATA, 0, 1, struct.pack(">BI", 0, 100) + bytes(10)))
    return connection
