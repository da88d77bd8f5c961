"""Just enough HTTP/2 to be a client that behaves badly."""

from __future__ import annotations

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_STREAM, END_HEADERS = 1, 4
_INITIAL_WINDOW_SIZE = 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113, 4.1."""
    length = struct.pack(">I", len(payload))[1:]
    return length + struct.pack(">BBI", kind, flags, stream) + payload


def settings(window: int | None = None) -> bytes:
    """A client's first frame; with a window, how much it takes of each stream."""
    if window is None:
        return frame(SETTINGS, 0, 0)
    payload = struct.pack(">HI", _INITIAL_WINDOW_SIZE, window)
    return frame(SETTINGS, 0, 0, payload)


def more_window(octets: int) -> bytes:
    """How much more the client takes on the connection."""
    return frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", octets))


def headers(path: str) -> bytes:
    """Of a gRPC call, in words that no table remembers (RFC 7541, 6.2.2)."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(literal(name, value) for name, value in fields.items())


def literal(name: str, value: str) -> bytes:
    """One field."""
    block = b"\0" + bytes([len(name)]) + name.encode()
    return block + bytes([len(value)]) + value.encode()


def begin(stream: int, path: str) -> bytes:
    """The head of a call, its message still to come."""
    return frame(HEADERS, END_HEADERS, stream, headers(path))


def message(stream: int, content: bytes) -> bytes:
    """The one message of a call, and that there is no more."""
    prefixed = b"\0" + struct.pack(">I", len(content)) + content
    return frame(DATA, END_STREAM, stream, prefixed)


def connect(port: int, *frames: bytes, buffer: int | None = None) -> socket.socket:
    """A connection on which some frames have been sent.

    Args:
        port: On this machine.
        frames: They follow the preface.
        buffer: Bytes for what has been received and not read; None for as many as the
            system likes.
    """
    connection = socket.socket()
    connection.settimeout(20)
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.connect(("127.0.0.1", port))
    connection.sendall(PREFACE + b"".join(frames))
    return connection
