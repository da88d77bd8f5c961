"""The largest and the most awkward bodies: others are answered while they are read."""

from __future__ import annotations

import threading
import time
from concurrent import futures

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
)

from tests.reliability.figures import keep, mebibytes, milliseconds, quantile
from tests.serving.web import ask

pytestmark = pytest.mark.reliability
ITEMS = (1 << 21) - 10
BODIES = {
    "numbers": lambda: b'{"inputs": [' + b"0.123456789012345," * ITEMS + b"0]}",
    "objects": lambda: b'{"instances": [' + b'{"text":"a"},' * (ITEMS // 2) + b"0]}",
    "one text": lambda: b'{"inputs": ["' + b"e" * (60 << 20) + b'"]}',
    "escapes": lambda: b'{"inputs": ["' + b"\\n" * ITEMS + b'"]}',
    "long numbers": lambda: b'{"inputs": [' + (b"1" * 299 + b",") * 200_000 + b"0]}",
    "no comma at the end": lambda: b'{"inputs": ["' + b"x" * (60 << 20) + b'" 1]}',
    "nothing but brackets": lambda: b"[" * (60 << 20),
}


@pytest.fixture(scope="module")
def server(serve):
    with serve("upper") as running:
        running.upper()
        yield running


@pytest.mark.parametrize("name", BODIES)
def test_others_are_answered_meanwhile(server, name):
    body, done = BODIES[name](), threading.Event()

    def probe():
        seconds = []
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "upper"
        with grpc.insecure_channel(server.target) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            while not done.is_set():
                began = time.perf_counter()
                stub.GetModelStatus(request, timeout=60)
                seconds.append(time.perf_counter() - began)
        return seconds

    with futures.ThreadPoolExecutor(1) as pool:
        probes = pool.submit(probe)
        began = time.monotonic()
        answer = ask(server.rest_port, "POST", "/v1/models/upper:predict", body)
        took = time.monotonic() - began
        done.set()
        seconds = probes.result()
    assert answer.status in (200, 400)
    keep(
        4,
        f"a large body, {name}",
        "tests/reliability/test_large_bodies.py",
        {
            mebibytes(len(body)): f"{answer.status} after {took:.2f} s",
            "status over gRPC meanwhile, median": milliseconds(quantile(seconds, 0.5)),
            "slowest": milliseconds(max(seconds)),
        },
    )
    assert max(seconds) < 2.0
    server.upper()
