"""The gRPC server around the models."""

from __future__ import annotations

import errno
import functools
import importlib.util
import os
import socket
import threading
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import grpc

from serving.channel import MAX_MESSAGE_BYTES
from serving.embedded import configuration
from serving.embedded.config_file import ConfigFile
from serving.embedded.models import LoadPolicy, Models
from serving.embedded.polling import Poller
from serving.embedded.servable import Servable
from serving.embedded.service import handlers
from serving.embedded.session import SavedModelSession
from serving.errors import MissingExtra, PortInUse, StartupFailed
from serving.messages import session_pb2

# TF Serving's names: not the full names of the services.
_HEALTH_NAMES = ("", "PredictionService", "ModelService")


@dataclass(frozen=True)
class ServerOptions:
    """How a server runs, apart from what it serves.

    Attributes:
        host: Address to listen on; TF Serving listens on all.
        port: Port for gRPC; 0 takes a free one.
        threads: Calls that are computed at once.
        queued: Further calls that wait for a thread; more are refused at once with
            RESOURCE_EXHAUSTED.
        max_message_bytes: Limit for received messages.
        health: Whether to offer gRPC's health service.
        poll_seconds: Seconds between looks for new versions; 0 never looks again.
        tags: Tags of the graph in the SavedModel.
        session: Configuration of TensorFlow's sessions.
        loads: How models are loaded.
        config_poll_seconds: Seconds between looks at the configuration file; 0 never
            looks again.
        channel_arguments: Further gRPC arguments as (name, value); they win.
    """

    host: str = "0.0.0.0"
    port: int = 8500
    threads: int = field(default_factory=lambda: 4 * (os.cpu_count() or 1))
    queued: int = 1000
    max_message_bytes: int = MAX_MESSAGE_BYTES
    health: bool = True
    poll_seconds: float = 1.0
    tags: tuple[str, ...] = ("serve",)
    session: session_pb2.ConfigProto = field(default_factory=session_pb2.ConfigProto)
    loads: LoadPolicy = LoadPolicy()
    config_poll_seconds: float = 0.0
    channel_arguments: tuple[tuple[str, str | int], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, received {self.port}")
        if self.threads < 1:
            raise ValueError(f"threads: expected at least 1, received {self.threads}")


class Server:
    """Serves models over gRPC with TF Serving's API.

    Models are loaded first; the port opens once they can be asked.

    Args:
        models: Folder of versions by model name, or a file with a ModelServerConfig
            in protobuf's text format.
        options: How to run.

    Attributes:
        port: The port, once started.
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
        self._options = options or ServerOptions()
        self._file = models if isinstance(models, ConfigFile) else None
        if isinstance(models, ConfigFile):
            config = models.first()
        else:
            paths = {name: Path(path) for name, path in models.items()}
            config = configuration.of_paths(paths)
        self._models = Models(config, self._load, self._options.loads)
        self._pollers: list[Poller] = []
        self.servables: list[Servable] = []
        self.port = 0

    def start(self) -> None:
        """Loads the models and opens the port.

        Raises:
            StartupFailed: A model cannot be loaded, the port is taken, or a package
                is missing.
        """
        _require_extras()
        _check_address(self._options.host, self._options.port)
        self.servables = self._models.start()
        self._build()
        self.port = self._open_port()
        self._server.start()
        options = self._options
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
        self._health.enter_graceful_shutdown()
        forever = threading.TIMEOUT_MAX
        self._server.stop(forever if grace is None else grace).wait()
        self._executor.shutdown(wait=grace is None, cancel_futures=True)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _load(self, name: str, version: int, path: Path) -> Servable:
        session = SavedModelSession(path, self._options.tags, self._options.session)
        return Servable(name, version, session.signatures, session)

    def _build(self) -> None:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        from serving.embedded import reflection

        options = self._options
        self._executor = futures.ThreadPoolExecutor(options.threads, "serving")
        self._server = grpc.server(
            self._executor,
            handlers=handlers(self._models),
            options=[
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                # With it two servers could share a port without noticing.
                ("grpc.so_reuseport", 0),
                *options.channel_arguments,
            ],
            maximum_concurrent_rpcs=options.threads + options.queued,
        )
        self._health = health.HealthServicer()
        for service in _HEALTH_NAMES:
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        if options.health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable(self._server)

    def _open_port(self) -> int:
        address = f"{self._options.host}:{self._options.port}"
        try:
            return self._server.add_insecure_port(address)
        except RuntimeError as error:
            self._server.stop(None)
            self._executor.shutdown()
            raise PortInUse(f"cannot listen on {address}: {error}") from error


def _require_extras() -> None:
    for package in ("grpc_health", "grpc_reflection"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{package} is not installed: "
                "pip install 'keras-attention-seq2seq[server]'"
            )


def _check_address(host: str, port: int) -> None:
    """Tells before a model is loaded, and in words, that a port cannot be had."""
    address = f"{host}:{port}"
    try:
        places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in places:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"cannot listen on {address}; is another server running there?"
            ) from error
        raise StartupFailed(f"cannot listen on {address}: {error.strerror}") from error
