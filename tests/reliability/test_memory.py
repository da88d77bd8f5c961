"""Memory: bounded over requests, over reloads, and for what a message may ask."""

from __future__ import annotations

import shutil
import threading

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.tensors.encoding import encode
from tests.reliability.figures import keep, mebibytes
from tests.reliability.watched import POLLING, texts, watched
from tests.serving.toys import MIRRORED
from tests.serving.web import ask

TEST = "tests/reliability/test_memory.py"
MIB = 1 << 20
FULL = pytest.mark.reliability


@pytest.fixture(scope="module")
def server(serve):
    with serve("upper", "mirror", flags=("--grpc_max_threads=4",)) as running:
        running.upper()
        yield running


@pytest.fixture(scope="module")
def stub(server):
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.target, unlimited) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def mirrored(**changes):
    """A request of small tensors of every dtype, but for those given."""
    request = texts("mirror")
    del request.inputs["text"]
    for name in MIRRORED:
        tensor = changes.get(name)
        if tensor is None:
            value = b"x" if name == "string" else 1
            tensor = encode(np.array([value], dtype_of(name)))
        request.inputs[name].ParseFromString(tensor.SerializeToString())
    return request


def dtype_of(name):
    if name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return object if name == "string" else name


def bomb(name, count):
    tensor = encode(np.array([], dtype_of(name)))
    tensor.tensor_shape.dim[0].size = count
    return tensor


def test_few_bytes_cannot_ask_for_much(server, stub):
    """The shapes of a request of 1 kB name a hundred gigabytes."""
    stub.Predict(mirrored(), timeout=60)
    server.forget_peak()
    before = server.peak()
    for count in (1 << 20, 1 << 24, 1 << 28, 1 << 31):
        large = {name: bomb(name, count) for name in MIRRORED}
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(mirrored(**large), timeout=60)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "may be implied" in caught.value.details()
    most = server.peak() - before
    assert most < 512 * MIB
    keep(
        3,
        "shapes without values",
        TEST,
        {
            "16 tensors of up to 2^31 elements in 1 kB": "refused",
            "most memory meanwhile": mebibytes(most),
        },
    )


def test_what_may_be_implied_is_served(stub):
    tensor = bomb("float32", 1 << 18)
    tensor.float_val.append(2.5)
    answer = stub.Predict(mirrored(float32=tensor), timeout=60)
    assert len(answer.outputs["float32"].float_val) == 1 << 18
    assert set(answer.outputs["float32"].float_val) == {2.5}


@FULL
@pytest.mark.parametrize("name", ["float32", "int64", "string"])
def test_large_messages_take_a_multiple_of_their_size(server, stub, name):
    count = {"float32": 20 * MIB, "int64": 20 * MIB, "string": 2 * MIB}[name]
    value = np.full(count, b"x" * 20 if name == "string" else 1, dtype_of(name))
    request = mirrored(**{name: encode(value)})
    del value
    size = request.ByteSize()
    server.forget_peak()
    before = server.peak()
    answer = stub.Predict(request, timeout=300)
    assert answer.outputs[name].ByteSize() >= size - 2000
    most = server.peak() - before
    keep(
        16,
        f"a large message, {name}",
        TEST,
        {
            "there and back": f"{mebibytes(size)}, {count} elements",
            "most memory meanwhile": mebibytes(most),
        },
    )
    # A string is an object here, and two numbers of eight bytes to TensorFlow.
    assert most < 10 * max(size, 8 * count, 32 * count * (name == "string"))


@FULL
@pytest.mark.parametrize("name", ["int64", "string"])
def test_messages_that_unfold_are_bounded(server, stub, name):
    """One byte for a number of eight, two for an empty string."""
    count = {"int64": 70 * MIB, "string": 20 * MIB}[name]
    tensor = encode(np.zeros(0, dtype_of(name)))
    tensor.tensor_shape.dim[0].size = count
    wire = tensor.SerializeToString()
    if name == "int64":
        wire += b"\x52" + varint(count) + bytes(count)
    else:
        wire += b"\x42\0" * count
    request = mirrored(**{name: tensor.FromString(wire)})
    size = request.ByteSize()
    server.forget_peak()
    before = server.peak()
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request, timeout=300)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "may take 536870912 in all" in caught.value.details()
    most = server.peak() - before
    keep(
        16,
        f"a message that unfolds, {name}",
        TEST,
        {
            f"{mebibytes(size)} with {count} elements": "refused",
            "most memory meanwhile": mebibytes(most),
        },
    )
    assert most < 2048 * MIB


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=FULL)])
def test_requests_leave_nothing_behind(server, stub, count):
    long = b"a" * 10_000
    body = {"inputs": ["a" * 1000]}

    def ask_all(times):
        for index in range(times):
            stub.Predict(texts("upper", long[: 1 + index % 10_000], b"b"), timeout=20)
            if index % 10 == 0:
                ask(server.rest_port, "POST", "/v1/models/upper:predict", body)
                with pytest.raises(grpc.RpcError):
                    stub.Predict(texts("nothing", b"x"), timeout=20)

    ask_all(200)
    server.idle_since()
    before = server.resident()
    ask_all(count)
    server.idle_since()
    grown = server.resident() - before
    assert grown < 32 * MIB
    if count >= 10_000:
        keep(
            17,
            "memory after requests",
            TEST,
            {
                "requests": f"{count} and 2000 of other kinds",
                "memory before": mebibytes(before),
                "grown by": mebibytes(grown),
            },
        )


@FULL
def test_reloads_leave_nothing_behind(model, tmp_path):
    """Fifty versions with 8 MiB of variables, one after the other."""
    base = tmp_path / "m"
    shutil.copytree(model("weighty"), base)
    reloads, poll = 50, "--file_system_poll_wait_seconds=0.02"
    with watched({"m": base}, tmp_path, poll) as server:
        with grpc.insecure_channel(server.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

            def publish(number):
                shutil.copytree(base / f"{number - 1}", base / "arriving")
                (base / "arriving").rename(base / f"{number}")
                while True:
                    answer = stub.Predict(texts("m", b"a"), timeout=60)
                    assert answer.outputs["text"].string_val[:] == [b"A"]
                    if answer.model_spec.version.value == number:
                        break
                    threading.Event().wait(0.005)
                shutil.rmtree(base / f"{number - 1}")

            for number in range(2, 12):
                publish(number)
            server.idle_since(POLLING)
            before, threads = server.resident(), server.threads()
            for number in range(12, 12 + reloads):
                publish(number)
            server.idle_since(POLLING)
            grown = server.resident() - before
            assert server.threads() <= threads + 2
    assert grown < 64 * MIB
    keep(
        17,
        "memory after reloads",
        TEST,
        {
            "reloads": f"{reloads}, of a model with 8 MiB of variables",
            "memory before": mebibytes(before),
            "grown by": mebibytes(grown),
        },
    )


KINDS = pytest.mark.parametrize("kind", ["gzip", "plain"])


def refused(target, size, kind):
    """Compressed or not: 300 MiB of zeros are less than 1 MiB as gzip."""
    compression = grpc.Compression.Gzip if kind == "gzip" else None
    request = texts("upper", bytes(size))
    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=120, compression=compression)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in caught.value.details()


@pytest.fixture(scope="module")
def narrow(serve):
    limit = f"grpc.max_receive_message_length={MIB}"
    with serve("upper", flags=(f"--grpc_channel_arguments={limit}",)) as running:
        yield running


@KINDS
def test_messages_beyond_a_limit_are_refused(narrow, kind):
    refused(narrow.target, 2 * MIB, kind)
    narrow.upper()


@FULL
@KINDS
def test_messages_beyond_the_limit_are_refused(server, kind):
    server.forget_peak()
    before = server.peak()
    refused(server.target, 300 * MIB, kind)
    most = server.peak() - before
    assert most < 600 * MIB
    server.upper()
    keep(
        16,
        f"a message beyond the limit, {kind}",
        TEST,
        {
            "300 MiB where 256 MiB are allowed": "refused",
            "most memory meanwhile": mebibytes(most),
        },
    )
