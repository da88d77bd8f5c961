"""Metrics: a known mix of calls, and every count of it."""

from __future__ import annotations

import dataclasses
import re

import grpc
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import serving
from serving.errors import ServingError
from serving.server import RestOptions, Server
from serving.server.observability.metrics import BUCKETS
from tests.serving.conftest import LOOPBACK, free_port
from tests.serving.web import ask

PATH = "/monitoring/prometheus/metrics"
COUNT = ":tensorflow:serving:request_count"
RUNTIME = ":tensorflow:serving:runtime_latency"
LATENCY = ":tensorflow:serving:request_latency"
SAMPLE = re.compile(r"^(:tensorflow:\w+:\w+){(.*)} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture
def measured(toys):
    """A server with metrics that nobody has asked yet."""
    rest = RestOptions(port=0, metrics_path=PATH)
    options = dataclasses.replace(LOOPBACK, rest=rest)
    paths = {name: toys / name for name in ("upper", "numbers")}
    with Server(paths, options) as server:
        yield server


def scrape(port, path=PATH):
    """Value by sample name and labels."""
    answer = ask(port, "GET", path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.body.decode()
    # It is well formed; but that reader gives counters names of its own.
    assert list(text_string_to_metric_families(text))
    return {
        (name, *sorted(LABEL.findall(labels))): float(value)
        for name, labels, value in SAMPLE.findall(text)
    }


def counted(model, status):
    return (COUNT, ("model_name", model), ("status", status))


def timed(model, api, entrypoint, suffix="_count", **more):
    labels = {"model_name": model, "API": api, "entrypoint": entrypoint} | more
    return (LATENCY + suffix, *sorted(labels.items()))


def ran(model, api, suffix="_count"):
    labels = {"model_name": model, "API": api, "runtime": "TF1"}
    return (RUNTIME + suffix, *sorted(labels.items()))


def test_counts_are_those_of_the_calls(measured):
    assert scrape(measured.rest_port) == {}
    target, port = f"127.0.0.1:{measured.port}", measured.rest_port
    examples = {"signature_name": "classify", "examples": [{"x": 1.0}]}
    with serving.Client(target, model="upper", timeout=20) as upper:
        for _ in range(5):
            upper.predict(["a"])
        for wrong in ("nope", "x" * 300):
            with pytest.raises(ServingError):
                upper.call({"text": ["a"]}, signature=wrong)
        upper.status()
    for name in ("made", "up"):
        with serving.Client(target, model=name, timeout=20) as client:
            with pytest.raises(ServingError):
                client.call({"text": ["a"]})
    with serving.Client(target, model="numbers", timeout=20) as numbers:
        numbers.call({"a": np.ones((1, 2), np.float32), "n": np.ones(1, np.int32)})
        with pytest.raises(ServingError):
            numbers.call({"a": np.ones((1, 2), np.float32)})
    for _ in range(3):
        ask(port, "POST", "/v1/models/upper:predict", {"inputs": ["a"]})
    ask(port, "POST", "/v1/models/upper:PREDICT", {"inputs": ["a"]})
    ask(port, "POST", "/v1/models/upper:predict", "no JSON")
    ask(port, "POST", "/v1/models/upper:classify", examples)
    ask(port, "POST", "/v1/models/invented:predict", {"inputs": ["a"]})
    for path in ("/v1/models/upper", "/v1/models/upper/metadata", "/v1/x", "/healthz"):
        ask(port, "GET", path)

    found = scrape(port)
    latency = {key: value for key, value in found.items() if LATENCY in key[0]}
    assert {key: value for key, value in found.items() if key[0] == COUNT} == {
        counted("upper", "OK"): 5 + 4 + 1,
        counted("upper", "FAILED_PRECONDITION"): 2,
        counted("upper", "INVALID_ARGUMENT"): 1,
        counted("numbers", "OK"): 1,
        counted("numbers", "INVALID_ARGUMENT"): 1,
        counted("unknown", "NOT_FOUND"): 3,
    }
    assert {k: v for k, v in latency.items() if k[0].endswith("_count")} == {
        timed("upper", "Predict", "GRPC"): 5,
        timed("numbers", "Predict", "GRPC"): 1,
        timed("upper", "predict", "REST"): 4,
        timed("upper", "classify", "REST"): 1,
    }
    # Bounds and the sum are in microseconds.
    bounds = [f"{bound:g}" for bound in BUCKETS] + ["+Inf"]
    assert bounds[:4] == ["10", "18", "32.4", "58.32"] and len(bounds) == 34
    counts = [
        latency[timed("upper", "Predict", "GRPC", "_bucket", le=bound)]
        for bound in bounds
    ]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 5
    total = latency[timed("upper", "Predict", "GRPC", "_sum")]
    assert 5 * 10 < total < 5 * 20e6
    assert len(latency) == 4 * (34 + 2)

    runtime = {key: value for key, value in found.items() if RUNTIME in key[0]}
    assert {k: v for k, v in runtime.items() if k[0].endswith("_count")} == {
        ran("upper", "Predict"): 5 + 4,
        ran("upper", "Classify"): 1,
        ran("numbers", "Predict"): 1,
    }
    whole = total + latency[timed("upper", "predict", "REST", "_sum")]
    assert 9 * 10 < runtime[ran("upper", "Predict", "_sum")] < whole
    assert len(runtime) == 3 * (34 + 2)


def test_refused_bodies_are_counted(measured):
    body = b" " * (RestOptions().max_body_bytes + 1)
    answer = ask(measured.rest_port, "POST", "/v1/models/upper:predict", body)
    assert answer.status == 413
    assert scrape(measured.rest_port) == {counted("upper", "RESOURCE_EXHAUSTED"): 1}


def test_calls_without_a_model_are_counted(measured):
    with grpc.insecure_channel(f"127.0.0.1:{measured.port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=20)
    assert scrape(measured.rest_port) == {counted("unknown", "INVALID_ARGUMENT"): 1}


@pytest.mark.parametrize(
    "config, path",
    [
        ("prometheus_config { enable: true }", PATH),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
        ("prometheus_config { enable: false }", None),
        ("", None),
    ],
)
def test_monitoring_configuration(toys, tmp_path, start, config, path):
    file = tmp_path / "monitoring.config"
    file.write_text(config)
    port = free_port()
    with start(
        f"--model_base_path={toys / 'upper'}",
        f"--rest_api_port={port}",
        f"--monitoring_config_file={file}",
    ) as process:
        assert f"rest_port={port} " in process.ready_line
        assert ask(port, "GET", path or PATH).status == (404 if path is None else 200)


def test_malformed_monitoring_configuration(toys, tmp_path, cli):
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus_config {\n  path: 3\n}")
    status, out, errors = cli(
        "serve",
        f"--model_base_path={toys / 'upper'}",
        "--rest_api_port=1",
        f"--monitoring_config_file={file}",
    )
    assert (status, out, errors.count("\n")) == (1, "", 1)
    assert f"{file}:2:9: " in errors
