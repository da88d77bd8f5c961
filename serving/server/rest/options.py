"""Options of the REST side of a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from serving.server.option_checks import check, check_least, check_port

#: Prometheus' page, where the monitoring configuration names no other.
METRICS_PATH = "/monitoring/prometheus/metrics"


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
    max_body_bytes: int = 64 << 20
    slow_client_seconds: float = 30.0
    idle_seconds: float = 75.0

    def __post_init__(self) -> None:
        check_port("rest.port", self.port)
        check_least("rest.threads", 1, self.threads)
        check_least("rest.timeout_ms", 0, self.timeout_ms)
        path = self.metrics_path
        check(
            path is None or path.startswith("/"),
            "`rest.metrics_path` must be a path",
            "/...",
            path,
        )
