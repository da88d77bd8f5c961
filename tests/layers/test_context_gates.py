"""Context gates: the paper's network, any cell behind one, and the rules."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.cases import ATTENTIONS, DV, B, D, S, T
from tests.layers.decoder_cases import cell_oracle, inputs, masks
from tests.layers.gradients import (
    COMPILERS,
    EXACT,
    compiled,
    directional_differences,
    to_numpy,
    value_and_gradients,
)
from tests.layers.test_padding import RECURRENT_POLICIES, compare
from tests.layers.weights import randomize, weight
from tests.reference import context_gates as oracle
from tests.reference import decoders

L = keras.layers
VARIANTS = ["source", "target", "both"]
E = 3  # depth of the decoder's inputs
TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}


def _cell(name, **part):
    made = {
        "gru": lambda: L.GRUCell(D, **part),
        "lstm": lambda: L.LSTMCell(D, **part),
        "stacked": lambda: L.StackedRNNCells(
            [L.LSTMCell(5, **part), L.GRUCell(D, **part)]
        ),
        "conditional": lambda: L.StackedRNNCells(
            [L.GRUCell(D, **part), L.GRUCell(D, **part)]
        ),
        "dropping": lambda: L.GRUCell(D, dropout=0.5, recurrent_dropout=0.5, seed=1),
    }
    return made[name]()


def _decoder(variant="both", cell="gru", **layer):
    part = {"dtype": layer["dtype"]} if "dtype" in layer else {}
    decoder = ka.AttentionDecoder(
        _cell(cell, **part),
        ATTENTIONS["luong_general"].make(**part),
        order="conditional" if cell == "conditional" else "bahdanau",
        bridge="copy",
        context_gate=variant,
        **layer,
    )
    decoder(keras.Input((None, E)), keras.Input((None, DV)))
    return randomize(decoder, scale=0.4)


def _data(dtype=EXACT):
    data = inputs(dtype=dtype)
    del data["initial_state"]
    return data


def _attend(decoder, value, value_mask):
    def attend(query):
        context, weights = ATTENTIONS["luong_general"].expected(
            decoder.attention, query[:, None], value, value, value_mask, None
        )
        return context[:, 0], weights[:, 0, 0]

    return attend


def _matrices(decoder):
    """W, C, W_z, U_z, C_z and b of the gate."""
    gate = decoder.context_gate
    if gate.inputs_kernel is None:
        W = W_z = np.zeros((0, D))
    else:
        W, W_z = np.split(weight(gate, "inputs_kernel"), 2, axis=1)
    C, C_z = np.split(weight(gate, "context_kernel"), 2, axis=1)
    return W, C, W_z, weight(gate, "state_kernel"), C_z, weight(gate, "bias")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_papers_network(variant):
    # tanh of what the gate makes of the step, and of a state through a diagonal U.
    decoder = ka.AttentionDecoder(
        L.SimpleRNNCell(D, use_bias=False, dtype=EXACT),
        ATTENTIONS["luong_general"].make(dtype=EXACT),
        order="bahdanau",
        readout="none",
        context_gate=variant,
        dtype=EXACT,
    )
    data, mask = _data(), masks()["value_mask"]
    decoder(data["inputs"], data["value"])
    randomize(decoder, scale=0.6)
    U = np.diag(np.linspace(-1.2, 1.2, D))
    decoder.cell.kernel.assign(np.eye(D))
    decoder.cell.recurrent_kernel.assign(U)
    W, C, *of_gate = _matrices(decoder)
    attend = _attend(decoder, np.asarray(data["value"], "float64"), mask)
    state, wanted = np.zeros((B, D)), []
    for t in range(T):
        context, _ = attend(state)
        word = data["inputs"][:, t]
        state = oracle.network(variant, word, state, context, W, U, C, *of_gate)
        wanted.append(state)
    got = decoder(data["inputs"], data["value"], value_mask=mask)
    assert_allclose(to_numpy(got), np.stack(wanted, 1), atol=2e-6)


COMBINATIONS = [
    *[(variant, "gru") for variant in VARIANTS],
    ("both", "conditional"),
    *[
        pytest.param(*case, marks=pytest.mark.tensorflow_only)
        for case in [("both", "lstm"), ("target", "stacked")]
    ],
]


@pytest.mark.parametrize("variant, cell", COMBINATIONS)
def test_any_cell_and_its_steps(variant, cell):
    decoder = _decoder(variant, cell, dtype=EXACT)
    data = _data()
    value_mask = masks()["value_mask"]
    outputs, weights = decoder(
        **data, value_mask=value_mask, return_attention_scores=True
    )
    value = np.asarray(data["value"], "float64")
    attend = _attend(decoder, value, value_mask)
    cells = getattr(decoder.cell, "cells", [decoder.cell])
    oracles = [cell_oracle(part) for part in cells]
    zeros = [
        [np.zeros((B, size)) for size in sizes] for sizes in decoder.stack.state_sizes
    ]
    if cell == "conditional":
        second = oracle.gated(variant, oracles[1], 0, *_matrices(decoder))
        run, stepped, state = decoders.conditional, (oracles[0], second), zeros[1]
        options = {"readout": decoders.concat_readout}
    else:
        oracles[0] = oracle.gated(variant, oracles[0], E, *_matrices(decoder))
        run, options = decoders.bahdanau, {}
        stepped, state = _stacked(oracles), zeros
        if len(cells) == 1:
            stepped, state = oracles[0], zeros[0]
    wanted = run(data["inputs"], state, stepped, attend, **options)
    assert_allclose(to_numpy(outputs), wanted[0], atol=5e-6)
    assert_allclose(to_numpy(weights), wanted[1], atol=5e-6)
    memory = decoder.precompute(data["value"], value_mask=value_mask)
    state = decoder.initial_state(memory)
    for t in range(T):
        output, _, state = decoder.step(data["inputs"][:, t], memory, state)
        assert_allclose(to_numpy(output), wanted[0][:, t], atol=5e-6)


def _stacked(oracles):
    def step(x, state):
        new = []
        for cell, own in zip(oracles, state, strict=True):
            x, own = cell(x, own)
            new.append(own)
        return x, new

    return step


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_padding_cannot_be_seen(policy):
    decoder = _decoder(dtype=policy)
    data, hidden = _data("float32"), masks()
    data["inputs"][~hidden["inputs_mask"]] = np.nan
    data["value"][~hidden["value_mask"]] = np.nan

    def run(mask, inputs, value):
        return decoder(
            inputs,
            value,
            inputs_mask=hidden["inputs_mask"],
            value_mask=mask,
            return_attention_scores=True,
        )

    (outputs, weights), of_inputs, _ = compare(
        run,
        [data["inputs"], data["value"]],
        (1,),
        hidden["value_mask"],
        decoder.trainable_variables,
        RECURRENT_POLICIES[policy],
    )
    assert weights.shape == (B, T, S)
    assert np.all(outputs[~hidden["inputs_mask"]] == 0)
    assert np.all(of_inputs[0][~hidden["inputs_mask"]] == 0)
    answer = decoder(**_data("float32"))
    dtype = keras.backend.standardize_dtype(answer.dtype)
    assert dtype == decoder.compute_dtype


@pytest.mark.parametrize("variant, cell", [("both", "gru"), ("target", "conditional")])
def test_gradient(variant, cell):
    decoder = _decoder(variant, cell, dtype=EXACT)
    data, hidden = _data(), masks()
    factors = np.random.default_rng(1).normal(size=(B, T, D + DV))

    def loss(inputs, value):
        outputs = decoder(inputs, value, **hidden)
        return ops.sum(outputs * ops.convert_to_tensor(factors, EXACT))

    variables = decoder.trainable_variables
    pairs = directional_differences(loss, [data["inputs"], data["value"]], variables)
    assert len(pairs) == 2 + len(variables)
    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    for analytic, numeric in pairs:
        assert_allclose(analytic, numeric, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("how", COMPILERS)
def test_compiled(how):
    decoder = _decoder("both", "lstm")
    data = _data("float32")

    def loss(inputs, value):
        return ops.sum(ops.sin(3.0 * decoder(inputs, value)))

    arrays = [data["inputs"], data["value"]]
    tensors = [ops.convert_to_tensor(x) for x in arrays]
    got = to_numpy(compiled(decoder.__call__, how)(*tensors))
    assert_allclose(got, to_numpy(decoder(*tensors)), **TOLERANCE)
    variables = decoder.trainable_variables
    flat = zip(
        keras.tree.flatten(value_and_gradients(loss, arrays, variables, how)),
        keras.tree.flatten(value_and_gradients(loss, arrays, variables)),
        strict=True,
    )
    for a, b in flat:
        assert_allclose(a, b, rtol=1e-5, atol=4e-6 * np.abs(b).max(initial=1))


def test_a_cell_that_drops_its_inputs():
    # The masks are as deep as what the gate lets in, not as inputs and context.
    decoder, data = _decoder("both", "dropping"), _data("float32")
    calm, other = (to_numpy(decoder(**data, training=x)) for x in (False, True))
    assert np.isfinite(other).all() and np.abs(other - calm).max() > 1e-3


def test_a_gate_is_found_by_name_configuration_and_instance():
    gate = ka.ContextGate("source", kernel_regularizer="l2")
    config = keras.saving.serialize_keras_object(gate)
    for given in ("source", config, gate):
        decoder = ka.AttentionDecoder(
            L.GRUCell(D), ka.BahdanauAttention(4), context_gate=given
        )
        assert decoder.context_gate.variant == "source"
    assert decoder.context_gate is gate
    with pytest.raises(ValueError, match="an object of its own"):
        ka.AttentionDecoder(L.GRUCell(D), ka.BahdanauAttention(4), context_gate=gate)


BAD = {
    "unknown": (ValueError, r"\['source', 'target', 'both'\].*variant='all'", "all"),
    "kind": (TypeError, "a ka.ContextGate or None. Received: context_gate=3", 3),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_gates(name):
    error, message, gate = BAD[name]
    with pytest.raises(error, match=message):
        ka.AttentionDecoder(L.GRUCell(D), ka.BahdanauAttention(4), context_gate=gate)


@pytest.mark.parametrize("order", ["luong", "gnmt"])
def test_orders_where_the_context_does_not_enter_one_cell(order):
    message = (
        f"expected None with order='{order}'. Received: context_gate of variant 'both'"
    )
    with pytest.raises(ValueError, match=message):
        ka.AttentionDecoder(
            L.GRUCell(D), ka.LuongAttention(), order=order, context_gate="both"
        )
