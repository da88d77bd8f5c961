"""Server of models over gRPC, and REST if wanted, with TF Serving's API."""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from serving.errors import MissingExtra, StartupFailed
from serving.server.addresses import bracketed, check_address
from serving.server.admission import Admission
from serving.server.batching import Scheduler
from serving.server.config.config_file import ConfigFile
from serving.server.config.model_config import of_paths
from serving.server.grpc.malformed_requests import RefuseMalformed
from serving.server.grpc.service import handlers
from serving.server.observability.events import Event, Listener
from serving.server.options import RestOptions, ServerOptions
from serving.server.request_flow import RequestFlow
from serving.server.tls import grpc_credentials, ssl_context
from serving.server.versions.later import Later
from serving.server.versions.loading import SavedModelLoader
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.polling import Poller
from serving.server.versions.servable import Servable

if TYPE_CHECKING:  # they need aiohttp and prometheus-client
    from serving.server.observability.metrics import Metrics
    from serving.server.rest.server import RestServer

# TF Serving's names: not the full names of the services.
_HEALTH_NAMES = ("", "PredictionService", "ModelService")

# Calls beyond those that compute or wait: slow to arrive or to be taken, or probes.
_MORE_CALLS = 1000
_PENDING = 50_000


class Server:
    """Serves models over gRPC, and REST if wanted, with TF Serving's API.

    Models are loaded first; the ports open once they can be asked.

    Args:
        models: Folder of versions by model name, or a file with a ModelServerConfig
            in protobuf's text format.
        options: How to run.

    Attributes:
        port: The port for gRPC, once started.
        rest_port: The port for REST, once started; 0 without.
        servables: What could be asked at the start.

    ::

        with serving.embedded.Server({"pronounce": path}, options) as server:
            client = serving.Client(f"127.0.0.1:{server.port}", model="pronounce")
    """

    def __init__(
        self,
        models: Mapping[str, str | os.PathLike[str]] | ConfigFile,
        options: ServerOptions | None = None,
    ):
        self._options = options = options or ServerOptions()
        self._file = models if isinstance(models, ConfigFile) else None
        if isinstance(models, ConfigFile):
            config = models.first()
        else:
            config = of_paths({name: Path(path) for name, path in models.items()})
        self._listeners: list[Listener] = []
        self._observers = list(options.observers)
        self._scheduler, session = None, options.session
        if options.batching is not None:
            self._scheduler = Scheduler(options.batching, self._tell)
            session = options.batching.shared(session)
        warmups = options.warmup_iterations
        self._admissions: list[Admission] = []
        self._later = Later(lambda: min(each.idle() for each in self._admissions))
        loader = SavedModelLoader(
            options.tags, session, warmups, self._scheduler, self._tell, self._later
        )
        self._models = ModelManager(config, loader, options.loads)
        self._pollers: list[Poller] = []
        self.servables: list[Servable] = []
        self.port = 0
        self.rest_port = 0

    def start(self) -> None:
        """Loads the models and opens the port.

        Raises:
            StartupFailed: A model cannot be loaded, the port is taken, or a package
                is missing.
        """
        options, rest = self._options, self._options.rest
        _require_extras(rest)
        check_address(options.host, options.port)
        if rest is not None:
            check_address(options.host, rest.port)
        metrics = None
        if rest is not None and rest.metrics_path is not None:
            from serving.server.observability.metrics import Metrics

            metrics = Metrics(self._models.served)
            self._listeners.append(metrics.observe_event)
            self._observers.append(metrics.observe)
        self.servables = self._models.start()
        self._build()
        self._rest = None if rest is None else self._build_rest(rest, metrics)
        try:
            self.port = self._open_port()
            if self._rest is not None:
                self._rest.start(options.host)
                self.rest_port = self._rest.port
        except StartupFailed:
            self._server.stop(None)
            self._executor.shutdown()
            raise
        self._server.start()
        self._later.start()
        self._pollers.append(Poller(options.poll_seconds, self._models.poll))
        if self._file is not None:
            again = functools.partial(self._file.look, self._models)
            self._pollers.append(Poller(options.config_poll_seconds, again))

    def stop(self, grace: float | None = None) -> None:
        """Takes no new calls, waits for those in flight, then closes.

        Args:
            grace: Seconds after which calls still in flight are cut off; None waits
                for them however long they take.
        """
        for poller in self._pollers:
            poller.stop()
        self._models.close()
        self._later.close(wait=grace is None)
        self._health.drain()
        stopped = self._server.stop(threading.TIMEOUT_MAX if grace is None else grace)
        if self._rest is not None:
            self._rest.stop(grace)
        stopped.wait()
        self._executor.shutdown(wait=grace is None, cancel_futures=True)
        if self._scheduler is not None:
            self._scheduler.close(wait=grace is None)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def _flow(self, entrypoint: str, threads: int, queued: int) -> RequestFlow:
        admission = Admission(threads, queued)
        self._admissions.append(admission)
        return RequestFlow(entrypoint, self._models, admission, self._observers)

    def _build(self) -> None:
        from serving.server.grpc import reflection
        from serving.server.grpc.health import Health

        options = self._options
        # A call has a thread from its first byte on, and whoever sends slowly or only
        # probes must not take one from a call that computes: those are admitted.
        calls = options.threads + options.queued + _MORE_CALLS
        self._executor = futures.ThreadPoolExecutor(calls, "serving")
        flow = self._flow("GRPC", options.threads, options.queued)
        self._server = grpc.server(
            self._executor,
            handlers=handlers(flow),
            interceptors=(RefuseMalformed(),),
            options=list(_arguments(options).items()),
            maximum_concurrent_rpcs=calls,
        )
        self._health = Health(_HEALTH_NAMES)
        if options.health:
            self._server.add_generic_rpc_handlers((self._health.handler(),))
        reflection.enable(self._server)

    def _build_rest(self, options: RestOptions, metrics: Metrics | None) -> RestServer:
        from serving.server.rest.api import Api
        from serving.server.rest.http import Handler
        from serving.server.rest.server import RestServer

        api = Api(self._flow("REST", options.threads, options.queued))
        handler = Handler(api, options, None if metrics is None else metrics.page)
        tls = None if self._options.tls is None else ssl_context(self._options.tls)
        return RestServer(handler, options, tls)

    def _open_port(self) -> int:
        host, port, tls = self._options.host, self._options.port, self._options.tls
        # Again, since loading took a while; gRPC's own words are many.
        check_address(host, port)
        address = f"{bracketed(host)}:{port}"
        try:
            if tls is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, grpc_credentials(tls))
        except RuntimeError as error:
            raise StartupFailed(f"cannot listen on {address}: {error}") from error


def _require_extras(rest: RestOptions | None) -> None:
    packages = ["google_crc32c", "grpc_health", "grpc_reflection"]
    if rest is not None:
        packages += ["aiohttp", "orjson"]
        if rest.metrics_path is not None:
            packages.append("prometheus_client")
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{package} is not installed: "
                "pip install 'keras-attention-seq2seq[server]'"
            )


def _arguments(options: ServerOptions) -> dict[str, str | int]:
    """For gRPC, each name once: of two it takes the first."""
    return {
        "grpc.max_receive_message_length": options.max_message_bytes,
        "grpc.max_send_message_length": -1,
        # With it two servers could share a port without noticing.
        "grpc.so_reuseport": 0,
        # Beyond these gRPC itself cancels calls, which says nothing to clients, before
        # they can be refused here.
        "grpc.server.max_pending_requests": _PENDING,
        "grpc.server.max_pending_requests_hard_limit": 2 * _PENDING,
        **dict(options.channel_arguments),
    }
