"""Decoders on phones: converted to LiteRT and run by it, with the same numbers."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy

pytestmark = pytest.mark.tensorflow_only
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
litert = pytest.importorskip(
    "ai_edge_litert.interpreter",
    reason="ai-edge-litert is not installed (pip install ai-edge-litert)",
)

L = keras.layers
B, T, S = 2, 3, 5
RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.normal(size=(B, T, 4)).astype("float32")
VALUE = RANDOM.normal(size=(B, S, 6)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)

DECODERS = {
    "bahdanau": lambda: ka.AttentionDecoder(L.GRUCell(6), ka.BahdanauAttention(8)),
    "luong": lambda: ka.AttentionDecoder(L.LSTMCell(6), ka.LuongAttention("general")),
    "not fed": lambda: ka.AttentionDecoder(
        L.LSTMCell(6), ka.LuongAttention("dot"), input_feeding=False
    ),
    "heads": lambda: ka.AttentionDecoder(
        L.GRUCell(6), ka.BahdanauAttention(8, num_heads=2)
    ),
    "with a state": lambda: ka.AttentionDecoder(L.GRUCell(6), ka.Attention("coverage")),
}


def _answers(path, data):
    """The outputs of a converted model, by their shapes: LiteRT does not keep names."""
    interpreter = litert.Interpreter(str(path))
    details = interpreter.get_input_details()
    by_rank = {tuple(x.shape[1:]) + (x.dtype.name,): x for x in data}
    for one in details:
        sizes = tuple(int(n) for n in one["shape_signature"][1:])
        x = next(
            x
            for key, x in by_rank.items()
            if len(key) == len(sizes) + 1
            and key[-1] == np.dtype(one["dtype"]).name
            and all(a in (-1, b) for a, b in zip(sizes, key, strict=False))
        )
        interpreter.resize_tensor_input(one["index"], x.shape)
        one["data"] = x
    interpreter.allocate_tensors()
    for one in details:
        interpreter.set_tensor(one["index"], one["data"])
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    found = [interpreter.get_tensor(one["index"]) for one in outputs]
    return {x.shape: x for x in found}


def _inputs(batch, target, source):
    return [
        keras.Input((target, 4), batch),
        keras.Input((source, 6), batch),
        keras.Input((source,), batch, dtype="bool"),
    ]


def _decoded(name, given):
    query, value, mask = given
    outputs = DECODERS[name]()(
        query, value, value_mask=mask, return_attention_scores=True
    )
    return keras.Model(given, outputs)


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_of_one_shape_runs_with_weights(name, tmp_path):
    model = _decoded(name, _inputs(B, T, S))
    data = [INPUTS, VALUE, MASK]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    answers = _answers(tmp_path / "model.tflite", data)
    for wanted in map(to_numpy, model(data)):
        assert_allclose(answers[wanted.shape], wanted, atol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_of_any_shape_converts_with_weights(name, tmp_path):
    # The arrays of its loop are TensorFlow's, which the interpreter here is without.
    model = _decoded(name, _inputs(None, None, None))
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    outputs = litert.Interpreter(str(tmp_path / "model.tflite")).get_output_details()
    assert len(outputs) == 2


def test_an_attention_with_weights_has_the_same_numbers(tmp_path):
    given = _inputs(None, None, None)[:2]
    layer = ka.BahdanauAttention(8)
    model = keras.Model(given, layer(*given, return_attention_scores=True))
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    answers = _answers(tmp_path / "model.tflite", [INPUTS, VALUE])
    for wanted in map(to_numpy, model([INPUTS, VALUE])):
        assert_allclose(answers[wanted.shape], wanted, atol=1e-5)
