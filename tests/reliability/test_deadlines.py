"""Deadlines and cancelled calls: the processor is idle afterwards, the turn is free."""

from __future__ import annotations

import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability import http2
from tests.reliability.figures import keep, milliseconds
from tests.reliability.watched import texts

TEST = "tests/reliability/test_deadlines.py"
FULL = pytest.mark.reliability
AT_ONCE = 10
# Seconds after which nothing may compute any more: a loaded machine is slow to stop.
SOON = 1.0
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module", params=[(), ("--enable_batching",)], ids=["", "batch"])
def server(request, serve):
    """Computes one call at a time, so that a turn that is not given back is missed."""
    flags = ("--grpc_max_threads=1", "--rest_api_num_threads=1", *request.param)
    with serve("upper", "gate", flags=flags) as running:
        running.upper()
        yield running


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.target) as opened:
        yield opened


@pytest.fixture
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def gate(folder):
    """A request that computes until a file exists, and says when it has begun."""
    folder.mkdir(exist_ok=True)
    inputs = {name: str(folder / name).encode() for name in ("started", "go")}
    return texts("gate", b"x", **inputs)


def has_begun(folder):
    while not (folder / "started").exists():
        time.sleep(0.005)


def test_a_graph_stops_at_the_deadline(server, stub, tmp_path):
    deadline = time.monotonic() + 0.5
    call = stub.Predict.future(gate(tmp_path), timeout=0.5)
    has_begun(tmp_path)
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    known = time.monotonic() - deadline
    idle = server.idle_since() - deadline
    assert idle < SOON
    server.upper()
    keep(
        8,
        "a graph at its deadline",
        TEST,
        {
            "the client knows after the deadline": milliseconds(known),
            "the processor is idle after the deadline": f"{1000 * idle:.0f} ms",
        },
    )


def test_a_cancelled_graph_stops_at_the_deadline_at_the_latest(server, stub, tmp_path):
    deadline = time.monotonic() + 1.0
    call = stub.Predict.future(gate(tmp_path), timeout=1.0)
    has_begun(tmp_path)
    assert call.cancel()
    assert server.idle_since() - deadline < SOON
    server.upper()


def test_a_cancelled_graph_without_a_deadline_ends_when_it_ends(server, stub, tmp_path):
    """TensorFlow's C API has no way to stop a run; the next call comes after it."""
    call = stub.Predict.future(gate(tmp_path))
    has_begun(tmp_path)
    assert call.cancel()
    waiting = stub.Predict.future(texts("upper", b"a"), timeout=30)
    (tmp_path / "go").touch()
    ended = time.monotonic()
    assert waiting.result().outputs["text"].string_val[:] == [b"A"]
    assert server.idle_since() - ended < SOON


def test_a_call_cancelled_while_it_waits_is_never_computed(
    server, channel, stub, tmp_path
):
    first, second = tmp_path / "first", tmp_path / "second"
    busy = stub.Predict.future(gate(first), timeout=30)
    has_begun(first)
    waiting = stub.Predict.future(gate(second), timeout=30)
    assert waiting.cancel()
    # Behind it on the same connection: the server has heard of both.
    health = health_pb2_grpc.HealthStub(channel)
    health.Check(health_pb2.HealthCheckRequest(), timeout=20)
    (first / "go").touch()
    assert busy.result().outputs["text"].string_val[:] == [b"x"]
    # Behind the cancelled call, had that one kept its place.
    server.upper()
    assert not (second / "started").exists()


@pytest.mark.parametrize("count", [50, pytest.param(2000, marks=FULL)])
def test_short_deadlines_lose_nothing(server, stub, count):
    codes = {grpc.StatusCode.OK: 0, grpc.StatusCode.DEADLINE_EXCEEDED: 0}
    # A deadline that passes in a batching queue has a code of its own.
    codes[grpc.StatusCode.RESOURCE_EXHAUSTED] = 0
    for first in range(0, count, AT_ONCE):
        calls = [
            stub.Predict.future(texts("upper", b"a"), timeout=0.001 * (1 + index % 5))
            for index in range(first, first + AT_ONCE)
        ]
        for call in calls:
            codes[call.code()] += 1
    assert sum(codes.values()) == count
    last = time.monotonic()
    assert server.idle_since() - last < SOON
    server.upper()
    if count >= 2000:
        keep(
            8,
            "deadlines of 1 to 5 ms",
            TEST,
            {
                "calls": f"{count}, {AT_ONCE} at once",
                "answered in time": f"{codes[grpc.StatusCode.OK]}",
                "late": f"{count - codes[grpc.StatusCode.OK]}, and nothing else",
            },
        )


@pytest.mark.parametrize("seconds", [None, 1e6, 1e9])
def test_no_deadline_and_distant_ones(stub, seconds):
    answer = stub.Predict(texts("upper", b"a"), timeout=seconds)
    assert answer.outputs["text"].string_val[:] == [b"A"]


@pytest.mark.parametrize("timeout", ["99999999H", "99999999S", "1H"])
def test_the_longest_deadlines_of_the_protocol(server, timeout):
    """Python's client cannot send them; others can."""
    more = http2.literal("grpc-timeout", timeout)
    begun = http2.frame(
        http2.HEADERS, http2.END_HEADERS, 1, http2.headers(PREDICT) + more
    )
    content = http2.message(1, texts("upper", b"a").SerializeToString())
    with http2.connect(server.port, http2.settings(), begun, content) as connection:
        received = b""
        while b"grpc-status" not in received:
            part = connection.recv(65536)
            assert part, received
            received += part
    assert b"\x0bgrpc-status\x010" in received
