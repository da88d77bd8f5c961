"""Warm-up records: read without TensorFlow, replayed before a version is served."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.errors import ModelLoadFailed
from serving.server import Server, ServerOptions
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.loading import SavedModelLoader
from serving.server.versions.servable import Servable
from serving.server.versions.tfrecord import masked_crc32c, records
from serving.server.versions.warmup import ONCE_SERVED, REQUESTS, warm_up


def write(path, items):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for item in items:
            writer.write(item)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_records_are_those_tensorflow_wrote(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("records") / "file"
    write(path, items)
    assert list(records(path)) == items


@pytest.mark.parametrize("cut", [1, 5, 11, 12, 15, 16, 18])
def test_a_file_cut_short_is_lost_data(tmp_path, cut):
    write(tmp_path / "file", [b"abc", b"abc"])
    data = (tmp_path / "file").read_bytes()
    assert len(data) == 38
    (tmp_path / "file").write_bytes(data[: 19 + cut])
    found = records(tmp_path / "file")
    assert next(found) == b"abc"
    with pytest.raises(Refusal, match="truncated record at 19") as caught:
        next(found)
    assert caught.value.code.name == "DATA_LOSS"
    if cut >= 12:  # TensorFlow takes a length that was cut short for the end
        with pytest.raises(tf.errors.DataLossError, match="truncated record at 19"):
            list(tf.data.TFRecordDataset(str(tmp_path / "file")))


@pytest.mark.parametrize("place", range(19))
def test_every_flipped_bit_is_noticed(tmp_path, place):
    write(tmp_path / "file", [b"abc"])
    data = bytearray((tmp_path / "file").read_bytes())
    data[place] ^= 4
    (tmp_path / "file").write_bytes(bytes(data))
    with pytest.raises(Refusal, match="record at 0"):
        list(records(tmp_path / "file"))


def test_a_length_beyond_the_file_takes_no_memory(tmp_path):
    length = (2**60).to_bytes(8, "little")
    crc = masked_crc32c(length).to_bytes(4, "little")
    (tmp_path / "file").write_bytes(length + crc + b"x")
    with pytest.raises(Refusal, match="truncated record at 0"):
        list(records(tmp_path / "file"))


class Counting:
    """A session that notes what it is fed."""

    def __init__(self, session):
        self.session, self.fed = session, []

    def run(self, feeds, fetches, timeout_ms=0):
        self.fed.append([array.tolist() for array in feeds.values()])
        return self.session.run(feeds, fetches, timeout_ms)


@pytest.fixture
def model(toys, tmp_path):
    """A version of ``upper``, loaded, and its folder."""
    path = tmp_path / "m" / "1"
    shutil.copytree(toys / "upper" / "1", path)
    session = SavedModelSession(path)
    return Servable("m", 1, session.signatures, Counting(session)), path


def predict_log(*texts, signature="", name="whatever", version=None):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    if name:
        request.model_spec.name = name
        request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    proto = tf.make_tensor_proto([text.encode() for text in texts])
    request.inputs["text"].CopyFrom(proto)
    return log.SerializeToString()


def example_log(kind, name, signature=None):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    if kind == "multi_inference_log":
        task = request.tasks.add(method_name="tensorflow/serving/classify")
        task.model_spec.name, task.model_spec.signature_name = name, "classify"
    else:
        request.model_spec.name, request.model_spec.signature_name = name, signature
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(1.0)
    return log.SerializeToString()


def test_every_kind_of_request_is_replayed(model):
    servable, path = model
    items = [
        predict_log("a", "b", version=77),
        predict_log("c", name=""),
        predict_log("d", signature="align"),
        example_log("classify_log", "x", "classify"),
        example_log("regress_log", "x", "regress"),
        example_log("multi_inference_log", "x"),
        prediction_log_pb2.PredictionLog().SerializeToString(),
    ]
    write(path / REQUESTS, items)
    warm_up(servable, path)
    assert servable.runner.fed[:3] == [[[b"a", b"b"]], [[b"c"]], [[b"d"]]]
    assert len(servable.runner.fed) == 6


def test_requests_are_repeated_if_wanted(model):
    servable, path = model
    write(path / REQUESTS, [predict_log("a"), predict_log("b")])
    warm_up(servable, path, 2)
    assert servable.runner.fed == [[[b"a"]], [[b"a"]], [[b"b"]], [[b"b"]]]


def test_without_a_file_there_is_nothing_to_do(model):
    servable, path = model
    warm_up(servable, path)
    assert servable.runner.fed == []


def failing(case, path):
    streamed = prediction_log_pb2.PredictionLog()
    streamed.predict_streamed_log.SetInParent()
    run = prediction_log_pb2.PredictionLog()
    run.session_run_log.SetInParent()
    items = {
        "signature": [predict_log("a"), predict_log("b", signature="nope")],
        "input": [predict_log("a", signature="classify")],
        "no message": [b"\xff"],
        "streamed": [streamed.SerializeToString()],
        "session run": [run.SerializeToString()],
        "too many": [predict_log("a")] * 1001,
        "not records": [],
    }[case]
    write(path / REQUESTS, items)
    if case == "not records":
        (path / REQUESTS).write_bytes(b"this is no TFRecord file, is it?")


FAILURES = {
    "signature": ("FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
    "input": ("INVALID_ARGUMENT", "Signature input alias: inputs("),
    "no message": ("INVALID_ARGUMENT", "Failed to parse warmup record: "),
    "streamed": ("UNIMPLEMENTED", "Unsupported log_type for warmup: 7"),
    "session run": ("UNIMPLEMENTED", "Unsupported log_type for warmup: 5"),
    "too many": ("INVALID_ARGUMENT", "Number of warmup records exceeds the maximum (1"),
    "not records": (
        "DATA_LOSS",
        "corrupted record at 0. Please verify your warmup data is in TFRecord format.",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_record_fails_the_load(model, case):
    _, path = model
    failing(case, path)
    with pytest.raises(Refusal) as caught:
        SavedModelLoader()("m", 1, path)
    code, message = FAILURES[case]
    assert caught.value.code.name == code
    assert caught.value.message.startswith(message)
    assert SavedModelLoader(warmup_iterations=0)("m", 1, path).version == 1


def test_a_version_that_does_not_warm_up_replaces_nothing(model):
    _, path = model
    options = ServerOptions(host="127.0.0.1", port=0, threads=2, poll_seconds=0)
    with Server({"m": path.parent}, options) as server:
        shutil.copytree(path, path.with_name("2"))
        failing("signature", path.with_name("2"))
        server._models.refresh()
        spec = predict_pb2.PredictRequest().model_spec
        spec.name = "m"
        assert server._models.find(spec).version == 1
        status = server._models.status(spec)[0]
        assert (status.version, status.state) == (2, status.END)
        assert 'key "nope" not found' in status.status.error_message
    base = path.parents[1] / "n"
    shutil.copytree(path.with_name("2"), base / "1")
    with pytest.raises(ModelLoadFailed, match='version 1.*key "nope" not found'):
        Server({"m": base}, options).start()
    with Server({"m": path.parent}, replace(options, warmup_iterations=0)) as server:
        assert [servable.version for servable in server.servables] == [2]


def test_what_the_exporter_writes_is_replayed(model):
    warmup = pytest.importorskip("keras_attention.export.warmup_requests")
    servable, path = model
    request = {"text": tf.constant(["a", "b"])}
    warmup.write(path, "m", [("serving_default", request)])
    warm_up(servable, path)
    assert servable.runner.fed == [[[b"a", b"b"]]]


@pytest.mark.parametrize("how", ["refused", "broken"])
def test_what_fails_later_is_said_and_no_more(toys, tmp_path, caplog, how):
    path = shutil.copytree(toys / "upper" / "1", tmp_path / "upper" / "1")
    items = [predict_log("a"), predict_log("b", signature="none such")]
    write(path / ONCE_SERVED, items)
    if how == "broken":
        data = (path / ONCE_SERVED).read_bytes()
        (path / ONCE_SERVED).write_bytes(data[:-1])
    load = SavedModelLoader()
    servable = load("upper", 1, path)
    load.later.start()
    done = threading.Event()
    load.later.put(done.set)  # after all that has to be done some time
    assert done.wait(30)
    load.later.close()
    (said,) = [r.getMessage() for r in caplog.records if "warm-up" in r.getMessage()]
    assert said.startswith("model upper: version 1 is served, but a warm-up request")
    reason = {"refused": '"none such" not found', "broken": "truncated record at"}
    assert reason[how] in said
    assert servable.signatures["serving_default"]
