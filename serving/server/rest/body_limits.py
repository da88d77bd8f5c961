"""Bodies of HTTP requests: received whole, within limits of size, time and memory."""

from __future__ import annotations

import asyncio
import zlib

import grpc
from aiohttp import web

from serving.server.rest.responses import BadBody

#: What all bodies that are being received or wait may take together.
_BUDGET_IN_BODIES = 4

_FULL = grpc.StatusCode.RESOURCE_EXHAUSTED


class Bodies:
    """Receives bodies of so many bytes within so many seconds; for the event loop."""

    def __init__(self, limit: int, timeout: float):
        self._limit = limit
        self._timeout = timeout
        self._held = 0

    async def receive(self, request: web.BaseRequest) -> bytes:
        """The whole body. Give it back with :meth:`release`."""
        announced = request.content_length or 0
        if announced > self._limit:
            raise self._too_large(f"{announced}")
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        received = bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                async for chunk in request.content.iter_any():
                    received += chunk
                    self._held += len(chunk)
                    if len(received) > self._limit:
                        raise self._too_large(f"{len(received)} and more")
                    if self._held > self._limit * _BUDGET_IN_BODIES:
                        raise BadBody(429, "too many large requests at once", _FULL)
        except BaseException as error:
            self.release(len(received))
            if isinstance(error, TimeoutError):
                raise BadBody(
                    408,
                    f"the request did not arrive within {self._timeout:g} seconds",
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                ) from None
            if isinstance(error, web.RequestPayloadError):
                raise BadBody(400, f"the body cannot be received: {error}") from None
            raise
        return bytes(received)

    def release(self, count: int) -> None:
        """Says that so many received bytes are not needed any more."""
        self._held -= count

    def _too_large(self, received: str) -> BadBody:
        return BadBody(
            413,
            f"Too large a body. Expected: at most {self._limit} bytes. "
            f"Received: {received}",
            _FULL,
        )


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its Content-Encoding, of at most ``limit`` bytes."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise BadBody(
            415,
            "`Content-Encoding` must be known. Expected: gzip or identity. "
            f"Received: {encoding}",
        )
    inflated = bytearray()
    try:
        while body:  # a gzip file may consist of several
            member = zlib.decompressobj(wbits=31)
            inflated += member.decompress(body, limit + 1 - len(inflated))
            if len(inflated) > limit:
                raise BadBody(
                    413,
                    f"Too large a body. Expected: at most {limit} bytes after gzip. "
                    "Received: more",
                    _FULL,
                )
            if not member.eof:
                raise BadBody(400, "the gzip data of the request is cut short")
            body = member.unused_data
    except zlib.error as error:
        raise BadBody(400, f"the gzip data of the request is broken: {error}") from None
    return bytes(inflated)
