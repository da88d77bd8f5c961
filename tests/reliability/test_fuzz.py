"""Anything at all in messages and frames: every call ends, the process lives on."""

from __future__ import annotations

import contextlib
import json

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    prediction_service_pb2_grpc,
)

from serving.tensors.dtypes import BY_NUMBER
from tests.reliability import http2
from tests.reliability.figures import keep, mebibytes
from tests.reliability.test_memory import mirrored
from tests.reliability.watched import texts
from tests.serving import test_rest_fuzz
from tests.serving.test_tensors import tensor_protos
from tests.serving.web import ask

TEST = "tests/reliability/test_fuzz.py"
FULL = pytest.mark.reliability
MEMORY = 64 << 20
SERVICE = "/tensorflow.serving.PredictionService/"
METHODS = [
    SERVICE + "Predict",
    SERVICE + "Classify",
    SERVICE + "Regress",
    SERVICE + "MultiInference",
    SERVICE + "GetModelMetadata",
    "/tensorflow.serving.ModelService/GetModelStatus",
    "/grpc.health.v1.Health/Check",
]
#: What may come of a message that was meant badly; never UNKNOWN, which is a crash.
CODES = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INTERNAL,  # no message at all
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
}


def many(quick, full):
    """How many examples."""
    return pytest.mark.parametrize("count", [quick, pytest.param(full, marks=FULL)])


def fuzz(count, strategy, check):
    """Calls ``check`` with so many examples."""
    run = given(strategy)(check)
    settings(max_examples=count, deadline=None, derandomize=True, database=None)(run)()


@pytest.fixture(scope="module")
def server(serve):
    with serve("upper", "mirror") as running:
        for _ in range(20):
            running.upper()
        before = running.resident()
        yield running
        running.upper()
        assert running.resident() - before < MEMORY


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.target) as opened:
        yield opened


def done(server, item, name, count, what, before):
    if count >= 1000:
        grown = mebibytes(server.resident() - before)
        keep(item, name, TEST, {what: f"{count}", "memory grown by": grown})


def bits(array):
    """Memory, with one pattern for all NaNs: they may pass through float registers."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind == "c":
        array = array.reshape(-1).view(array.real.dtype)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
    return array.tolist() if array.dtype.hasobject else array.tobytes()


@many(60, 5000)
def test_tensors_are_read_as_tensorflow_reads_them(server, channel, count):
    """Sent, read, run through a graph, written; compared with TensorFlow's reading."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    before = server.resident()

    def parsed(proto):
        return tf.io.parse_tensor(proto.SerializeToString(), proto.dtype).numpy()

    def check(proto):
        name = BY_NUMBER[proto.dtype].dtype.replace("object", "string")
        try:
            expected = parsed(proto)
        except tf.errors.InvalidArgumentError:
            with pytest.raises(grpc.RpcError) as caught:
                stub.Predict(mirrored(**{name: proto}), timeout=60)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.details() == f"tensor parsing error: {name}"
            return
        answer = stub.Predict(mirrored(**{name: proto}), timeout=60)
        found = parsed(answer.outputs[name])
        assert np.shape(found) == np.shape(expected)
        assert bits(found) == bits(expected)

    fuzz(count, tensor_protos(), check)
    done(server, 3, "tensors of any kind", count, "tensors sent and compared", before)


def seeds():
    """Messages that are right."""
    upper = texts("upper", b"a", b"bc")
    upper.output_filter.append("text")
    versioned = texts("upper", b"a")
    versioned.model_spec.version.value = 1
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = "upper"
    metadata.metadata_field.append("signature_def")
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name = "upper"
    classify.model_spec.signature_name = "classify"
    example = classify.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(1.0)
    sound = [upper, versioned, mirrored(), metadata, classify]
    return [message.SerializeToString() for message in sound]


@st.composite
def damaged(draw):
    """A message with a few bytes changed, put in or left out."""
    data = bytearray(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        stop = place + draw(st.integers(0, 3))
        data[place:stop] = draw(st.binary(max_size=3))
    return bytes(data)


@many(100, 10_000)
def test_damaged_messages(server, channel, count):
    before = server.resident()

    def check(method, data):
        try:
            channel.unary_unary(method)(data, timeout=60)
        except grpc.RpcError as error:
            assert error.code() in CODES, error
            assert "Exception calling" not in error.details()

    messages = damaged() | st.binary(max_size=200)
    fuzz(count, st.tuples(st.sampled_from(METHODS), messages), lambda x: check(*x))
    server.upper()
    done(server, 4, "damaged gRPC messages", count, "messages sent", before)


FRAMES = st.builds(
    http2.frame,
    st.integers(0, 12),
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 5, 2**31 - 1]),
    st.binary(max_size=40)
    | st.sampled_from([http2.headers(method) for method in METHODS])
    | st.sampled_from(seeds()),
)


@many(60, 3000)
def test_frames_of_http2(server, count):
    before = server.resident()

    def check(frames):
        with contextlib.suppress(ConnectionError):
            with http2.connect(server.port, http2.settings(), *frames) as connection:
                test_rest_fuzz.ended(connection)
                while connection.recv(65536):
                    pass

    fuzz(count, st.lists(FRAMES, max_size=8), check)
    server.upper()
    done(server, 4, "HTTP2 frames", count, "connections with such frames", before)


REST = {
    "raw bytes": st.binary(max_size=2000),
    "pieces of HTTP": st.lists(test_rest_fuzz.PIECES, max_size=12).map(b"".join),
}


@FULL
@pytest.mark.parametrize("name", REST)
def test_more_of_what_is_sent_to_rest(server, name):
    target = test_rest_fuzz.Target(server.process, server.rest_port)
    before, count = server.resident(), 5000

    def check(data):
        assert test_rest_fuzz.is_answer(target.send(data))

    fuzz(count, REST[name], check)
    done(server, 4, f"REST, {name}", count, "requests sent", before)


@FULL
def test_more_bodies_of_json(server):
    before, count = server.resident(), 5000

    def check(body, verb):
        path = f"/v1/models/upper:{verb}"
        answer = ask(server.rest_port, "POST", path, json.dumps(body))
        assert answer.status in (200, 400, 501)
        json.loads(answer.body)

    verbs = st.sampled_from(["predict", "classify", "regress"])
    bodies = st.tuples(test_rest_fuzz.BODIES, verbs)
    fuzz(count, bodies, lambda drawn: check(*drawn))
    done(server, 4, "REST, JSON", count, "bodies sent", before)
