"""Every order, readout, cell and score against the papers' recurrences."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import decoder_cases as cases
from tests.layers.gradients import EXACT, to_numpy
from tests.layers.weights import randomize, weight

TOLERANCE = {
    "float32": {"rtol": 1e-5, "atol": 2e-6},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}
COMBINATIONS = [
    *[(case, "luong_general", "lstm", 1) for case in cases.DECODERS],
    *[(case, "fixed", "gru", 1) for case in cases.DECODERS],
    *[
        (case, score, "gru", heads)
        for case in cases.LOOPS
        for score in ["bahdanau", "bahdanau_norm", "luong_dot", "luong_concat"]
        for heads in (1, 2)
    ],
    *[
        (case, "bahdanau", cell, 1)
        for case in ["bahdanau", "luong", "luong_unfed"]
        for cell in ["gru_before", "simple_rnn", "stacked"]
    ],
    ("gnmt", "luong_general", "stacked", 1),
    ("conditional", "bahdanau", "gru_before", 2),
]


def _compare(case, attention, cell, heads, dtype):
    decoder = cases.built(case, attention, cell, heads, dtype=dtype)
    data = cases.inputs(attention, cell, dtype)
    for masks in ({}, cases.masks()):
        outputs, weights = decoder(**data, **masks, return_attention_scores=True)
        wanted = cases.expected(case, attention, decoder, data, heads, masks)
        assert_allclose(to_numpy(outputs), wanted[0], **TOLERANCE[dtype])
        assert_allclose(to_numpy(weights), wanted[1], **TOLERANCE[dtype])


@pytest.mark.parametrize("case, attention, cell, heads", COMBINATIONS)
def test_equations(case, attention, cell, heads):
    _compare(case, attention, cell, heads, EXACT)


@pytest.mark.skipif(EXACT == "float32", reason="what is exact here is float32")
@pytest.mark.parametrize("case", cases.DECODERS)
@pytest.mark.parametrize("attention, heads", [("bahdanau", 1), ("luong_general", 2)])
def test_equations_in_float32(case, attention, heads):
    _compare(case, attention, "lstm", heads, "float32")


@pytest.mark.parametrize("case", cases.LOOPS)
def test_without_initial_state_it_starts_from_zeros(case):
    decoder = cases.built(case)
    data = cases.inputs()
    zeros = [[np.zeros_like(x) for x in s] for s in data["initial_state"]]
    given = decoder(data["inputs"], data["value"], initial_state=zeros)
    default = decoder(data["inputs"], data["value"])
    assert_allclose(to_numpy(default), to_numpy(given), rtol=1e-6, atol=1e-7)


def test_orders_and_readouts_that_none_stands_for():
    def outputs(attention, **options):
        keras.utils.set_random_seed(1)
        decoder = ka.AttentionDecoder(keras.layers.GRUCell(6), attention(), **options)
        data = cases.inputs()
        decoder(data["inputs"], data["value"])
        randomize(decoder)
        return to_numpy(decoder(data["inputs"], data["value"]))

    def luong():
        return ka.LuongAttention("general")

    def bahdanau():
        return ka.BahdanauAttention(4)

    full = {"order": "luong", "readout": "attentional"}
    assert_allclose(outputs(luong), outputs(luong, **full))
    full = {"order": "bahdanau", "readout": "concat"}
    assert_allclose(outputs(bahdanau), outputs(bahdanau, **full))
    full = {"order": "luong", "readout": "attentional"}
    composed = outputs(lambda: ka.Attention("general"))
    assert_allclose(composed, outputs(lambda: ka.Attention("general"), **full))
    none, fixed = outputs(lambda: None), outputs(ka.FixedContext)
    assert_allclose(none, fixed)


def test_output_units_is_the_depth_of_the_attentional_readout():
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(6), ka.LuongAttention("general"), output_units=9
    )
    data = cases.inputs()
    assert tuple(decoder(data["inputs"], data["value"]).shape) == (cases.B, cases.T, 9)
    # What is fed back has that depth too, and so does the cell's kernel.
    assert weight(decoder.cell, "kernel").shape[0] == 3 + 9


@pytest.mark.parametrize("cell", ["lstm", "gru", "stacked"])
def test_dense_bridge(cell):
    # s_0 = tanh(W [h; c; ...] + b), one map per layer and state tensor.
    data = cases.inputs(cell=cell)
    decoder = ka.AttentionDecoder(cases.CELLS[cell][0](), ka.BahdanauAttention(4))
    random = np.random.default_rng(0)
    depths = [[7] * len(sizes) for sizes in cases.CELLS[cell][1]]
    state = [
        [random.normal(size=(cases.B, n)).astype("float32") for n in layer]
        for layer in depths
    ]
    decoder(data["inputs"], data["value"], initial_state=state)
    randomize(decoder.bridge)
    memory = decoder.precompute(data["value"])
    got = to_numpy(decoder.initial_state(memory, initial_state=state)).cell
    kernels = [to_numpy(w) for w in decoder.bridge.weights if "kernel" in w.path]
    biases = [to_numpy(w) for w in decoder.bridge.weights if "bias" in w.path]
    maps = iter(zip(kernels, biases, strict=True))
    for source, target in zip(state, got, strict=True):
        joined = np.concatenate(source, axis=-1)
        for tensor in target:
            kernel, bias = next(maps)
            wanted = np.tanh(joined @ kernel + bias)
            assert_allclose(tensor, wanted, rtol=1e-5, atol=1e-6)
    assert next(maps, None) is None


@pytest.mark.parametrize("cell", ["lstm", "gru", "stacked"])
def test_mean_context_bridge(cell):
    # s_0 = tanh(W mean of the values + b), whatever the encoder ended in.
    data = cases.inputs(cell=cell)
    mask = cases.masks()["value_mask"]
    data["value"][~mask] = np.nan
    decoder = ka.AttentionDecoder(
        cases.CELLS[cell][0](), ka.BahdanauAttention(4), bridge="mean_context"
    )
    arguments = {"value_mask": mask, "initial_state": data.pop("initial_state")}
    decoder(**data, **arguments)
    randomize(decoder, scale=0.4)
    memory = decoder.precompute(data["value"], value_mask=mask)
    first = decoder.initial_state(memory)
    mean = np.array(
        [x[m].mean(0) for x, m in zip(data["value"][:2], mask, strict=False)]
    )
    mean = np.concatenate([mean, np.zeros((1, mean.shape[1]))])  # None is valid.
    kernels = [to_numpy(w) for w in decoder.bridge.weights if "kernel" in w.path]
    biases = [to_numpy(w) for w in decoder.bridge.weights if "bias" in w.path]
    got = keras.tree.flatten(to_numpy(first.cell))
    for tensor, kernel, bias in zip(got, kernels, biases, strict=True):
        assert_allclose(tensor, np.tanh(mean @ kernel + bias), rtol=1e-5, atol=1e-6)
    wanted = to_numpy(decoder(**data, value_mask=mask))
    assert_allclose(to_numpy(decoder(**data, **arguments)), wanted, rtol=1e-6)
    state = first
    for t in range(cases.T):
        output, _, state = decoder.step(data["inputs"][:, t], memory, state)
        assert_allclose(to_numpy(output), wanted[:, t], rtol=1e-5, atol=2e-6)


def test_zero_bridge_passes_nothing():
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(6), ka.BahdanauAttention(4), bridge="zero"
    )
    data = cases.inputs(cell="gru")
    given = decoder(**data)
    default = decoder(data["inputs"], data["value"])
    assert_allclose(to_numpy(given), to_numpy(default))


def test_stepping_returns_the_oracles_last_state():
    for case in cases.LOOPS:
        decoder = cases.built(case, cell="stacked")
        data = cases.inputs(cell="stacked")
        memory = decoder.precompute(data["value"])
        state = decoder.initial_state(memory, data["initial_state"])
        for t in range(cases.T):
            _, _, state = decoder.step(data["inputs"][:, t], memory, state)
        wanted = cases.expected(case, "luong_general", decoder, data)[2]
        got = [[to_numpy(x) for x in layer] for layer in state.cell]
        for a, b in zip(got, wanted, strict=True):
            for x, y in zip(a, b, strict=True):
                assert_allclose(x, y, rtol=1e-5, atol=2e-6)
