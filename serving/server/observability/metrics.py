"""Prometheus' metrics under TF Serving's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import grpc
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

from serving.server.observability.call_record import PREDICTIONS, Call
from serving.server.observability.event_metrics import BUCKETS, EventMetrics

_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME = ":tensorflow:serving:runtime_latency"
_UNKNOWN = "unknown"


class Metrics:
    """Counts calls that ask for predictions, and what else happens in a server.

    Args:
        served: Names of the models. A name that somebody made up is counted under
            ``unknown``; every new label would take memory for ever.

    Attributes:
        events: Counts loads, warm-ups and batches.
    """

    def __init__(self, served: Callable[[], Iterable[str]]):
        self._served = served
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._count = Counter(
            _COUNT,
            "The total number of requests.",
            ("model_name", "status"),
            registry=self._registry,
        )
        self._latency = Histogram(
            _LATENCY,
            "Distribution of wall time (in microseconds) for requests that succeeded.",
            ("model_name", "API", "entrypoint"),
            registry=self._registry,
            buckets=BUCKETS,
        )

        self._runtime = Histogram(
            _RUNTIME,
            "Distribution of wall time (in microseconds) for the graphs of those.",
            ("model_name", "API", "runtime"),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self.events = EventMetrics(self._registry)

    def observe(self, call: Call) -> None:
        """Counts one call."""
        if call.method not in PREDICTIONS:
            return
        model = call.model if call.model in self._served() else _UNKNOWN
        self._count.labels(model, call.code.name).inc()
        if call.code is grpc.StatusCode.OK:
            # TF Serving's own spelling.
            method = call.method if call.entrypoint == "GRPC" else call.method.lower()
            latency = self._latency.labels(model, method, call.entrypoint)
            latency.observe(call.seconds * 1e6)
            runtime = self._runtime.labels(model, call.method, "TF1")
            runtime.observe(call.graph_seconds * 1e6)

    def page(self) -> str:
        """Everything, in Prometheus' text format."""
        lines = (line for family in self._registry.collect() for line in _lines(family))
        return "".join(f"{line}\n" for line in lines)


def _lines(family: Metric) -> Iterator[str]:
    """As TF Serving writes it; the library's own writer insists on ``_total``."""
    ours = not family.name.startswith(":tensorflow:")
    total = "_total" if family.type == "counter" else ""
    yield f"# TYPE {family.name}{total if ours else ''} {family.type}"
    for sample in family.samples:
        if sample.name.endswith("_created"):
            continue
        name = sample.name if ours else sample.name.removesuffix(total)
        labels = ",".join(f'{k}="{_shown(k, v)}"' for k, v in sample.labels.items())
        yield f"{name}{{{labels}}} {floatToGoString(sample.value)}"


def _shown(label: str, value: str) -> str:
    if label == "le" and value != "+Inf":
        return f"{float(value):g}"  # six digits, as TF Serving writes bounds
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
