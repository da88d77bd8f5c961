"""Loads, warm-ups and batches, counted under TensorFlow's and TF Serving's names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from serving.server.observability.events import Event, Loaded, Ran, Taken, WarmedUp

#: Microseconds, up to 45 minutes.
BUCKETS = tuple(10 * 1.8**power for power in range(33))
#: Microseconds, up to a second.
QUEUE_BUCKETS = tuple(100 * 1.2**power for power in range(52))

#: Versions come and go for ever; so many of them are remembered.
MOST_PATHS = 100

ATTEMPTS = ":tensorflow:cc:saved_model:load_attempt_count"
LOAD = ":tensorflow:cc:saved_model:load_latency"
WARM_UP = ":tensorflow:serving:model_warmup_latency"
QUEUE = ":tensorflow:serving:batching_session:queuing_latency"
RUNS = ":tensorflow:serving:batching_session:wrapped_run_count"

_Metric = TypeVar("_Metric", Counter, Histogram)


class EventMetrics:
    """Counts events.

    Args:
        registry: Where the metrics are looked for.
    """

    def __init__(self, registry: CollectorRegistry):
        self._attempts = Counter(
            ATTEMPTS,
            "The number of times a SavedModel was successfully loaded.",
            ("model_path", "status"),
            registry=registry,
        )
        self._load = Counter(
            LOAD,
            "Latency in microseconds for SavedModels that were successfully loaded.",
            ("model_path",),
            registry=registry,
        )
        self._warm_up = Histogram(
            WARM_UP,
            "Distribution of wall time (in microseconds) for warming up the model.",
            ("model_path", "status"),
            registry=registry,
            buckets=BUCKETS,
        )
        self._queue = Histogram(
            QUEUE,
            "Distribution of wall time spent (in microseconds) in queuing",
            ("thread_pool_name",),
            registry=registry,
            buckets=QUEUE_BUCKETS,
        )
        self._runs = Counter(
            RUNS,
            "Total count of run calls on the wrapped session",
            registry=registry,
        )
        # By path, the one that was heard of last at the end.
        self._series: dict[str, set[tuple[Counter | Histogram, tuple[str, ...]]]] = {}
        self._lock = threading.Lock()

    def observe(self, event: Event) -> None:
        """Counts one event."""
        match event:
            case Loaded(path, seconds, worked):
                status = "success" if worked else "fail"
                self._of(self._attempts, path, status).inc()
                self._of(self._load, path).inc(seconds * 1e6)
            case WarmedUp(path, seconds, status):
                self._of(self._warm_up, path, status).observe(seconds * 1e6)
            case Taken(waits):
                # TF Serving has no name for the only pool either.
                queue = self._queue.labels("")
                for seconds in waits:
                    queue.observe(seconds * 1e6)
            case Ran():
                self._runs.inc()

    def _of(self, metric: _Metric, path: Path, *labels: str) -> _Metric:
        """The series of a version; the oldest version's are dropped for it."""
        values = (str(path), *labels)
        with self._lock:
            series = self._series.pop(str(path), set())
            self._series[str(path)] = series | {(metric, values)}
            while len(self._series) > MOST_PATHS:
                for old, words in self._series.pop(next(iter(self._series))):
                    old.remove(*words)
            return metric.labels(*values)
