"""Clients that are slow to send or to take, and those that only hold connections."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability import http2
from tests.reliability.figures import keep, mebibytes, milliseconds, quantile
from tests.reliability.watched import texts
from tests.serving.web import ask

PREDICT = "/tensorflow.serving.PredictionService/Predict"
UPPER = "/v1/models/upper:predict"
FULL = pytest.mark.reliability
# More than the server has threads for calls that compute.
COUNTS = pytest.mark.parametrize("count", [64, pytest.param(1000, marks=FULL)])


@pytest.fixture(scope="module")
def server(serve):
    with serve("upper", flags=("--grpc_max_threads=4",)) as running:
        running.upper()
        yield running


@pytest.fixture
def many_files():
    """Leave for this process to hold thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip(f"2000 open files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def seconds_of_calls(server, count=20):
    """Seconds that each of some calls over gRPC and REST takes."""
    found = []
    with grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for _ in range(count):
            began = time.perf_counter()
            stub.Predict(texts("upper", b"a"), timeout=20)
            found.append(time.perf_counter() - began)
            began = time.perf_counter()
            assert ask(server.rest_port, "POST", UPPER, {"inputs": ["a"]}).status == 200
            found.append(time.perf_counter() - began)
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert answer.status == answer.SERVING
    return found


def assert_quick(seconds):
    """Others hardly notice; a single call may meet connections that are just made."""
    assert quantile(seconds, 0.5) < 0.25
    assert max(seconds) < 5.0


def held(server, name, count, stack, before):
    """Checks that others are served while connections are held, and notes it."""
    seconds = seconds_of_calls(server)
    slowest = max(seconds)
    assert_quick(seconds)
    if count < 1000:
        return
    keep(
        10,
        name,
        "tests/reliability/test_slow_clients.py",
        {
            "clients held": f"{count}",
            "others' slowest call meanwhile": milliseconds(slowest),
            "memory for all": mebibytes(server.resident() - before),
            "threads": f"{server.threads()}",
        },
    )


@COUNTS
def test_calls_whose_message_never_comes(server, many_files, count):
    before = server.resident()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            begun = http2.connect(
                server.port, http2.settings(), http2.begin(1, PREDICT)
            )
            stack.enter_context(begun)
        held(server, "gRPC calls without a message", count, stack, before)
    server.upper()


@COUNTS
def test_answers_that_nobody_takes(server, many_files, count):
    before = server.resident()
    request = texts("upper", b"a" * 1000).SerializeToString()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            deaf = http2.connect(
                server.port,
                http2.settings(window=0),
                http2.begin(1, PREDICT),
                http2.message(1, request),
            )
            stack.enter_context(deaf)
        held(server, "gRPC answers that nobody takes", count, stack, before)
    server.upper()


def test_clients_that_vanish_in_the_middle_of_an_answer(server):
    """They allow it all and read nothing: without a FIN the server cannot know why."""
    request = texts("upper", b"a" * 1000)
    request.inputs["text"].tensor_shape.dim[0].size = 10_000  # rows that are repeated
    content, most, pause = request.SerializeToString(), (1 << 31) - 1, threading.Event()
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            gone = http2.connect(
                server.port,
                http2.settings(window=most),
                http2.more_window(most - 65_535),
                http2.begin(1, PREDICT),
                http2.message(1, content),
                buffer=4096,
            )
            stack.enter_context(gone)
            # More than the server says before its answer.
            while len(gone.recv(4096, socket.MSG_PEEK)) < 1000:
                pause.wait(0.005)
        assert_quick(seconds_of_calls(server))
        server.upper()
    server.upper()


@FULL
@pytest.mark.parametrize("name", ["gRPC", "REST"])
def test_a_thousand_idle_connections(server, many_files, name):
    before = server.resident()
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            if name == "gRPC":
                idle = http2.connect(server.port, http2.settings())
            else:
                place = ("127.0.0.1", server.rest_port)
                idle = socket.create_connection(place, 20)
            stack.enter_context(idle)
        held(server, f"idle {name} connections", 1000, stack, before)
    server.upper()


@FULL
def test_bodies_that_come_byte_by_byte(server):
    """The others are served, and so are the slow ones in the end."""
    body = b'{"inputs": ["a"]}'
    head = f"POST {UPPER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    data, tick = head.encode() + body, threading.Event()
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", server.rest_port), 20)
            )
            for _ in range(200)
        ]
        seconds = []
        for place in range(len(data)):
            for connection in slow:
                connection.sendall(data[place : place + 1])
            if place % 10 == 0:
                seconds += seconds_of_calls(server, 2)
            tick.wait(0.02)
        for connection in slow:
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert_quick(seconds)
    keep(
        10,
        "bodies byte by byte",
        "tests/reliability/test_slow_clients.py",
        {
            "clients that send byte by byte": "200, all answered",
            "others' slowest call meanwhile": milliseconds(max(seconds)),
            "others' median": milliseconds(quantile(seconds, 0.5)),
        },
    )
