"""The little of HTTP/2 that a client needs that misbehaves, or leaves all to the server (RFC 9113, RFC 7541)."""

import itertools
import socket
import struct
from typing import BinaryIO

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

HUFFMAN_CODES = {sign: f"{at:05b}" for at, sign in enumerate("012aceiost")}
HUFFMAN_CODES |= {sign: f"{at:06b}" for at, sign in enumerate(" %-./3456789=A_bdfghlmnpru", start=20)}
"""Of the signs that take five and six bits (RFC 7541, appendix B)."""


def open_connection(port: int, *, window: int = 65_535) -> socket.socket:
    """A connection whose client lets so many bytes of each answer through."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window)))
    return connection


def head(path: str, *, stream: int = 1, **more: str) -> bytes:
    """The headers of a gRPC call, and more of them."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "scorer"}
    fields |= {"content-type": "application/grpc", "te": "trailers"} | more
    return frame(HEADERS, END_HEADERS, stream, b"".join(literal(name, value) for name, value in fields.items()))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header that no table knows (RFC 7541, 6.2.2)."""
    return b"\0" + plain(name) + plain(value)


def message(content: bytes, *, stream: int = 1) -> bytes:
    """The one message of a call."""
    return frame(DATA, END_STREAM, stream, struct.pack(">BI", 0, len(content)) + content)


def next_frame(answers: BinaryIO) -> tuple[int, int, bytes]:
    """Reads a frame: kind, flags, payload."""
    start = answers.read(9)
    return start[3], start[4], answers.read(int.from_bytes(start[:3], "big"))


def status_of(answers: BinaryIO) -> int:
    """The status in the trailers of the first answer of a connection."""
    kind, flags, payload = next_frame(answers)
    while kind != HEADERS or not flags & END_STREAM:
        assert kind != RST_STREAM, "the call ended without trailers"
        kind, flags, payload = next_frame(answers)
    encodings = itertools.product((plain, in_huffman_code), range(17))
    return next(code for encode, code in encodings if encode("grpc-status") + encode(str(code)) in payload)


def plain(text: str) -> bytes:
    """A string as it is (RFC 7541, 5.2)."""
    return bytes([len(text)]) + text.encode()


def in_huffman_code(text: str) -> bytes:
    """A string of frequent signs in Huffman's code, filled up with ones."""
    bits = "".join(HUFFMAN_CODES[sign] for sign in text)
    length = -(-len(bits) // 8)
    return bytes([0x80 | length]) + int(bits.ljust(8 * length, "1"), 2).to_bytes(length, "big")


def deaf_watcher(port: int, service: str) -> socket.socket:
    """A client that watches health and never opens its window, so that no answer gets through (RFC 9113, 6.9)."""
    connection = open_connection(port, window=0)
    everything = b""
    connection.sendall(head(f"/{service}/Watch") + message(everything))
    with connection.makefile("rb") as answers:
        # The head of the answer needs no window; after it the server waits.
        while next_frame(answers)[0] != HEADERS:
            pass
    return connection


def unfinished_call(port: int, path: str) -> socket.socket:
    """A client that announces a message of 100 bytes and sends ten."""
    connection = open_connection(port)
    connection.sendall(head(path) + frame(DATA, 0, 1, struct.pack(">BI", 0, 100) + bytes(10)))
    return connection
