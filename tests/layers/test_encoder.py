"""The encoder against Keras' own layers with the same weights, and by hand."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.cases import B, S
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize
from tests.reference import cells as oracle

L = keras.layers
UNITS = 4
MASK = np.arange(S) < np.array([[5], [3], [1]])


def _embedded():
    return np.random.default_rng(8).normal(size=(B, S, 3)).astype("float32")


def _split(weights):
    return [weights[i : i + 3] for i in range(0, len(weights), 3)]


def _expected(cell, groups, embedded, mask, bidirectional):
    """Layer by layer, with kernel, recurrent kernel and bias per direction."""
    make = {"lstm": oracle.lstm, "gru": oracle.gru}[cell]
    states, x = [], np.asarray(embedded, "float64")
    per_layer = 2 if bidirectional else 1
    for index in range(0, len(groups), per_layer):
        outputs, lasts = [], []
        for direction in range(per_layer):
            zeros = [np.zeros((B, UNITS)) for _ in range(2 if cell == "lstm" else 1)]
            output, last = oracle.run(
                make(*groups[index + direction]), x, zeros, mask, direction == 1
            )
            outputs.append(output)
            lasts.append(last)
        x = np.concatenate(outputs, axis=-1)
        states.append([np.concatenate(p, axis=-1) for p in zip(*lasts, strict=True)])
    return x, states


@pytest.mark.parametrize("mask", [None, MASK], ids=["no_mask", "mask"])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_equations(cell, bidirectional, num_layers, mask):
    encoder = ka.RecurrentEncoder(
        UNITS, cell, num_layers=num_layers, bidirectional=bidirectional
    )
    embedded = _embedded()
    encoder(embedded)
    randomize(encoder)
    value, state = encoder(embedded, mask=mask)
    groups = _split([to_numpy(w) for w in encoder.trainable_weights])
    wanted = _expected(cell, groups, embedded, mask, bidirectional)
    assert_allclose(to_numpy(value), wanted[0], rtol=1e-5, atol=2e-6)
    assert len(state) == num_layers
    for got, layer in zip(state, wanted[1], strict=True):
        for a, b in zip(got, layer, strict=True):
            assert_allclose(to_numpy(a), b, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("mask", [None, MASK], ids=["no_mask", "mask"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_one_layer_is_keras_bidirectional(cell, mask):
    encoder, embedded = ka.RecurrentEncoder(UNITS, cell), _embedded()
    layer = L.Bidirectional(
        {"lstm": L.LSTM, "gru": L.GRU}[cell](
            UNITS, return_sequences=True, return_state=True
        )
    )
    layer.build(embedded.shape)
    encoder(embedded)
    randomize(encoder)
    layer.set_weights([to_numpy(w) for w in encoder.trainable_weights])
    value, state = encoder(embedded, mask=mask)
    wanted, *states = layer(embedded, mask=mask)
    wanted = to_numpy(wanted)
    if mask is not None:
        wanted[~mask] = 0
    assert_allclose(to_numpy(value), wanted, rtol=1e-5, atol=2e-6)
    half = len(states) // 2
    for a, forward, backward in zip(
        state[0], states[:half], states[half:], strict=True
    ):
        joined = np.concatenate([to_numpy(forward), to_numpy(backward)], axis=-1)
        assert_allclose(to_numpy(a), joined, rtol=1e-5, atol=2e-6)


def test_a_decoder_continues_where_the_encoder_stopped():
    # The bridge takes every state layer of the encoder for the cell of that layer.
    encoder = ka.RecurrentEncoder(3, "lstm", num_layers=2)
    cell = L.StackedRNNCells([L.LSTMCell(6), L.LSTMCell(6)])
    decoder = ka.AttentionDecoder(cell, ka.BahdanauAttention(4), bridge="copy")
    value, state = encoder(_embedded(), mask=MASK)
    memory = decoder.precompute  # needs a built decoder
    with pytest.raises(ValueError):
        memory(value)
    decoder(np.ones((B, 2, 2), "float32"), value, initial_state=state)
    first = decoder.initial_state(decoder.precompute(value), initial_state=state)
    for got, wanted in zip(first.cell, state, strict=True):
        for a, b in zip(got, wanted, strict=True):
            assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-6)
