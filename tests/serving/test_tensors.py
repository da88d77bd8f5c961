"""Tensor coding against TensorFlow's own, which is what TF Serving runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.messages import tensor_pb2
from serving.tensors.decoding import Allowance, decode
from serving.tensors.dtypes import BY_NUMBER, TensorError, TensorTooLarge, dtype_named
from serving.tensors.encoding import as_array, encode

_INT32 = st.integers(-(2**31), 2**31 - 1)
_FLOAT = st.floats(width=32)
_VALUES = {
    "float_val": _FLOAT,
    "double_val": st.floats(),
    "half_val": st.integers(-5, 70_000),
    "int_val": _INT32,
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "uint32_val": st.integers(0, 2**32 - 1),
    "uint64_val": st.integers(0, 2**64 - 1),
    "bool_val": st.booleans(),
    "scomplex_val": _FLOAT,
    "dcomplex_val": st.floats(),
    "string_val": st.binary(max_size=30),
}
_CODES = sorted(BY_NUMBER.values())


@st.composite
def tensor_protos(draw):
    code = draw(st.sampled_from(_CODES))
    proto = tensor_pb2.TensorProto(dtype=code.number)
    sizes = st.integers(-1, 4) if draw(st.booleans()) else st.integers(0, 3)
    for size in draw(st.lists(sizes, max_size=3)):
        proto.tensor_shape.dim.add(size=size)
    count = draw(st.integers(0, 12))
    values = st.lists(_VALUES[code.field], min_size=count, max_size=count)
    getattr(proto, code.field).extend(draw(values))
    if draw(st.integers(0, 3)) == 0:
        proto.tensor_content = draw(_contents(proto, code))
    return proto


def _contents(proto, code):
    """Mostly of the right length, so that much of it can be read."""
    count = int(np.prod([dim.size for dim in proto.tensor_shape.dim], dtype=np.int64))
    if count < 0 or code.field == "string_val":
        strings = st.lists(st.binary(max_size=4), min_size=max(count, 0), max_size=70)
        return strings.map(lambda s: bytes(map(len, s)) + b"".join(s)) | st.binary(
            max_size=20
        )
    length = count * dtype_named(tensor_pb2.DataType.Name(code.number)).itemsize
    return st.binary(min_size=length, max_size=length) | st.binary(max_size=20)


@settings(max_examples=600, deadline=None)
@given(tensor_protos())
def test_decode_equals_parse_tensor(proto):
    import tensorflow as tf

    try:
        expected = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype).numpy()
    except tf.errors.InvalidArgumentError:
        with pytest.raises(TensorError):
            decode(proto)
        return
    found = decode(proto)
    assert found.shape == np.shape(expected)
    if proto.dtype == tensor_pb2.DT_STRING:
        assert found.tolist() == np.asarray(expected, object).tolist()
    else:
        assert found.dtype == expected.dtype
        assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_encode_writes_typed_fields_that_read_back(data):
    import tensorflow as tf

    code = data.draw(st.sampled_from(_CODES))
    dtype = dtype_named(tensor_pb2.DataType.Name(code.number))
    shape = data.draw(st.lists(st.integers(0, 3), max_size=3))
    count = int(np.prod(shape, dtype=int))
    if dtype.hasobject:
        items = data.draw(st.lists(st.binary(), min_size=count, max_size=count))
        array = np.empty(count, object)
        array[:] = items
    elif dtype.kind == "b":
        flags = st.lists(st.booleans(), min_size=count, max_size=count)
        array = np.array(data.draw(flags), bool)
    else:
        size = count * dtype.itemsize
        array = np.frombuffer(data.draw(st.binary(min_size=size, max_size=size)), dtype)
    array = array.reshape(shape)
    proto = encode(array)
    assert not proto.tensor_content
    found = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype).numpy()
    assert np.shape(found) == array.shape
    if dtype.hasobject:
        assert np.asarray(found, object).tolist() == array.tolist()
        assert decode(proto).tolist() == array.tolist()
    else:
        assert np.array_equal(_bits(found), _bits(array))
        assert np.array_equal(_bits(decode(proto)), _bits(array))


def _bits(array):
    """Memory, with one pattern for all NaNs: they may pass through float registers."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind == "c":
        array = array.reshape(-1).view(array.real.dtype)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
    return array.reshape(-1).view(np.uint8)


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">c8", ">c16", ">i4", ">u8"])
def test_arrays_of_the_other_byte_order_keep_their_values(dtype):
    array = np.array([[1.5, 2.0], [3.0, 40.0]]).astype(dtype).T
    native = array.astype(array.dtype.newbyteorder("="))
    assert encode(array) == encode(native)
    assert np.array_equal(decode(encode(array)), native)


def test_a_large_shape_without_values_is_refused():
    proto = tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT, float_val=[1.0])
    proto.tensor_shape.dim.add(size=1 << 30)
    with pytest.raises(TensorTooLarge, match="names 1073741824 elements.*carries 1"):
        decode(proto)
    proto.tensor_shape.dim.add(size=1 << 40)
    with pytest.raises(TensorError, match="overflows"):
        decode(proto)


def test_values_that_were_sent_are_never_too_many():
    proto = encode(np.zeros(100, np.float32))
    assert decode(proto, Allowance(implied=0)).shape == (100,)
    proto.tensor_shape.dim[0].size = 101
    with pytest.raises(TensorTooLarge):
        decode(proto, Allowance(implied=0))


def test_the_tensors_of_a_message_share_what_they_may_take():
    allowance = Allowance(total=1000)
    assert decode(encode(np.zeros(200, np.float32)), allowance).nbytes == 800
    with pytest.raises(TensorTooLarge, match="7 elements take 224 .* 1000 in all"):
        decode(encode([b""] * 7), allowance)


@pytest.mark.parametrize(
    "name", ["DT_INVALID", "DT_RESOURCE", "DT_VARIANT", "DT_QINT8", "DT_INT4"]
)
def test_dtypes_that_numpy_lacks_are_named(name):
    proto = tensor_pb2.TensorProto(dtype=tensor_pb2.DataType.Value(name))
    with pytest.raises(TensorError, match=name):
        decode(proto)


def test_strings_keep_trailing_nulls_and_unicode():
    array = as_array([["a\0", b"\xff\0"], ["é", ""]])
    assert array.tolist() == [[b"a\0", b"\xff\0"], ["é".encode(), b""]]
    assert as_array("x").shape == ()
    assert as_array(np.array(["ab", "c"])).tolist() == [b"ab", b"c"]


@pytest.mark.parametrize(
    "value, message",
    [
        ([1, "a", None], "Expected: str or bytes. Received: "),
        ([[1], [1, 2]], "rectangular"),
        (
            np.array(["2020-01-01"], "datetime64[D]"),
            "a dtype must be one of TensorFlow's",
        ),
        (["\ud800"], "surrogates not allowed"),
    ],
)
def test_what_cannot_be_sent_is_refused(value, message):
    with pytest.raises(TensorError, match=message):
        encode(value)
