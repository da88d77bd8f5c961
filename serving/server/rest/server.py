"""HTTP server: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from serving.server.addresses import bare, cannot_listen
from serving.server.options import RestOptions
from serving.server.rest.http import Handler

_LOG = logging.getLogger(__name__)
# For the framework, which logs a traceback for every malformed request line.
_QUIET = logging.getLogger(f"{__name__}.http")
_QUIET.setLevel(logging.CRITICAL)
_BACKLOG = 1024
_HANDSHAKE_SECONDS = 10.0
#: How long a client may go on sending what nobody reads, to get its refusal.
_LINGER_SECONDS = 2.0


class RestServer:
    """Serves HTTP, or HTTPS if there is a context for TLS, beside gRPC.

    Attributes:
        port: The port, once started.
    """

    def __init__(
        self,
        handler: Handler,
        options: RestOptions,
        tls: ssl.SSLContext | None = None,
    ):
        self._handler = handler
        self._options = options
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)
        self.port = 0

    def start(self, host: str) -> None:
        """Opens the port; StartupFailed if it cannot be had."""
        self._thread.start()
        try:
            self.port = self._call(self._open(bare(host)))
        except OSError as error:
            self._end()
            raise cannot_listen(host, self._options.port, error) from error

    def stop(self, grace: float | None = None) -> None:
        """See :meth:`Server.stop`; status and health are answered meanwhile."""
        self._call(self._close(grace))
        self._handler.close(wait=grace is None)
        self._end()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_log_quietly)
        self._loop.run_forever()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, host: str) -> int:
        self._web = web.Server(
            self._handler.handle,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._options.idle_seconds,
            lingering_time=_LINGER_SECONDS,
            logger=_QUIET,
        )
        self._listener = await self._loop.create_server(
            self._web,
            sock=_listening(host, self._options.port),
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else _HANDSHAKE_SECONDS,
        )
        return self._listener.sockets[0].getsockname()[1]

    async def _close(self, grace: float | None) -> None:
        await self._handler.drain(grace)
        self._listener.close()
        await self._web.shutdown(0.1)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _listening(host: str, port: int) -> socket.socket:
    """A socket, for both families if the host is ``::``, as gRPC has it."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Without reuse_port, or two servers could share a port without noticing.
    return socket.create_server(
        address,
        family=family,
        backlog=_BACKLOG,
        dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
    )


def _log_quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Broken connections and handshakes are the clients' affair."""
    error = context.get("exception")
    if isinstance(error, OSError):
        _LOG.debug("%s: %s", context.get("message"), error)
    else:
        _LOG.error("%s", context.get("message"), exc_info=error)
