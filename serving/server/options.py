"""Options of a server, checked."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from serving.client.connection import MAX_MESSAGE_BYTES
from serving.messages import session_pb2
from serving.server.batching.parameters import BatchingOptions
from serving.server.observability.call_record import Observer
from serving.server.tls import Tls

#: Prometheus' page, where the monitoring configuration names no other.
METRICS_PATH = "/monitoring/prometheus/metrics"


def _check(is_right: bool, rule: str, expected: str, received: object) -> None:
    """Raises ValueError unless an option is right.

    >>> _check(False, "`port` must be a port", "0 to 65535", -1)
    Traceback (most recent call last):
    ValueError: `port` must be a port. Expected: 0 to 65535. Received: -1
    """
    if not is_right:
        raise ValueError(f"{rule}. Expected: {expected}. Received: {received!r}")


def _check_port(name: str, port: int) -> None:
    """Raises ValueError unless a number may be that of a port, or 0 for a free one."""
    _check(0 <= port <= 65535, f"`{name}` must be a port", "0 to 65535", port)


def _check_least(name: str, least: int, value: float) -> None:
    """Raises ValueError if a number is too small."""
    rule = "must be positive" if least else "must not be negative"
    _check(value >= least, f"`{name}` {rule}", f"at least {least}", value)


@dataclass(frozen=True)
class LoadPolicy:
    """How loads are run.

    Attributes:
        threads: Loads at once; 0 is four per processor at the start, one afterwards.
        retries: Further attempts after a failed load whose files stay as they are.
        retry_seconds: Time between them.
        labels_for_unavailable: Whether an unused label may name a version that is
            not available.
    """

    threads: int = 0
    retries: int = 0
    retry_seconds: float = 60.0
    labels_for_unavailable: bool = False

    def __post_init__(self) -> None:
        for name in ("threads", "retries", "retry_seconds"):
            _check_least(name, 0, getattr(self, name))


@dataclass(frozen=True)
class RestOptions:
    """How the REST side of a server runs.

    Attributes:
        port: Port for HTTP; 0 takes a free one.
        threads: Calls that are computed at once.
        queued: Further calls that wait; more are refused with 429.
        timeout_ms: Milliseconds from a request's head to the point where its graph is
            stopped; 0 never stops one.
        cors: Whether pages of other sites may call.
        metrics_path: Path of the metrics, None without them.
        page: Whether `/` is a page for people instead of a word on the API.
        max_body_bytes: Limit for a body, also after it was inflated.
        slow_client_seconds: Time for a body to arrive, and for an answer to be taken.
        idle_seconds: Connections that ask nothing for so long are closed.
    """

    port: int = 8501
    threads: int = field(default_factory=lambda: 4 * (os.cpu_count() or 1))
    queued: int = 1000
    timeout_ms: int = 30_000
    cors: bool = False
    metrics_path: str | None = None
    page: bool = False
    max_body_bytes: int = 64 << 20
    slow_client_seconds: float = 30.0
    idle_seconds: float = 75.0

    def __post_init__(self) -> None:
        _check_port("rest.port", self.port)
        _check_least("rest.threads", 1, self.threads)
        _check_least("rest.timeout_ms", 0, self.timeout_ms)
        path, rule = self.metrics_path, "`rest.metrics_path` must be a path"
        _check(path is None or path.startswith("/"), rule, "/...", path)


@dataclass(frozen=True)
class ServerOptions:
    """How a server runs, apart from what it serves.

    Attributes:
        host: Address to listen on; TF Serving listens on all.
        port: Port for gRPC; 0 takes a free one.
        threads: Calls that are computed at once.
        queued: Further calls that wait for their turn; more are refused at once with
            RESOURCE_EXHAUSTED.
        max_message_bytes: Limit for received messages.
        health: Whether to offer gRPC's health service.
        poll_seconds: Seconds between looks for new versions; 0 never looks again.
        tags: Tags of the graph in the SavedModel.
        session: Configuration of TensorFlow's sessions; with batching, threads that
            it does not give are shared among the batches that are computed at once.
        loads: How models are loaded.
        warmup_iterations: How often a version answers each of its warm-up requests
            before it is served; 0 never.
        batching: How requests are merged; None computes each on its own.
        config_poll_seconds: Seconds between looks at the configuration file; 0 never
            looks again.
        channel_arguments: Further gRPC arguments as (name, value); they win.
        rest: How to offer the REST API too; None without it.
        tls: Certificates for both ports; None without encryption.
        observers: Are told of every call.
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
    warmup_iterations: int = 1
    batching: BatchingOptions | None = None
    config_poll_seconds: float = 0.0
    channel_arguments: tuple[tuple[str, str | int], ...] = ()
    rest: RestOptions | None = None
    tls: Tls | None = None
    observers: tuple[Observer, ...] = ()

    def __post_init__(self) -> None:
        _check_port("port", self.port)
        _check_least("threads", 1, self.threads)
        if self.rest is not None:
            ports = {self.port, self.rest.port}
            is_right = len(ports) == 2 or ports == {0}
            rule = "`port` and `rest.port` must differ"
            _check(is_right, rule, "two ports", self.port)
