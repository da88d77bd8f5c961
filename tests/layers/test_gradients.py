"""Gradients of inputs and weights against central differences."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import (
    EXACT,
    directional_differences,
    outputs_and_gradients,
)
from tests.layers.weights import randomize
from tests.reference.attention import masked_softmax

TOLERANCE = {
    "float64": {"rtol": 1e-6, "atol": 1e-8},
    "float32": {"rtol": 1e-2, "atol": 2e-2},
}[EXACT]


def _projected(*tensors):
    """A scalar that depends on every number of every tensor, each differently."""
    total = 0.0
    for index, tensor in enumerate(tensors):
        factors = ops.convert_to_tensor(_factors(index, tuple(tensor.shape)), EXACT)
        total = total + ops.sum(tensor * factors)
    return total


def _factors(index, shape):
    return np.random.default_rng(index).normal(size=shape)


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


# What takes steps has the gradient of a softmax, of this temperature.
STEPS = {
    "hard": (1.0, ka.alignments.HardAlignment),
    "gumbel": (0.6, lambda **layer: ka.alignments.GumbelAlignment(0.6, 7, **layer)),
}


def _softmax_instead(query, value, noise, seen, factors, temperature):
    """One-hot weights, and gradients of query and value as if they were soft.

    Of ``query [B, H, T, D]`` and ``value [B, H, S, D]`` with the score q . v, where
    ``factors`` are the derivatives of a loss by the context and by the weights.
    """
    energies = query @ np.swapaxes(value, 2, 3) + noise
    of_context, of_weights = factors
    of_weights = of_weights + of_context @ np.swapaxes(value, 2, 3)
    weights = np.eye(energies.shape[-1])[np.where(seen, energies, -np.inf).argmax(-1)]
    weights = weights * seen
    soft = masked_softmax(energies / temperature, seen)
    mean = (soft * of_weights).sum(-1, keepdims=True)
    of_energies = soft * (of_weights - mean) / temperature
    of_value = np.swapaxes(of_energies, 2, 3) @ query
    of_value += np.swapaxes(weights, 2, 3) @ of_context
    return weights, of_energies @ value, of_value


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_has_the_gradient_of_a_softmax(name, training):
    temperature, make = STEPS[name]
    heads = 2
    query, value, _ = (x.astype(EXACT) for x in cases.inputs("luong_dot"))
    query_mask, mask = cases.masks()
    layer = ka.Attention("dot", make(dtype=EXACT), num_heads=heads, dtype=EXACT)
    layer.build(query.shape, value.shape)

    def run(query, value):
        return layer(
            query,
            value,
            query_mask=query_mask,
            value_mask=mask,
            return_attention_scores=True,
            training=training,
        )

    def loss(outputs):
        return _projected(*outputs)

    def by_head(x):
        x = x.reshape(*x.shape[:2], heads, -1)  # [B, T, H, D/H]
        return np.swapaxes(x, 1, 2)

    shape = (cases.B, heads, cases.T, cases.S)
    # A twin draws the same.
    drawn = make(dtype=EXACT).draw_noise(shape, EXACT) if training else None
    noise = np.zeros(shape) if drawn is None else ops.convert_to_numpy(drawn)
    factors = by_head(_factors(0, query.shape)), _factors(1, shape)
    seen = query_mask[:, None, :, None] & mask[:, None, None, :]
    weights, *wanted = _softmax_instead(
        by_head(query), by_head(value), noise, seen, factors, temperature
    )
    (_, got), gradients, _ = outputs_and_gradients(run, loss, [query, value])
    assert np.array_equal(got, weights)
    tolerance = 1e-10 if EXACT == "float64" else 1e-5
    for ours, theirs in zip(gradients, wanted, strict=True):
        assert np.abs(theirs).max() > 0.1
        assert_allclose(by_head(ours), theirs, atol=tolerance)


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


@pytest.mark.parametrize("bridge", ["dense", "mean_context"])
def test_bridge(bridge):
    decoder = ka.AttentionDecoder(
        decoder_cases.CELLS["lstm"][0](dtype=EXACT),
        ka.BahdanauAttention(4, dtype=EXACT),
        bridge=bridge,
        dtype=EXACT,
    )
    data = decoder_cases.inputs(dtype=EXACT)

    def loss(value, h, c):
        return _projected(decoder(data["inputs"], value, initial_state=[[h, c]]))

    arrays = [data["value"], *data["initial_state"][0]]
    loss(*arrays)
    randomize(decoder)
    _check(loss, arrays, decoder.trainable_variables)
