"""JSON to tensors and back: rows taken at once equal rows taken one by one."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.messages import predict_pb2, signature_pb2, tensor_pb2
from serving.server.refusal import Refusal
from serving.server.rest import predict_inputs, predict_outputs
from serving.server.rest.json_parsing import parse
from serving.tensors.decoding import decode
from serving.tensors.encoding import encode

MAX = float(np.finfo(np.float32).max)
FLOATS = st.floats(width=32)
LEAVES = {
    "float32": FLOATS.filter(lambda value: abs(value) != MAX)
    | st.integers(-(1 << 24) + 1, (1 << 24) - 1),
    "float64": st.floats() | st.integers(-(1 << 53) + 1, (1 << 53) - 1),
    "int32": st.integers(-(1 << 31), (1 << 31) - 1),
    "int64": st.integers(-(1 << 63), (1 << 63) - 1),
    "uint8": st.integers(0, 255),
    "uint32": st.integers(0, (1 << 32) - 1),
    "uint64": st.integers(0, (1 << 64) - 1),
    "bool": st.booleans(),
    "object": st.text(st.characters(codec="utf-8")),
}
NUMBERS = {
    "float32": tensor_pb2.DT_FLOAT,
    "float64": tensor_pb2.DT_DOUBLE,
    "int32": tensor_pb2.DT_INT32,
    "int64": tensor_pb2.DT_INT64,
    "uint8": tensor_pb2.DT_UINT8,
    "uint32": tensor_pb2.DT_UINT32,
    "uint64": tensor_pb2.DT_UINT64,
    "bool": tensor_pb2.DT_BOOL,
    "object": tensor_pb2.DT_STRING,
}


def infos(**dtypes):
    return {
        name: signature_pb2.TensorInfo(dtype=NUMBERS[dtype])
        for name, dtype in dtypes.items()
    }


@st.composite
def nested(draw, dtype):
    """A rectangular list, and the array that NumPy makes of it."""
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    count = math.prod(shape)
    flat = draw(st.lists(LEAVES[dtype], min_size=count, max_size=count))
    array = np.empty(count, object)
    array[:] = flat
    return array.reshape(shape).tolist(), shape, flat


@pytest.mark.parametrize("dtype", LEAVES)
def test_values_survive_both_ways(dtype):
    @settings(deadline=None, max_examples=60, derandomize=True)
    @given(nested(dtype))
    def check(drawn):
        value, shape, flat = drawn
        known = 1 + shape.index(0) if 0 in shape else len(shape)
        body = json.dumps({"inputs": value}).encode()
        form, tensors = predict_inputs.tensors(parse(body), infos(x=dtype))
        assert form == "inputs"
        array = decode(tensors["x"])
        # Behind an empty dimension a list says nothing of the others.
        assert list(array.shape) == shape[:known]
        expected = [s.encode() for s in flat] if dtype == "object" else flat
        expected_array = np.empty(len(flat), object)
        expected_array[:] = expected
        np.testing.assert_array_equal(
            array.ravel(), expected_array.astype(array.dtype).ravel()
        )
        response = predict_pb2.PredictResponse(outputs={"y": encode(array)})
        back = json.loads(predict_outputs.columns(response))["outputs"]
        again = predict_inputs.tensors({"inputs": back}, infos(x=dtype))[1]["x"]
        np.testing.assert_array_equal(decode(again), array)

    check()


def test_the_largest_float_is_written_too_large_to_be_read():
    """Nine digits round it up; TF Serving refuses its own answer here as well."""
    (text,) = predict_outputs.decimals(np.array([MAX], np.float32))
    assert text == "3.40282347e+38"
    with pytest.raises(Refusal, match="3.40282347e\\+38 to float without loss"):
        predict_inputs.tensors({"inputs": json.loads(text)}, infos(x="float32"))
    predict_inputs.tensors({"inputs": MAX}, infos(x="float32"))


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 1 << 33)
    | st.floats()
    | st.text(max_size=2)
    | st.just({"b64": "YQ=="})
)
VALUES = st.recursive(CELLS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
ROWS = st.lists(VALUES, min_size=1, max_size=4) | st.lists(
    st.fixed_dictionaries({}, optional={"x": VALUES, "y": VALUES, "z": CELLS}),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("names", ["x", "xy"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "object", "bool"])
def test_all_rows_at_once_are_the_rows_one_by_one(dtype, names):
    kinds = infos(**dict.fromkeys(names, dtype))

    def outcome(function, rows):
        try:
            found = function(rows, kinds)
        except Refusal as refusal:
            return str(refusal)
        return {name: tensor.SerializeToString() for name, tensor in found.items()}

    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(ROWS)
    def check(rows):
        slow = outcome(predict_inputs._row_by_row, rows)
        if names == "xy" and not isinstance(rows[0], dict):
            return  # refused before that
        assert outcome(predict_inputs._from_rows, rows) == slow

    check()


@given(st.lists(FLOATS, max_size=20))
@settings(deadline=None, derandomize=True)
def test_decimals_read_back_as_the_same_float(values):
    array = np.array(values, np.float32)
    texts = predict_outputs.decimals(array)
    found = np.array([float(text) for text in texts], np.float32)
    np.testing.assert_array_equal(found, array)
    signed = ~np.isnan(array)
    np.testing.assert_array_equal(np.signbit(found)[signed], np.signbit(array)[signed])
    for text in texts:
        assert "." in text or "e" in text or text.lstrip("-") in ("NaN", "Infinity")


@given(st.lists(st.floats(), max_size=20))
@settings(deadline=None, derandomize=True)
def test_decimals_read_back_as_the_same_double(values):
    array = np.array(values, np.float64)
    found = np.array([float(text) for text in predict_outputs.decimals(array)])
    np.testing.assert_array_equal(found, array)


@given(st.binary(max_size=40))
@settings(deadline=None, derandomize=True)
def test_any_bytes_are_a_document_or_refused(body):
    try:
        assert isinstance(parse(body), dict)
    except Refusal as refusal:
        assert refusal.message
