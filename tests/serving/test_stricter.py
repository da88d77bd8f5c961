"""Where the embedded engine is stricter than TF Serving, as its page says.

The rest of the contract is in ``conformance``, for every engine.
"""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import tensorflow as tf

from serving.messages import predict_pb2
from serving.server.refusal import Refusal
from serving.server.rest import predict_outputs
from serving.tensors.encoding import encode
from tests.serving.conformance.test_predict import N, asking
from tests.serving.contract import INVALID, refused
from tests.serving.web import ask

_LONG = "x" * 5000


def bomb():
    proto = tf.make_tensor_proto(np.float32([1]))
    proto.tensor_shape.dim[0].size = 1 << 30
    return proto


SCALAR = "input `text` must have its signature's shape. Expected: [?]. Received: []"
ROWS = {
    "10 tensor bomb": (
        asking("numbers", N | {"a": bomb()}),
        "tensor parsing error: a: the shape names 1073741824 elements, the message "
        "carries 1; at most 67108864 bytes may be implied",
    ),
    "14 scalar text": (
        asking("upper", {"text": np.array(b"a", object)}),
        SCALAR,
    ),
    "14 rank-2 text": (
        asking("upper", {"text": np.array([[b"a"]], object)}),
        "input `text` must have its signature's shape. Expected: [?]. Received: [1,1]",
    ),
    "14 wrong known dimension": (
        asking("numbers", N | {"a": np.ones((1, 3), np.float32)}),
        "input `a` must have its signature's shape. Expected: [?,2]. Received: [1,3]",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_predict_refuses(prediction, row):
    request, message = ROWS[row]
    refused(prediction.Predict, request, INVALID, message)


@pytest.mark.parametrize(
    "body, message",
    [
        (
            json.dumps([_LONG]),
            f'JSON Value: [\n    "{_LONG[:1017]}...TRUNCATED Is not object',
        ),
        ({"inputs": "hello"}, SCALAR),
        ({"inputs": {"b64": "YQ=="}}, SCALAR),
        (
            b'{"inputs": ["\xff"]}',
            "JSON Parse error: Invalid UTF-8, invalid start byte at offset: 13",
        ),
    ],
    ids=["long value", "scalar text", "scalar bytes", "no UTF-8"],
)
def test_rest_refuses(refuses, body, message):
    refuses("upper", body, 400, message)


def test_nesting_is_bounded(predict):
    for depth, word in ((65, "nested"), (900, "nested"), (200_000, "depth")):
        nested = "[" * depth + "1" + "]" * depth
        body = f'{{"signature_name": "total", "inputs": {nested}}}'
        status, found = predict("numbers", body)
        assert status == 400
        assert word in found["error"]


def test_items_are_bounded(predict):
    body = '{"signature_name": "total", "inputs": [%s0]}' % ("0," * (1 << 21))
    status, found = predict("numbers", body)
    assert status == 400
    assert found["error"].startswith("Too many JSON items. Expected: at most 2097152.")


def test_what_is_no_utf8_is_replaced(predict):
    """TF Serving writes it as it is, which is no JSON."""
    status, found = predict("upper", {"inputs": [{"b64": "4oLsIA"}]})
    assert (status, found["outputs"]["text"]) == (200, ["\ufffd\ufffd "])


@pytest.mark.parametrize(
    "status, encoding, pack",
    [
        (400, "gzip", lambda body: body),
        (400, "gzip", lambda body: gzip.compress(body)[:-9]),
        (415, "br", lambda body: body),
    ],
    ids=["no gzip", "cut gzip", "unknown"],
)
def test_bodies_that_cannot_be_unpacked(server, status, encoding, pack):
    body = pack(json.dumps({"inputs": ["a"]}).encode())
    headers = {"Content-Encoding": encoding}
    path = "/v1/models/upper:predict"
    answer = ask(server.rest_port, "POST", path, body, headers)
    assert answer.status == status
    assert "error" in answer.json()


def test_outputs_of_rows_have_equally_many():
    tensors = {name: encode(np.zeros(n, np.int32)) for name, n in (("a", 2), ("b", 3))}
    with pytest.raises(Refusal) as caught:
        predict_outputs.rows(predict_pb2.PredictResponse(outputs=tensors))
    assert caught.value.message == (
        "Tensor name: b has inconsistent batch size: 3 expecting: 2"
    )
