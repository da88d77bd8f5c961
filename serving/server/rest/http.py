"""HTTP requests to replies: what is answered where, and what is turned away."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from serving.server.refusal import Refusal, unavailable
from serving.server.rest import routes
from serving.server.rest.api import Api
from serving.server.rest.options import RestOptions
from serving.server.rest.request_bodies import BadBody, Bodies, inflate
from serving.server.rest.responses import Reply, refused
from serving.server.rest.routes import Target
from serving.server.rest.worker_threads import Lane

_LOG = logging.getLogger(__name__)

HEALTH_PATH = "/healthz"

_NOT_FOUND = Reply(
    404,
    "<html><head><title>404 Not Found</title></head>"
    "<body><h1>Not Found</h1></body></html>\n",
    "text/html",
)
_STOPPING = "the server is shutting down"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_PREDICTIONS = ("predict", "classify", "regress")


@dataclass
class _Load:
    """What is under way; touched by the event loop only."""

    requests: int = 0
    draining: bool = False


class Handler:
    """Answers HTTP requests; its methods run on the event loop.

    Models are computed in a pool of threads, what probes ask in another thread, so
    that they get their answers however busy the models are.

    Args:
        api: What answers for the models.
        options: Limits.
        metrics: Makes the page of metrics; None if there is none.
    """

    def __init__(
        self, api: Api, options: RestOptions, metrics: Callable[[], str] | None
    ):
        self._api = api
        self._options = options
        self._metrics = metrics
        self._bodies = Bodies(options.max_body_bytes, options.slow_client_seconds)
        self._models = Lane(options.threads, options.queued, "rest")
        self._probes = Lane(1, options.queued, "rest-probes")
        self._load = _Load()
        self._idle = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, and sends the answer."""
        self._load.requests += 1
        self._idle.clear()
        try:
            reply = await self._reply(request)
            return await self._send(request, reply)
        finally:
            self._load.requests -= 1
            if not self._load.requests:
                self._idle.set()

    async def drain(self, grace: float | None) -> None:
        """Turns new calls away and waits for those in flight, at most ``grace``."""
        self._load.draining = True
        if self._load.requests:
            try:
                await asyncio.wait_for(self._idle.wait(), grace)
            except TimeoutError:
                pass

    def close(self, wait: bool) -> None:
        """Ends the threads."""
        self._models.close(wait)
        self._probes.close(wait)

    async def _reply(self, request: web.BaseRequest) -> Reply:
        path = _path(request.raw_path)
        if path == HEALTH_PATH:
            return self._health()
        if self._metrics is not None and path == self._options.metrics_path:
            return await self._probe(_page, self._metrics)
        if not path.lower().startswith("/v1/"):
            return _NOT_FOUND
        if request.method == "OPTIONS" and self._options.cors:
            return Reply(200, "")
        try:
            target = routes.parse(request.method, path)
        except Refusal as refusal:
            return refused(refusal)
        deadline = None
        if self._options.timeout_ms > 0:
            deadline = time.monotonic() + self._options.timeout_ms / 1000
        if target.verb not in _PREDICTIONS:
            return await self._probe(self._api.answer, target, b"", deadline)
        if self._load.draining:
            return self._api.refuse(target, unavailable(_STOPPING))
        return await self._predict(request, target, deadline)

    def _health(self) -> Reply:
        waiting = [name for name, up in self._api.models.served().items() if not up]
        if self._load.draining:
            return refused(unavailable(_STOPPING))
        if waiting:
            return refused(unavailable(f"not available: {', '.join(sorted(waiting))}"))
        return Reply(200, '{\n    "status": "SERVING"\n}')

    async def _predict(
        self, request: web.BaseRequest, target: Target, deadline: float | None
    ) -> Reply:
        held = 0
        try:
            self._models.check()  # before a body is received for nothing
            body = await self._bodies.receive(request)
            held = len(body)
            encoding = request.headers.get("Content-Encoding", "").strip().lower()
            return await self._models.run(
                self._compute, target, body, encoding, deadline
            )
        except Refusal as refusal:
            return self._api.refuse(target, refusal)
        except BadBody as error:
            reply = self._api.refuse(target, error.refusal)
            return dataclasses.replace(reply, status=error.status)
        finally:
            self._bodies.release(held)

    def _compute(
        self, target: Target, body: bytes, encoding: str, deadline: float | None
    ) -> Reply:
        plain = inflate(body, encoding, self._options.max_body_bytes)
        return self._api.answer(target, plain, deadline)

    async def _probe(self, function: Callable[..., Reply], *arguments: object) -> Reply:
        try:
            return await self._probes.run(function, *arguments)
        except Refusal as refusal:
            return refused(refusal)

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.Response:
        response = web.Response(
            status=reply.status,
            body=reply.text.encode("utf-8"),
            content_type=reply.content_type,
            headers=_CORS if self._options.cors else None,
        )
        if self._load.draining or not request.content.is_eof():
            # Reading on would be up to the client's good will.
            response.force_close()
        try:
            async with asyncio.timeout(self._options.slow_client_seconds):
                await response.prepare(request)
                await response.write_eof()
                await request.writer.drain()
        except TimeoutError:
            _LOG.info("a client did not take its answer in time")
            if request.transport is not None:
                request.transport.abort()
        return response


def _page(metrics: Callable[[], str]) -> Reply:
    return Reply(200, metrics(), "text/plain")


def _path(raw: str) -> str:
    """The path of a request's target, which may be a whole URL."""
    scheme, separator, rest = raw.partition("://")
    if separator and scheme.isalpha():
        raw = f"/{rest.partition('/')[2]}"
    return raw.partition("?")[0].partition("#")[0]
