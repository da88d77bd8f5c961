"""Padding cannot be seen: not by outputs, not by gradients, whatever fills it."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import FAST, outputs_and_gradients, to_numpy
from tests.layers.weights import randomize

# Rounding: padding changes the order in which a sum is taken, nothing else.
POLICIES = {"float32": 1e-6, "mixed_float16": 2e-3, "bfloat16": 2e-2}
# Every length is a program of its own, and JAX takes its time to compile each.
COUNTS = (6,) if keras.backend.backend() == "jax" else (1, 6)
# Keras' cells cannot draw their orthogonal kernels in bfloat16.
RECURRENT_POLICIES = {"float32": 1e-6, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}


def padded(array, count, fill=np.nan):
    """``[B, S, D]`` with ``count`` positions appended."""
    shape = (array.shape[0], count, *array.shape[2:])
    return np.concatenate([array, np.full(shape, fill, array.dtype)], axis=1)


def close(got, wanted, tolerance):
    """Within rounding of the largest number in the array."""
    size = max(1.0, np.abs(wanted).max(initial=0.0))
    assert_allclose(got, wanted, rtol=0, atol=tolerance * size)


def projected(tensor, depth=None):
    """A scalar of every number, with the same factors however long the padding."""
    tensor = ops.cast(tensor, "float32")
    random = np.random.default_rng(1)
    factors = random.normal(size=(*tensor.shape[:-1], 64))[..., : tensor.shape[-1]]
    return ops.sum(tensor * ops.convert_to_tensor(factors, "float32"))


def _loss(outputs):
    return sum(projected(x) for x in outputs)


def compare(run, arrays, memory_at, value_mask, variables, tolerance):
    """``run(value_mask, *arrays)`` -> tensors whose last axis may be S.

    Compares outputs and gradients with the memory arguments (positions
    ``memory_at`` of ``arrays``) as they are and with ``COUNTS`` columns of NaN.
    """
    positions = value_mask.shape[1]
    results = {}
    for count in (0, *COUNTS):
        mask = padded(value_mask, count, False)
        extended = [
            padded(x, count) if index in memory_at else x
            for index, x in enumerate(arrays)
        ]

        def function(*tensors, mask=mask):
            return run(mask, *tensors)

        results[count] = outputs_and_gradients(
            function, _loss, extended, variables, FAST
        )
    wanted_outputs, wanted_inputs, wanted_variables = results[0]
    for x in [*wanted_outputs, *wanted_inputs, *wanted_variables]:
        assert np.isfinite(x).all()
    for count in COUNTS:
        outputs, of_inputs, of_variables = results[count]
        for got, wanted in zip(outputs, wanted_outputs, strict=True):
            if got.shape != wanted.shape:  # weights: exactly 0 at padding
                assert np.all(got[..., positions:] == 0)
                got = got[..., :positions]
            close(got, wanted, tolerance)
        for index, (got, wanted) in enumerate(
            zip(of_inputs, wanted_inputs, strict=True)
        ):
            if index in memory_at:
                assert np.all(got[:, positions:] == 0)
                assert np.all(got[:, :positions][~value_mask] == 0)
                got = got[:, :positions]
            close(got, wanted, tolerance)
        for got, wanted in zip(of_variables, wanted_variables, strict=True):
            close(got, wanted, tolerance)
    return results[0]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name, heads", cases.DISTINCT)
def test_attention(name, heads, policy):
    layer = cases.ATTENTIONS[name].make(num_heads=heads, dtype=policy)
    query, value, key = (0.5 * x.astype("float32") for x in cases.inputs(name))
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)
    query_mask, value_mask = cases.masks()
    # Holes inside the memory are padding too.
    value[~value_mask], key[~value_mask] = np.nan, np.nan
    query[~query_mask] = np.nan

    def run(mask, query, value, key):
        return layer(
            query,
            value,
            key,
            query_mask=query_mask,
            value_mask=mask,
            return_attention_scores=True,
        )

    (context, weights), of_inputs, _ = compare(
        run,
        [query, value, key],
        (1, 2),
        value_mask,
        layer.trainable_variables,
        POLICIES[policy],
    )
    # No valid key, or a masked query: zeros, and nothing flows back.
    assert np.all(context[2] == 0) and np.all(weights[2] == 0)
    assert np.all(context[~query_mask] == 0)
    assert np.all(of_inputs[0][~query_mask] == 0)
    assert np.all(of_inputs[1][2] == 0) and np.all(of_inputs[2][2] == 0)


@pytest.mark.parametrize("policy", RECURRENT_POLICIES)
@pytest.mark.parametrize("attention", [*cases.SCORES, "fixed"])
@pytest.mark.parametrize("case", decoder_cases.LOOPS)
def test_decoder(case, attention, policy):
    decoder = decoder_cases.built(case, attention, "gru", dtype=policy)
    data = decoder_cases.inputs(attention, "gru")
    masks = decoder_cases.masks()
    data["inputs"][~masks["inputs_mask"]] = np.nan
    data["value"][~masks["value_mask"]] = np.nan

    def run(mask, inputs, value, state):
        return decoder(
            inputs,
            value,
            inputs_mask=masks["inputs_mask"],
            value_mask=mask,
            initial_state=[[state]],
            return_attention_scores=True,
        )

    (outputs, weights), of_inputs, _ = compare(
        run,
        [data["inputs"], data["value"], data["initial_state"][0][0]],
        (1,),
        masks["value_mask"],
        decoder.trainable_variables,
        RECURRENT_POLICIES[policy],
    )
    assert np.all(weights[2] == 0)
    assert np.all(outputs[~masks["inputs_mask"]] == 0)
    assert np.all(weights[~masks["inputs_mask"]] == 0)
    assert np.all(of_inputs[0][~masks["inputs_mask"]] == 0)


@pytest.mark.parametrize("case", decoder_cases.DECODERS)
def test_masked_target_steps_leave_the_state(case):
    # Steps before and after a masked one are as if it were not there.
    decoder = decoder_cases.built(case)
    data = decoder_cases.inputs()
    holed = np.insert(data["inputs"], 2, np.nan, axis=1)
    mask = np.ones(holed.shape[:2], bool)
    mask[:, 2] = False
    wanted = to_numpy(decoder(**data))
    got = to_numpy(decoder(**{**data, "inputs": holed}, inputs_mask=mask))
    assert np.all(got[:, 2] == 0)
    close(np.delete(got, 2, axis=1), wanted, 1e-6)


@pytest.mark.parametrize("policy", RECURRENT_POLICIES)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_encoder(cell, bidirectional, policy):
    encoder = ka.RecurrentEncoder(
        3, cell, num_layers=2, bidirectional=bidirectional, dtype=policy
    )
    random = np.random.default_rng(3)
    embedded = random.normal(size=(cases.B, cases.S, 2)).astype("float32")
    mask = np.arange(cases.S) < np.array([[5], [3], [0]])
    encoder(embedded)
    randomize(encoder, scale=0.4)
    embedded[~mask] = np.nan

    def run(mask, embedded):
        value, state = encoder(embedded, mask=mask)
        # Time last, so that padding is where `compare` looks for it.
        return [ops.transpose(value, (0, 2, 1)), *[x for s in state for x in s]]

    results, of_inputs, _ = compare(
        run,
        [embedded],
        (0,),
        mask,
        encoder.trainable_variables,
        RECURRENT_POLICIES[policy],
    )
    value = np.swapaxes(results[0], 1, 2)
    assert np.all(value[~mask] == 0)
    for state in results[1:]:
        assert np.all(state[2] == 0)


def test_infinite_padding_is_not_seen_either():
    layer = cases.ATTENTIONS["bahdanau"].make()
    query, value, key = (x.astype("float32") for x in cases.inputs("bahdanau"))
    _, mask = cases.masks()
    wanted = to_numpy(layer(query, value, key, value_mask=mask))
    for fill in (np.inf, -np.inf):
        arguments = (padded(value, 2, fill), padded(key, 2, fill))
        got = layer(query, *arguments, value_mask=padded(mask, 2, False))
        close(to_numpy(got), wanted, 1e-6)


def test_precomputed_memory_holds_no_padding():
    layer = cases.ATTENTIONS["luong_general"].make()
    query, value, key = (x.astype("float32") for x in cases.inputs("luong_general"))
    _, mask = cases.masks()
    layer.build(query.shape, value.shape, key.shape)
    value[~mask], key[~mask] = np.nan, np.nan
    memory = layer.precompute(value, key, value_mask=mask)
    for x in keras.tree.flatten(to_numpy(tuple(memory))):
        assert np.isfinite(x).all()
