"""HTTP requests: which path is answered by what, and what is refused at the door."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

from aiohttp import web

from serving.server.options import RestOptions
from serving.server.refusal import Refusal, unavailable
from serving.server.rest import openapi, page, routes
from serving.server.rest.api import Api
from serving.server.rest.body_limits import Bodies, inflate
from serving.server.rest.responses import HttpResponse, refused
from serving.server.rest.routes import Target

_LOG = logging.getLogger(__name__)

HEALTH_PATH = "/healthz"

_NOT_FOUND = HttpResponse(
    404,
    "<html><head><title>404 Not Found</title></head>"
    "<body><h1>Not Found</h1></body></html>\n",
    "text/html",
)
_ROOT = HttpResponse(
    200,
    '{\n    "api": "/v1/models/NAME[/versions/VERSION|/labels/LABEL]'
    '[:predict|:classify|:regress|/metadata]",\n'
    f'    "openapi": "{openapi.PATH}",\n'
    f'    "health": "{HEALTH_PATH}",\n'
    '    "page": "none: start the server with --ui"\n}',
)
_STOPPING = "the server is shutting down"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_PREDICTIONS = ("predict", "classify", "regress")
_Result = TypeVar("_Result")


class Handler:
    """Answers HTTP requests; its methods run on the event loop.

    Models are computed in some threads, what probes ask in another one, so that they
    get their answers however busy the models are.
    """

    def __init__(
        self,
        api: Api,
        options: RestOptions,
        metrics: Callable[[], str] | None = None,
    ):
        self._api = api
        self._options = options
        self._metrics = metrics
        self._files = page.files() if options.page else {"/": _ROOT}
        self._bodies = Bodies(options.max_body_bytes, options.slow_client_seconds)
        self._computing = futures.ThreadPoolExecutor(options.threads, "rest")
        self._probing = futures.ThreadPoolExecutor(1, "rest-probes")
        self._requests = 0
        self._draining = False
        self._idle = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, and sends the response."""
        self._requests += 1
        self._idle.clear()
        try:
            response = await self._respond(request)
            return await self._send(request, response)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def drain(self, grace: float | None) -> None:
        """Turns new calls away and waits for those in flight, at most ``grace``."""
        self._draining = True
        if self._requests:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)

    def close(self, wait: bool) -> None:
        """Ends the threads."""
        for threads in (self._computing, self._probing):
            threads.shutdown(wait=wait, cancel_futures=True)

    async def _respond(self, request: web.BaseRequest) -> HttpResponse:
        path = _path(request.raw_path)
        if path in self._files and request.method == "GET":
            return self._files[path]
        if path == openapi.PATH and request.method == "GET":
            return HttpResponse(200, await _run(self._probing, self._describe))
        if path == HEALTH_PATH:
            return self._health()
        if self._metrics is not None and path == self._options.metrics_path:
            page = await _run(self._probing, self._metrics)
            return HttpResponse(200, page, "text/plain")
        if not path.lower().startswith("/v1/"):
            return _NOT_FOUND
        if request.method == "OPTIONS" and self._options.cors:
            return HttpResponse(200, "")
        try:
            target = routes.parse(request.method, path)
        except Refusal as refusal:
            return refused(refusal)
        deadline = math.inf
        if self._options.timeout_ms > 0:
            deadline = time.monotonic() + self._options.timeout_ms / 1000
        if target.verb in _PREDICTIONS:
            return await self._predict(request, target, deadline)
        return await _run(self._probing, self._api.respond, target, bytes, deadline)

    def _describe(self) -> str:
        metrics_path = None if self._metrics is None else self._options.metrics_path
        return openapi.document(self._api.flow.models.answering(), metrics_path)

    def _health(self) -> HttpResponse:
        served = self._api.flow.models.served()
        waiting = sorted(name for name, is_up in served.items() if not is_up)
        if self._draining:
            return refused(unavailable(_STOPPING))
        if waiting:
            return refused(unavailable(f"not available: {', '.join(waiting)}"))
        return HttpResponse(200, '{\n    "status": "SERVING"\n}')

    async def _predict(
        self, request: web.BaseRequest, target: Target, deadline: float
    ) -> HttpResponse:
        held, admission = 0, self._api.flow.admission
        try:
            if self._draining:
                raise unavailable(_STOPPING)
            admission.check()  # before a body is received for nothing
            received = await self._bodies.receive(request)
            held = len(received)
            encoding = request.headers.get("Content-Encoding", "").strip().lower()
            body = functools.partial(
                inflate, received, encoding, self._options.max_body_bytes
            )
            async with admission.admit_on_loop(deadline):
                respond = self._api.respond
                return await _run(self._computing, respond, target, body, deadline)
        except Refusal as refusal:
            return self._api.refuse(target, refusal)
        finally:
            self._bodies.release(held)

    async def _send(
        self, request: web.BaseRequest, response: HttpResponse
    ) -> web.Response:
        sent = web.Response(
            status=response.status,
            body=response.text.encode("utf-8"),
            content_type=response.content_type,
            headers={**response.headers, **(_CORS if self._options.cors else {})},
        )
        if self._draining or not request.content.is_eof():
            # Reading on would be up to the client's good will.
            sent.force_close()
        try:
            async with asyncio.timeout(self._options.slow_client_seconds):
                await sent.prepare(request)
                await sent.write_eof()
                await request.writer.drain()
        except TimeoutError:
            _LOG.info("a client did not take its answer in time")
            if request.transport is not None:
                request.transport.abort()
        return sent


async def _run(
    threads: futures.Executor, function: Callable[..., _Result], *arguments: object
) -> _Result:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, function, *arguments)


def _path(raw: str) -> str:
    """The path of a request's target, which may be a whole URL."""
    scheme, separator, rest = raw.partition("://")
    if separator and scheme.isalpha():
        raw = f"/{rest.partition('/')[2]}"
    return raw.partition("?")[0].partition("#")[0]
