"""Metrics of Prometheus under TF Serving's and TensorFlow's names."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import grpc
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from serving.server.observability.call_record import PREDICTIONS, CallRecord
from serving.server.observability.events import Event, Loaded, Ran, Taken, WarmedUp

_SERVING = ":tensorflow:serving:"
REQUESTS = f"{_SERVING}request_count"
LATENCY = f"{_SERVING}request_latency"
RUNTIME = f"{_SERVING}runtime_latency"
ATTEMPTS = ":tensorflow:cc:saved_model:load_attempt_count"
LOAD = ":tensorflow:cc:saved_model:load_latency"
WARM_UP = f"{_SERVING}model_warmup_latency"
QUEUE = f"{_SERVING}batching_session:queuing_latency"
RUNS = f"{_SERVING}batching_session:wrapped_run_count"

# Bounds have six digits, as TF Serving writes them.
#: Microseconds, up to 45 minutes.
BUCKETS = tuple(float(f"{10 * 1.8**power:g}") for power in range(33))
#: Microseconds, up to a second.
QUEUE_BUCKETS = tuple(float(f"{100 * 1.2**power:g}") for power in range(52))

#: Versions come and go for ever; so many of them are remembered.
MOST_PATHS = 100
_UNKNOWN = "unknown"

# What the library adds to TF Serving's names and bounds.
_CREATED = re.compile(r"^(?:# \w+ )?:tensorflow:[\w:]+_created[ {].*\n", re.MULTILINE)
_TOTAL = re.compile(r"^((?:# \w+ )?:tensorflow:[\w:]+)_total\b", re.MULTILINE)
_WHOLE_BOUND = re.compile(r'(?<=[{,]le=")(\d+)\.0(?=")')

_Metric = TypeVar("_Metric", Counter, Histogram)


class Metrics:
    """Counts requests for predictions, and loads, warm-ups and batches.

    Args:
        served: Names of the models. A name that somebody made up is counted under
            ``unknown``; every new label would take memory for ever.
    """

    def __init__(self, served: Callable[[], Iterable[str]] = tuple):
        self._served = served
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: Sequence[float] = BUCKETS
        ) -> Histogram:
            text = f"Distribution of wall time (in microseconds) {text}"
            return Histogram(name, text, labels, registry=registry, buckets=buckets)

        model = ("model_name", "API")
        self._requests = counter(
            REQUESTS, "The total number of requests.", "model_name", "status"
        )
        self._latency = histogram(
            LATENCY, "for requests that succeeded.", *model, "entrypoint"
        )
        self._runtime = histogram(
            RUNTIME, "for the graphs of those.", *model, "runtime"
        )
        self._attempts = counter(
            ATTEMPTS, "The number of loads of SavedModels.", "model_path", "status"
        )
        self._load = counter(
            LOAD, "Microseconds that loads of SavedModels took.", "model_path"
        )
        self._warm_up = histogram(
            WARM_UP, "for warming up the model.", "model_path", "status"
        )
        self._queue = histogram(
            QUEUE, "spent in queuing.", "thread_pool_name", buckets=QUEUE_BUCKETS
        )
        self._runs = counter(RUNS, "Total count of run calls on the wrapped session")
        # By path, the one that was heard of last at the end.
        self._series: dict[str, set[tuple[Counter | Histogram, tuple[str, ...]]]] = {}
        self._lock = threading.Lock()

    def observe(self, record: CallRecord) -> None:
        """Counts one request."""
        if record.method not in PREDICTIONS:
            return
        model = record.model if record.model in self._served() else _UNKNOWN
        self._requests.labels(model, record.code.name).inc()
        if record.code is grpc.StatusCode.OK:
            # TF Serving's own spelling.
            over_grpc = record.entrypoint == "GRPC"
            method = record.method if over_grpc else record.method.lower()
            latency = self._latency.labels(model, method, record.entrypoint)
            latency.observe(record.seconds * 1e6)
            runtime = self._runtime.labels(model, record.method, "TF1")
            runtime.observe(record.graph_seconds * 1e6)

    def observe_event(self, event: Event) -> None:
        """Counts one load, warm-up or batch."""
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

    def page(self) -> str:
        """Everything, in Prometheus' text format."""
        text = _CREATED.sub("", generate_latest(self._registry).decode())
        return _WHOLE_BOUND.sub(r"\1", _TOTAL.sub(r"\1", text))

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
