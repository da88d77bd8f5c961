"""Deadlines, batching, XLA and sizes: rows 15 to 20 of the contract, and metrics."""

from __future__ import annotations

import threading
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.serving.conformance.test_predict import TEXT, asking
from tests.serving.contract import INVALID, refused, stubs
from tests.serving.test_metrics import COUNT, LATENCY, RUNTIME, scrape
from tests.serving.web import asks

FULL = (
    "The batch scheduling queue to which this task was submitted is full; currently 2 "
    "batches enqueued and max_enqueued_batches is 2"
)
IN_GRAPH = (504, {"error": "Timed out waiting for notification"})
IN_QUEUE = (429, {"error": "Run() timeout exceeded while waiting in batching queue"})


@pytest.fixture
def stub(narrow):
    with grpc.insecure_channel(f"127.0.0.1:{narrow.port}") as channel:
        yield stubs(channel)[0]


@pytest.fixture
def closed(tmp_path):
    """Inputs of the gate that keep it computing until there is a file ``go``."""
    places = {"started": tmp_path / "started", "go": tmp_path / "go"}
    return {name: str(path) for name, path in places.items()}


def over_grpc(closed):
    inputs = {k: np.array([v.encode()], object) for k, v in closed.items()}
    return asking("gate", TEXT | inputs)


def over_rest(narrow, closed):
    inputs = {name: [path] for name, path in closed.items()}
    return asks(narrow.rest_port)("gate", {"inputs": inputs | {"text": ["a"]}})


def test_15_deadline_in_the_graph(narrow, stub, closed):
    """Over gRPC the client need not wait for the words of the server."""
    if (found := over_rest(narrow, closed)) == IN_QUEUE:  # the first one may be slow
        found = over_rest(narrow, closed)
    assert found == IN_GRAPH
    call = stub.Predict.future(over_grpc(closed), timeout=0.3)
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_16_full_queue(stub, closed):
    calls = [stub.Predict.future(over_grpc(closed), timeout=3.0) for _ in range(6)]
    while sum(call.done() for call in calls) < 3:
        threading.Event().wait(0.005)
    Path(closed["go"]).touch()  # in a container it does not come, but the deadline does
    codes = [call.code() for call in calls]
    full = [call for call in calls if call.code() is grpc.StatusCode.UNAVAILABLE]
    # One computes and two wait, unless those came before the first was taken.
    assert 3 <= len(full) <= 4, codes
    assert {call.details() for call in full} == {FULL}


def test_17_larger_than_a_batch(stub):
    two = {"text": np.array([b"a", b"b"], object)}
    message = "Task size 2 is larger than maximum input batch size 1"
    refused(stub.Predict, asking("upper", two), INVALID, message)


def test_18_deadline_in_the_queue(narrow, stub, closed):
    holding = stub.Predict.future(over_grpc(closed), timeout=2.0)
    if (found := over_rest(narrow, closed)) == IN_GRAPH:  # it came before the other
        found = over_rest(narrow, closed)
    assert found == IN_QUEUE
    assert holding.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_19_graphs_that_demand_xla(stub):
    request = asking("compiled", {"x": np.ones(1, np.float32)})
    call = stub.Predict.future(request, timeout=20)
    assert call.code() is grpc.StatusCode.INTERNAL
    assert call.details().startswith("XLA compilation disabled")


def test_20_answers_larger_than_the_client_takes(prediction):
    text = {"text": np.array([b"a" * (5 << 20)], object)}
    call = prediction.Predict.future(asking("upper", text), timeout=20)
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in call.details()


def test_metrics_have_the_names_of_tf_serving(narrow, stub):
    def page():
        found = scrape(narrow.rest_port)
        return [found.get(key, 0) for key in keys]

    model = ("model_name", "upper")
    grpc_api, rest_api = ("API", "Predict"), ("API", "predict")
    keys = [
        (COUNT, model, ("status", "OK")),
        (f"{LATENCY}_count", grpc_api, ("entrypoint", "GRPC"), model),
        (f"{LATENCY}_count", rest_api, ("entrypoint", "REST"), model),
        (f"{RUNTIME}_count", grpc_api, model, ("runtime", "TF1")),
    ]
    before = page()
    for _ in range(3):
        stub.Predict(asking("upper", TEXT), timeout=20)
    assert asks(narrow.rest_port)("upper", {"inputs": ["a"]})[0] == 200
    more = np.subtract(page(), before).tolist()
    assert more == [4, 3, 1, 4]
