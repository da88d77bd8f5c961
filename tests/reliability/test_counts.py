"""Metrics are those of the calls that were made, however many at once."""

from __future__ import annotations

import collections
import threading

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability.figures import keep
from tests.reliability.flood import spin
from tests.reliability.watched import texts
from tests.serving.test_metrics import COUNT, LATENCY, scrape
from tests.serving.web import ask

FULL = pytest.mark.reliability
THREADS = 8


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    file = tmp_path_factory.mktemp("monitoring") / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    flags = (f"--monitoring_config_file={file}",)
    with serve("upper", "spin", flags=flags) as running:
        yield running


def counted(server):
    """Calls by model and status."""
    found = collections.Counter()
    for key, value in scrape(server.rest_port).items():
        if key[0] == COUNT:
            found[key[1][1], key[2][1]] += int(value)
    return found


def over_grpc(stub, index):
    """One call; what should have been counted."""
    model = "upper" if index % 5 else f"made up {index}"
    request = texts(model, b"a")
    if index % 7 == 0:
        request.inputs["surplus"].CopyFrom(request.inputs["text"])
    try:
        stub.Predict(request, timeout=60)
    except grpc.RpcError as error:
        return ("upper" if index % 5 else "unknown"), error.code().name
    return "upper", "OK"


CODES = {200: "OK", 400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}


def over_rest(port, index):
    model = "upper" if index % 5 else f"made%20up{index}"
    body = {"inputs": ["a"]} if index % 7 else "no JSON"
    status = ask(port, "POST", f"/v1/models/{model}:predict", body).status
    return ("upper" if index % 5 else "unknown"), CODES[status]


@pytest.mark.parametrize("count", [160, pytest.param(10_000, marks=FULL)])
def test_every_call_is_counted_once(server, count):
    before, lock = counted(server), threading.Lock()
    sent = collections.Counter()

    def ask_all(row):
        with grpc.insecure_channel(server.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for index in range(row, count, THREADS):
                if row % 2:
                    seen = over_rest(server.rest_port, index)
                else:
                    seen = over_grpc(stub, index)
                with lock:
                    sent[seen] += 1

    threads = [threading.Thread(target=ask_all, args=(r,)) for r in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent.values()) == count
    assert counted(server) - before == sent
    page = scrape(server.rest_port)
    names = {dict(key[1:])["model_name"] for key in page if key[0].startswith(":")}
    assert names <= {"upper", "unknown"}
    if count >= 10_000:
        latencies = sum(v for k, v in page.items() if k[0] == f"{LATENCY}_count")
        keep(
            18,
            "metrics",
            "tests/reliability/test_counts.py",
            {
                "calls over gRPC and REST": f"{count}, of {len(sent)} kinds",
                "counted": f"{sum((counted(server) - before).values())}, each rightly",
                "latencies counted": f"{int(latencies)}, those that succeeded",
                "names of models among the labels": f"{len(names)}",
            },
        )


@FULL
def test_refusals_are_counted_too(serve, tmp_path):
    """Calls that find no place, which gRPC itself used to turn away unseen."""
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    flags = (f"--monitoring_config_file={file}", "--grpc_max_threads=1")
    with serve("spin", flags=flags) as server:
        request = spin(500)
        with grpc.insecure_channel(server.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            calls = [stub.Predict.future(request, timeout=300) for _ in range(1500)]
            codes = collections.Counter(("spin", call.code().name) for call in calls)
        assert codes["spin", "RESOURCE_EXHAUSTED"] > 0
        assert counted(server) == codes
