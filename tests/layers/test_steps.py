"""One step at a time equals all steps at once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.layers import cases, decoder_cases
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.parametrize("name, heads", cases.HEADS)
def test_attention(name, heads):
    layer = cases.ATTENTIONS[name].make(num_heads=heads)
    query, value, key = (x.astype("float32") for x in cases.inputs(name))
    _, value_mask = cases.masks()
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)
    wanted = layer(
        query, value, key, value_mask=value_mask, return_attention_scores=True
    )
    # float64 arrays: `precompute` and `step` cast to the compute dtype themselves.
    memory = layer.precompute(
        value.astype("float64"), key.astype("float64"), value_mask=value_mask
    )
    state = layer.initial_state(memory)
    contexts, weights = [], []
    for t in range(cases.T):
        context, aligned, state = layer.step(
            query[:, t].astype("float64"), memory, state
        )
        contexts.append(to_numpy(context))
        weights.append(to_numpy(aligned))
    assert_allclose(np.stack(contexts, 1), to_numpy(wanted[0]), **TOLERANCE)
    assert_allclose(np.stack(weights, -2), to_numpy(wanted[1]), **TOLERANCE)


COMBINATIONS = [
    *[
        (case, score, cell, 1)
        for case in ["bahdanau", "luong"]
        for score in [*cases.SCORES, "fixed"]
        for cell in ["lstm", "gru", "simple_rnn", "stacked"]
    ],
    *[("luong_unfed", score, "gru", 1) for score in [*cases.SCORES, "fixed"]],
    *[("luong_unfed", "luong_general", cell, 1) for cell in ["lstm", "stacked"]],
    *[
        (case, "luong_general", "gru_before", 1)
        for case in decoder_cases.DECODERS
        if case not in ("bahdanau", "luong", "luong_unfed")
    ],
    *[(case, "bahdanau", "lstm", 2) for case in decoder_cases.LOOPS],
]


@pytest.mark.parametrize("case, attention, cell, heads", COMBINATIONS)
def test_decoder(case, attention, cell, heads):
    decoder = decoder_cases.built(case, attention, cell, heads)
    data = decoder_cases.inputs(attention, cell)
    value_mask = decoder_cases.masks()["value_mask"]
    wanted = decoder(**data, value_mask=value_mask, return_attention_scores=True)
    memory = decoder.precompute(data["value"], value_mask=value_mask)
    first = decoder.initial_state(memory, initial_state=data["initial_state"])
    steps = {
        "step": lambda x, state: decoder.step(x, memory, state),
        "stepper": decoder.stepper(memory),
    }
    for step in steps.values():
        state, outputs, weights = first, [], []
        for t in range(cases.T):
            output, aligned, state = step(data["inputs"][:, t], state)
            outputs.append(to_numpy(output))
            weights.append(to_numpy(aligned))
        assert_allclose(np.stack(outputs, 1), to_numpy(wanted[0]), **TOLERANCE)
        assert_allclose(np.stack(weights, -2), to_numpy(wanted[1]), **TOLERANCE)


def test_state_and_memory_are_values():
    # Two sentences stepped in turns do not disturb each other.
    decoder = decoder_cases.built("luong")
    runs = []
    for seed in (1, 2):
        data = decoder_cases.inputs(seed=seed)
        runs.append(
            (data, to_numpy(decoder(**data)), decoder.precompute(data["value"]))
        )
    states = [
        decoder.initial_state(memory, data["initial_state"]) for data, _, memory in runs
    ]
    for t in range(cases.T):
        for index, (data, wanted, memory) in enumerate(runs):
            output, _, states[index] = decoder.step(
                data["inputs"][:, t], memory, states[index]
            )
            assert_allclose(to_numpy(output), wanted[:, t], **TOLERANCE)
