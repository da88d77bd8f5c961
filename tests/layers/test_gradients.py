"""Gradients of inputs and weights against central differences."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import EXACT, directional_differences
from tests.layers.weights import randomize

TOLERANCE = {
    "float64": {"rtol": 1e-6, "atol": 1e-8},
    "float32": {"rtol": 1e-2, "atol": 2e-2},
}[EXACT]


def _projected(*tensors):
    """A scalar that depends on every number of every tensor, each differently."""
    total = 0.0
    for index, tensor in enumerate(tensors):
        random = np.random.default_rng(index)
        factors = random.normal(size=tuple(tensor.shape))
        total = total + ops.sum(tensor * ops.convert_to_tensor(factors, EXACT))
    return total


def _check(function, inputs, variables):
    pairs = directional_differences(function, inputs, variables)
    assert len(pairs) == len(inputs) + len(variables)
    assert_allclose(*np.transpose(pairs), **TOLERANCE)


SMOOTH = [(n, heads) for n, heads in cases.HEADS if n not in ("hard", "gumbel")]


@pytest.mark.parametrize("name, heads", SMOOTH)
def test_attention(name, heads):
    query, value, key = (x.astype(EXACT) for x in cases.inputs(name))
    query_mask, value_mask = cases.masks()
    layer = cases.ATTENTIONS[name].make(num_heads=heads, dtype=EXACT)
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)

    def loss(query, value, key):
        outputs = layer(
            query,
            value,
            key,
            query_mask=query_mask,
            value_mask=value_mask,
            return_attention_scores=True,
        )
        return _projected(*outputs)

    _check(loss, [query, value, key], layer.trainable_variables)


COMBINATIONS = [
    *[(case, "luong_general", "lstm") for case in decoder_cases.DECODERS],
    *[(case, name, "gru") for case in decoder_cases.LOOPS for name in cases.SCORES],
    *[(case, "fixed", "simple_rnn") for case in decoder_cases.LOOPS],
    *[("bahdanau", "bahdanau", cell) for cell in ["gru_before", "stacked"]],
]


@pytest.mark.parametrize("case, attention, cell", COMBINATIONS)
def test_decoder(case, attention, cell):
    decoder = decoder_cases.built(case, attention, cell, dtype=EXACT)
    data = decoder_cases.inputs(attention, cell, EXACT)
    masks = decoder_cases.masks()
    sizes = [len(layer) for layer in data["initial_state"]]

    def loss(inputs, value, *state):
        state, layers = list(state), []
        for size in sizes:
            layers.append(state[:size])
            state = state[size:]
        outputs = decoder(
            inputs, value, **masks, initial_state=layers, return_attention_scores=True
        )
        return _projected(*outputs)

    state = [x for layer in data["initial_state"] for x in layer]
    arrays = [data["inputs"], data["value"], *state]
    _check(loss, arrays, decoder.trainable_variables)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_encoder(cell, bidirectional):
    encoder = ka.RecurrentEncoder(
        3, cell, num_layers=2, bidirectional=bidirectional, dtype=EXACT
    )
    embedded = np.random.default_rng(3).normal(size=(cases.B, cases.S, 2)).astype(EXACT)
    mask = np.arange(cases.S) < np.array([[5], [3], [1]])
    encoder(embedded)
    randomize(encoder)

    def loss(embedded):
        value, state = encoder(embedded, mask=mask)
        return _projected(value, *[x for layer in state for x in layer])

    _check(loss, [embedded], encoder.trainable_variables)


def test_bridge():
    decoder = ka.AttentionDecoder(
        decoder_cases.CELLS["lstm"][0](dtype=EXACT),
        ka.BahdanauAttention(4, dtype=EXACT),
        dtype=EXACT,
    )
    data = decoder_cases.inputs(dtype=EXACT)

    def loss(h, c):
        return _projected(
            decoder(data["inputs"], data["value"], initial_state=[[h, c]])
        )

    loss(*data["initial_state"][0])
    randomize(decoder)
    _check(loss, data["initial_state"][0], decoder.trainable_variables)
