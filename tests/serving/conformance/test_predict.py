"""Predict, as TF Serving answers it: code by code and word by word.

The numbers in the ids are the rows of the table in ``docs/serving.md``; row 14 is only
the embedded engine's, those from 15 on are in ``test_limits.py``.
"""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.serving.contract import INVALID, NOT_FOUND, refused

TEXT = {"text": np.array([b"a"], object)}
A = {"a": np.ones((1, 2), np.float32)}
N = {"n": np.array([1], np.int32)}


def asking(model, inputs, outputs=(), label=None, version=None, signature=""):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.SetInParent()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if label is not None:
        request.model_spec.version_label = label
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            value = tf.make_tensor_proto(value)
        request.inputs[name].CopyFrom(value)
    return request


def torn(dtype=tf.float32):
    """A tensor whose content has the wrong length."""
    proto = tf.make_tensor_proto(np.ones(2, dtype.as_numpy_dtype))
    proto.tensor_content = proto.tensor_content[:-1]
    return proto


_SIZE = (
    "input size does not match signature: {}!={} len({{{}}}) != len({{{}}}). "
    "Sent extra: {{{}}}. Missing but required: {{{}}}."
)
_NO_VALUE = (
    "Signature input alias: {0}(feed name: serving_default_{0}:0) not found in request "
    "and no default value provided. Inputs expected to be in the request {{{1}}}, or "
    "default input alias set: {2}"
)
_WRONG_OUTPUT = (
    "output tensor alias not found in signature: q Outputs expected to be in the set "
    "{two_a,two_n}."
)

ROWS = {
    "1 no model spec": (predict_pb2.PredictRequest(), INVALID, "Missing ModelSpec"),
    "2 empty name": (asking("", TEXT), INVALID, "ModelSpec has no name specified."),
    "3 unknown label": (
        asking("upper", TEXT, label="canary"),
        INVALID,
        "Unrecognized servable version label: canary",
    ),
    "3 unknown model and label": (
        asking("nope", TEXT, label="canary"),
        INVALID,
        "Unrecognized servable version label: canary",
    ),
    "4 unknown model": (
        asking("nope", TEXT),
        NOT_FOUND,
        "Servable not found for request: Latest(nope)",
    ),
    "5 unknown version": (
        asking("upper", TEXT, version=99),
        NOT_FOUND,
        "Servable not found for request: Specific(upper, 99)",
    ),
    "5 unknown model and version": (
        asking("nope", TEXT, version=1),
        NOT_FOUND,
        "Servable not found for request: Specific(nope, 1)",
    ),
    "6 unknown signature": (
        asking("upper", TEXT, signature="foo"),
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "foo" not found.',
    ),
    "7 too few inputs": (
        asking("numbers", A),
        INVALID,
        _SIZE.format(1, 2, "a", "a,n", "", "n"),
    ),
    "7 no inputs": (
        asking("numbers", {}),
        INVALID,
        _SIZE.format(0, 2, "", "a,n", "", "a,n"),
    ),
    "7 too many inputs": (
        asking("numbers", A | N | {"z": A["a"]}),
        INVALID,
        _SIZE.format(3, 2, "a,n,z", "a,n", "z", ""),
    ),
    "7 too many inputs in spite of defaults": (
        asking("defaulted", A | N | {"z": A["a"]}),
        INVALID,
        _SIZE.format(3, 2, "a,n,z", "a,n", "z", ""),
    ),
    "8 wrong name": (
        asking("numbers", A | {"zz": N["n"]}),
        INVALID,
        _NO_VALUE.format("n", "a,zz", ""),
    ),
    "8 missing with defaults for others": (
        asking("defaulted", N),
        INVALID,
        _NO_VALUE.format("a", "n", "n"),
    ),
    "9 wrong name where a default filled in": (
        asking("defaulted", A | {"zz": N["n"]}),
        INVALID,
        "Inputs contains invalid name. Used request inputs: a, request input: a,zz",
    ),
    "10 torn tensor": (
        asking("numbers", N | {"a": torn()}),
        INVALID,
        "tensor parsing error: a",
    ),
    "11 unknown output": (
        asking("numbers", A | N, outputs=["q"]),
        INVALID,
        _WRONG_OUTPUT,
    ),
    "12 output twice": (
        asking("numbers", A | N, outputs=["two_n", "two_n"]),
        INVALID,
        "duplicate output tensor alias: two_n",
    ),
    "13 wrong dtype": (
        asking("upper", {"text": np.ones(1, np.float32)}),
        INVALID,
        "Expects arg[0] to be string but float is provided",
    ),
    "13 wrong dtype of the second input": (
        asking("numbers", A | {"n": np.ones(1, np.int64)}),
        INVALID,
        "Expects arg[1] to be int32 but int64 is provided",
    ),
    "long messages are cut": (
        asking("upper", TEXT, signature="f" * 2000),
        grpc.StatusCode.FAILED_PRECONDITION,
        f'Serving signature key "{"f" * 1001}...TRUNCATED',
    ),
    # The order of the checks: each request is wrong in two or more ways.
    "2 before 3": (
        asking("", TEXT, label="x"),
        INVALID,
        "ModelSpec has no name specified.",
    ),
    "4 before 6": (
        asking("nope", TEXT, signature="foo"),
        NOT_FOUND,
        "Servable not found for request: Latest(nope)",
    ),
    "6 before 7": (
        asking("numbers", A, signature="foo"),
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "foo" not found.',
    ),
    "7 before 10": (
        asking("numbers", {"a": torn()}),
        INVALID,
        _SIZE.format(1, 2, "a", "a,n", "", "n"),
    ),
    "10 before 11": (
        asking("numbers", N | {"a": torn()}, outputs=["q"]),
        INVALID,
        "tensor parsing error: a",
    ),
    "11 before 12": (
        asking("numbers", A | N, outputs=["two_n", "q", "two_n"]),
        INVALID,
        _WRONG_OUTPUT,
    ),
    "12 before 13": (
        asking("numbers", A | {"n": np.ones(1)}, outputs=["two_n", "two_n"]),
        INVALID,
        "duplicate output tensor alias: two_n",
    ),
    "13 whatever the shape": (
        asking("upper", {"text": np.array(1, np.float32)}),
        INVALID,
        "Expects arg[0] to be string but float is provided",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_predict_refuses(prediction, row):
    refused(prediction.Predict, *ROWS[row])


@pytest.mark.parametrize("batch", [0, 1, 64])
def test_predict_answers_in_typed_fields(prediction, batch):
    texts = np.array([f"é{row}".encode() for row in range(batch)], object)
    response = prediction.Predict(asking("upper", {"text": texts}), timeout=20)
    assert response.model_spec.name == "upper"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value == 1
    assert not response.model_spec.version_label
    text, log_prob = response.outputs["text"], response.outputs["log_prob"]
    assert list(text.string_val) == list(texts)  # digits and é have no ASCII capitals
    assert list(log_prob.float_val) == [-0.5 * len(item) for item in texts]
    assert not log_prob.tensor_content and not text.tensor_content
    assert text.dtype == tf.string.as_datatype_enum
    assert [dim.size for dim in log_prob.tensor_shape.dim] == [batch]


def test_output_filter_selects(prediction):
    request = asking("numbers", A | N, outputs=["two_n"])
    assert set(prediction.Predict(request, timeout=20).outputs) == {"two_n"}


def test_typed_fields_are_read_like_content(prediction):
    """Fewer values than the shape names repeat the last one."""
    proto = tf.make_tensor_proto(np.int32([5]))
    proto.tensor_shape.dim[0].size = 3
    response = prediction.Predict(asking("numbers", A | {"n": proto}), timeout=20)
    assert list(response.outputs["two_n"].int_val) == [10, 10, 10]


def test_defaults_of_the_signature_fill_in(prediction):
    response = prediction.Predict(asking("defaulted", A), timeout=20)
    assert list(response.outputs["two_n"].int_val) == [14]


def test_version_and_signature_are_echoed_as_used(prediction):
    request = asking("upper", TEXT, version=1, signature="align")
    spec = prediction.Predict(request, timeout=20).model_spec
    assert (spec.version.value, spec.signature_name) == (1, "align")


def test_bytes_that_are_no_message_leave_the_server_alive(channel, prediction):
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    for garbage in (b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x03abc"):
        with pytest.raises(grpc.RpcError) as caught:
            call(garbage, timeout=20)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert prediction.Predict(asking("upper", TEXT), timeout=20).outputs


def test_a_signature_without_inputs(prediction):
    answer = prediction.Predict(asking("raw", {}, signature="seven"), timeout=20)
    assert list(answer.outputs["seven"].int_val) == [7]
