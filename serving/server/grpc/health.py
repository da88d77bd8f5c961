"""Health service of gRPC: serving until the server drains.

That of the package ``grpcio-health-checking`` keeps streams of ``Watch`` open for ever,
so a server that drains would wait for its watchers. It also holds its lock while it
sends, which gRPC's only polling thread may be waiting for: then nobody is served any
more.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_RESPONSE = health_pb2.HealthCheckResponse
_THREADS = 16


@dataclass(eq=False)
class _Watcher:
    service: str
    context: grpc.ServicerContext
    send: Callable[[Any], None]  # returns once a message has gone out; None is the end
    greeted: bool = False  # whether the first message has


class Health:
    """Answers ``Check`` for these services, and tells watchers when the server drains.

    A watcher holds no thread.
    """

    def __init__(self, services: Collection[str]):
        self._services = frozenset(services)
        self._changed = threading.Condition()  # never held while something is sent
        self._watchers: set[_Watcher] = set()
        self._draining = False

    def handler(self) -> grpc.GenericRpcHandler:
        """The service, for ``grpc.server``."""
        watch = functools.partial(self._watch)
        # gRPC then passes a function that sends, instead of iterating in a thread.
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        wire = (health_pb2.HealthCheckRequest.FromString, _RESPONSE.SerializeToString)
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, *wire),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, *wire),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, handlers)

    def drain(self, seconds: float = 1.0) -> None:
        """Tells watchers that nothing is served any more, and ends their streams.

        Those of watchers who do not read are cancelled after so many seconds.
        """
        with self._changed:
            self._draining = True
            greeted = [watcher for watcher in self._watchers if watcher.greeted]
        sending = ThreadPoolExecutor(_THREADS, "health")
        for watcher in greeted:
            sending.submit(self._end, watcher)
        with self._changed:
            self._changed.wait_for(lambda: not self._watchers, seconds)
            deaf = list(self._watchers)
        for watcher in deaf:
            watcher.context.cancel()
        sending.shutdown(wait=False)

    def _check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._services:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return _RESPONSE()
        return _RESPONSE(status=self._status(request.service))

    def _watch(
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.ServicerContext,
        send: Callable[[Any], None],
    ) -> None:
        watcher = _Watcher(request.service, context, send)
        with self._changed:
            self._watchers.add(watcher)
        if not context.add_callback(lambda: self._forget(watcher)):
            self._forget(watcher)
            return
        send(_RESPONSE(status=self._status(watcher.service)))
        with self._changed:
            watcher.greeted = True
            is_over = self._draining
        if is_over:
            self._end(watcher)

    def _end(self, watcher: _Watcher) -> None:
        if watcher.service in self._services:
            watcher.send(_RESPONSE(status=_RESPONSE.NOT_SERVING))
        watcher.send(None)

    def _forget(self, watcher: _Watcher) -> None:
        with self._changed:
            self._watchers.discard(watcher)
            self._changed.notify_all()

    def _status(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        if service not in self._services:
            return _RESPONSE.SERVICE_UNKNOWN
        return _RESPONSE.NOT_SERVING if self._draining else _RESPONSE.SERVING
