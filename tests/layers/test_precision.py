"""Dtype policies: what comes out, what parts compute in, and where float32 stays."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

POLICIES = {
    "float32": "float32",
    "mixed_float16": "float16",
    "mixed_bfloat16": "bfloat16",
}
TOLERANCE = {"float32": 1e-6, "mixed_float16": 1e-2, "mixed_bfloat16": 6e-2}


def _dtypes(structure):
    flat = keras.tree.flatten(structure)
    return {keras.backend.standardize_dtype(x.dtype) for x in flat}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name, heads", cases.DISTINCT)
def test_attention_outputs_are_in_the_compute_dtype(name, heads, policy):
    layer = cases.ATTENTIONS[name].make(num_heads=heads, dtype=policy)
    query, value, key = cases.inputs(name)
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)
    outputs = layer(query, value, key, return_attention_scores=True)
    assert _dtypes(outputs) == {POLICIES[policy]}
    memory = layer.precompute(value, key)
    state = layer.initial_state(memory)
    assert _dtypes(layer.step(query[:, 0], memory, state)[:2]) == {POLICIES[policy]}
    exact = cases.ATTENTIONS[name].make(num_heads=heads)
    exact.build(query.shape, value.shape, key.shape)
    exact.set_weights(layer.get_weights())
    wanted = exact(query, value, key, return_attention_scores=True)
    for a, b in zip(to_numpy(outputs), to_numpy(wanted), strict=True):
        # Energies of a few units carry a few roundings into the exponent.
        assert_allclose(a, b, atol=8 * TOLERANCE[policy])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", [n for n in cases.ATTENTIONS if n not in cases.OWN])
def test_a_preset_hands_its_policy_to_its_parts(name, policy):
    layer = cases.ATTENTIONS[name].make(dtype=policy)
    query, value, key = cases.inputs(name)
    layer.build(query.shape, value.shape, key.shape)
    parts = [part for part in layer._flatten_layers() if part is not layer]
    assert parts
    for part in parts:
        assert part.compute_dtype == POLICIES[policy], part.name
        assert part.variable_dtype == "float32", part.name
    for v in layer.trainable_variables:
        assert keras.backend.standardize_dtype(v.dtype) == "float32"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("case", decoder_cases.DECODERS)
def test_decoder_outputs_are_in_the_compute_dtype(case, policy):
    decoder = decoder_cases.built(case, "bahdanau", "lstm", dtype=policy)
    data = decoder_cases.inputs()
    outputs = decoder(**data, return_attention_scores=True)
    assert _dtypes(outputs) == {POLICIES[policy]}
    memory = decoder.precompute(data["value"])
    state = decoder.initial_state(memory, data["initial_state"])
    output, weights, state = decoder.step(data["inputs"][:, 0], memory, state)
    assert _dtypes([output, weights]) == {POLICIES[policy]}
    assert _dtypes(state.cell) == {POLICIES[policy]}


@pytest.mark.parametrize("policy", POLICIES)
def test_encoder_outputs_are_in_the_compute_dtype(policy):
    encoder = ka.RecurrentEncoder(3, num_layers=2, dtype=policy)
    outputs = encoder(np.ones((2, 4, 3), "float32"))
    assert _dtypes(outputs) == {POLICIES[policy]}


def test_global_policy_reaches_a_whole_model():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = ka.Seq2Seq(
            ka.RecurrentEncoder(4),
            ka.AttentionDecoder(keras.layers.LSTMCell(6), ka.BahdanauAttention(6)),
            source_vocabulary_size=9,
            target_vocabulary_size=8,
            embedding_dim=4,
        )
    finally:
        keras.config.set_dtype_policy(before)
    source = np.array([[3, 4, 2], [5, 2, 0]])
    logits = model({"source_ids": source, "target_ids": source})
    assert np.isfinite(to_numpy(logits)).all()
    generation = model.generate(source, ka.GenerationOptions(max_length=3))
    # Log-probabilities are sums: at least float32.
    assert _dtypes(generation.log_probs) == {"float32"}
    loss = ka.losses.MaskedCrossentropy()(source, logits)
    assert _dtypes(loss) == {"float32"}


@pytest.mark.parametrize("name", ["bahdanau", "luong_dot"])
def test_long_memories_in_float16_sum_to_one(name):
    # 4096 equal weights: each is a power of two, and their sum is taken in float32.
    layer = cases.ATTENTIONS[name].make(dtype="mixed_float16")
    query = np.zeros((1, 1, cases.D), "float32")
    value = np.ones((1, 4096, cases.D), "float32")
    context, weights = layer(query, value, return_attention_scores=True)
    assert_allclose(to_numpy(weights), 1 / 4096, rtol=1e-3)
    assert_allclose(to_numpy(context), 1.0, rtol=1e-3)


def test_energies_beyond_float16_softmax_do_not_overflow():
    layer = ka.LuongAttention("dot", dtype="mixed_float16")
    query = np.full((1, 1, 4), 60.0, "float32")
    value = np.stack([np.full(4, 60.0), np.full(4, 59.0)])[None].astype("float32")
    context, weights = layer(query, value, return_attention_scores=True)
    assert_allclose(to_numpy(weights), [[[1.0, 0.0]]], atol=1e-3)
    assert_allclose(to_numpy(context), 60.0, rtol=1e-3)
