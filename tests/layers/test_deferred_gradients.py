"""Training defers the gradients of what all steps of a loop share: the same numbers."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_attention as ka
from keras_attention.backend.deferred.products import step_product
from keras_attention.backend.loop import scan
from tests.layers.gradients import COMPILERS, EXACT, value_and_gradients

HOW = COMPILERS[0] if COMPILERS else None


def assert_same(ours, theirs):
    tolerance = {"float64": 1e-9, "float32": 1e-5}[EXACT]
    for a, b in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        scale = np.max(np.abs(b)) if np.size(b) else 1.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def two(cell, units, **options):
    made = [cell(units, dtype=EXACT, **options) for _ in range(2)]
    return keras.layers.StackedRNNCells(made)


LSTM, GRU = keras.layers.LSTMCell, keras.layers.GRUCell
DECODERS = {
    "bahdanau": lambda: {
        "cell": two(LSTM, 6),
        "attention": ka.BahdanauAttention(4, num_heads=2, dtype=EXACT),
    },
    "gnmt": lambda: {
        "cell": two(LSTM, 6),
        "attention": ka.Attention(
            ka.scores.AdditiveScore(4, normalize=True, dtype=EXACT), dtype=EXACT
        ),
        "order": "gnmt",
    },
    "conditional": lambda: {
        "cell": two(GRU, 6),
        "attention": ka.BahdanauAttention(4, dtype=EXACT),
        "order": "conditional",
    },
    "luong": lambda: {
        "cell": GRU(6, reset_after=False, dtype=EXACT),
        "attention": ka.LuongAttention("general", dtype=EXACT),
    },
    "no feeding": lambda: {
        "cell": LSTM(6, dtype=EXACT),
        "attention": ka.LuongAttention("general", dtype=EXACT),
        "input_feeding": False,
    },
}


@pytest.mark.parametrize("name", DECODERS)
def test_training_gradients_equal_plain_ones(name, monkeypatch):
    deferred = []
    if keras.backend.backend() == "tensorflow":
        from keras_attention.backend.deferred.on_tensorflow import TensorFlowRecorder

        finish = TensorFlowRecorder.finish

        def counted(recorder, rows):
            deferred.append(len(rows))
            finish(recorder, rows)

        monkeypatch.setattr(TensorFlowRecorder, "finish", counted)
    check(name, masked=True, how=HOW)
    # Both layers of the encoder, and the decoder: none of them computed plainly.
    assert keras.backend.backend() != "tensorflow" or len(deferred) >= 3
    assert all(deferred)


@pytest.mark.parametrize("how", [None, *COMPILERS[1:]])
@pytest.mark.parametrize("name", ["bahdanau", "luong"])
def test_eagerly_under_xla_and_without_masks(name, how):
    check(name, masked=False, how=how)


def check(name, masked, how):
    random = np.random.default_rng(4)
    source = random.normal(size=(3, 5, 4)).astype(EXACT)
    target = random.normal(size=(3, 6, 4)).astype(EXACT)
    masks = {}
    if masked:
        source_mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 0, 1]])
        target_mask = np.array([[1] * 6, [1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 1]])
        masks = {"inputs_mask": target_mask, "value_mask": source_mask}
    decoder = ka.AttentionDecoder(**DECODERS[name](), dtype=EXACT)
    kind = "lstm" if name in ("bahdanau", "gnmt", "no feeding") else "gru"
    encoder = ka.RecurrentEncoder(2, cell=kind, num_layers=2, dtype=EXACT)

    def outputs(training):
        def function(source, target):
            value, state = encoder(
                source, mask=masks.get("value_mask"), training=training
            )
            if name == "conditional":  # the state of one cell is carried
                state = state[-1:]
            out = decoder(
                target, value, initial_state=state, training=training, **masks
            )
            return ops.sum(out * out)

        return function

    outputs(False)(source, target)
    weights = encoder.trainable_variables + decoder.trainable_variables
    plain = value_and_gradients(outputs(False), [source, target], weights, how)
    deferred = value_and_gradients(outputs(True), [source, target], weights, how)
    assert_same(deferred, plain)


@pytest.mark.parametrize("how", [None, *COMPILERS])
def test_what_cannot_wait_is_computed_in_its_step(how):
    random = np.random.default_rng(5)
    rows = random.normal(size=(4, 2, 3)).astype(EXACT)
    kernel = random.normal(size=(3, 3)).astype(EXACT)

    def run(defer):
        def function(rows, kernel):
            def step(h, row):
                waits = step_product(h, kernel)
                of_the_step = step_product(h, kernel + row[:1])
                in_a_branch = ops.cond(
                    ops.sum(row) > 0, lambda: step_product(h, kernel), lambda: h
                )
                never_used = step_product(row, kernel)
                new = ops.tanh(waits + of_the_step + in_a_branch + row)
                return new, (new, never_used)

            _, (states, _) = scan(step, ops.zeros_like(rows[0]), rows, defer)
            return ops.sum(states * states)

        return function

    assert_same(
        value_and_gradients(run(True), [rows, kernel], compile=how),
        value_and_gradients(run(False), [rows, kernel], compile=how),
    )
