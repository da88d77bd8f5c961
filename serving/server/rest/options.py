"""Options of the REST side of a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

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
        if not 0 <= self.port <= 65535:
            raise ValueError(f"REST port: expected 0 to 65535, received {self.port}")
        if self.threads < 1:
            raise ValueError(
                f"REST threads: expected at least 1, received {self.threads}"
            )
        if self.timeout_ms < 0:
            raise ValueError(
                f"REST timeout: expected 0 or more, received {self.timeout_ms}"
            )
        if self.metrics_path is not None and not self.metrics_path.startswith("/"):
            raise ValueError(
                f"path of the metrics: expected /..., received {self.metrics_path!r}"
            )
