"""A readout of a user's own, which takes the inputs or does without them."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy

TARGET = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("float32")
VALUE = np.random.default_rng(3).normal(size=(2, 5, 6)).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class GatedReadout(ka.readouts.Readout):
    """h_t * sigmoid(W c_t)"""

    def build(self, hidden_shape, context_shape):
        shape = (context_shape[-1], hidden_shape[-1])
        self.kernel = self.add_weight(shape=shape, name="kernel")

    def depth(self, hidden_depth, context_depth):
        return hidden_depth

    def call(self, hidden, context):
        return hidden * ops.sigmoid(ops.matmul(context, self.kernel))


@pytest.mark.parametrize("order", ["luong", "bahdanau"])
def test_two_arguments_are_enough(order, tmp_path):
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(8), ka.BahdanauAttention(8), order, GatedReadout()
    )
    inputs = keras.Input((None, 4)), keras.Input((None, 6))
    model = keras.Model(inputs, decoder(*inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    outputs = to_numpy(model([TARGET, VALUE]))
    assert outputs.shape == (2, 3, 8)
    assert_allclose(to_numpy(again([TARGET, VALUE])), outputs, rtol=1e-6)
    memory = decoder.precompute(VALUE)
    state = decoder.initial_state(memory)
    for t in range(3):
        output, _, state = decoder.step(TARGET[:, t], memory, state)
        assert_allclose(to_numpy(output), outputs[:, t], rtol=1e-5, atol=1e-6)
