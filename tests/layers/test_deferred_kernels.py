"""Training defers the gradients of the loops' kernels: the same numbers."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers.gradients import value_and_gradients


@pytest.mark.parametrize("order", ["bahdanau", "luong", "no feeding"])
@pytest.mark.parametrize("masked", [False, True])
def test_training_gradients_equal_plain_ones(order, masked):
    random = np.random.default_rng(4)
    source = random.normal(size=(3, 5, 4))
    target = random.normal(size=(3, 6, 4))
    source_mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 0, 1]])
    target_mask = np.array([[1] * 6, [1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 1]])
    encoder = ka.RecurrentEncoder(3, num_layers=2, dtype="float64")
    decoder = ka.AttentionDecoder(
        keras.layers.StackedRNNCells(
            [
                keras.layers.LSTMCell(5, dtype="float64"),
                keras.layers.LSTMCell(5, dtype="float64"),
            ]
        ),
        ka.LuongAttention("general", dtype="float64"),
        order="bahdanau" if order == "bahdanau" else "luong",
        input_feeding=order != "no feeding",
        dtype="float64",
    )

    def outputs(training):
        def function(source, target):
            value, state = encoder(
                source, mask=source_mask if masked else None, training=training
            )
            out = decoder(
                target,
                value,
                inputs_mask=target_mask if masked else None,
                value_mask=source_mask if masked else None,
                initial_state=state,
                training=training,
            )
            return keras.ops.sum(out * out)

        return function

    outputs(False)(source, target)
    weights = encoder.trainable_variables + decoder.trainable_variables
    plain = value_and_gradients(outputs(False), [source, target], weights)
    deferred = value_and_gradients(outputs(True), [source, target], weights)
    for ours, theirs in zip(
        keras.tree.flatten(deferred), keras.tree.flatten(plain), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
