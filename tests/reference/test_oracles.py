"""The oracles themselves, against numbers that others computed."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from tests.reference import attention, cells, decoders, monotonic, scores

GOLDEN = json.loads(pathlib.Path(__file__).with_name("golden_tfa.json").read_text())
INPUTS = {k: np.asarray(v, "float64") for k, v in GOLDEN["inputs"].items()}
MASK = np.arange(5) < INPUTS["lengths"][:, None]


def _golden_energies(name, query):
    if name.startswith("luong"):
        return scores.general(query, INPUTS["memory"], INPUTS["memory_kernel"])
    kernels = INPUTS["query_kernel"], INPUTS["memory_kernel"]
    if name == "bahdanau":
        return scores.additive(query, INPUTS["memory"], *kernels, INPUTS["v"])
    g = GOLDEN[name]["weights"]["BahdanauAttention/attention_g:0"]
    return scores.normalized_additive(
        query, INPUTS["memory"], *kernels, INPUTS["v"], g, np.zeros(3)
    )


@pytest.mark.parametrize("name", ["luong", "luong_scale", "bahdanau", "bahdanau_norm"])
def test_scores_equal_tensorflow_addons(name):
    for query, key in [(1.0, "alignments"), (0.5, "second_step_alignments")]:
        energies = _golden_energies(name, query * INPUTS["query"][:, None])
        context, weights = attention.attend(energies, INPUTS["memory"], MASK)
        assert_allclose(weights[:, 0, 0], GOLDEN[name][key], atol=1e-6)
        if key == "alignments":
            assert_allclose(context[:, 0], GOLDEN[name]["context"], atol=1e-6)


@pytest.mark.parametrize("name", ["wrapper_luong_outattn", "wrapper_bahdanau_style"])
def test_luong_order_equals_the_attention_wrapper(name):
    trace = GOLDEN[name]
    weights = [np.asarray(w, "float64") for w in trace["weights"].values()]
    kernel = weights[-1]

    def attend(query):
        energies = scores.general(query[:, None], INPUTS["memory"], kernel)
        context, aligned = attention.attend(energies, INPUTS["memory"], MASK)
        return context[:, 0], aligned[:, 0, 0]

    def linear(output, context, y=None):
        return np.concatenate([output, context], axis=-1) @ weights[0]

    attentional = name == "wrapper_luong_outattn"
    outputs, aligned, _ = decoders.luong(
        np.asarray(trace["x"], "float64"),
        [np.zeros((2, 6))],
        cells.gru(*weights[-4:-1]),
        attend,
        linear if attentional else decoders.no_readout,
        feed="output" if attentional else "context",
    )
    assert_allclose(outputs.swapaxes(0, 1), trace["outputs"], atol=1e-6)
    assert_allclose(aligned.swapaxes(0, 1), trace["alignments"], atol=1e-6)


def test_concat_is_additive_on_the_two_halves():
    random = np.random.default_rng(1)
    query, keys = random.normal(size=(2, 3, 4)), random.normal(size=(2, 5, 6))
    kernel, v = random.normal(size=(10, 8)), random.normal(size=8)
    for heads in (1, 2):
        assert_allclose(
            scores.concat(query, keys, kernel, v, heads=heads),
            scores.additive(query, keys, kernel[:4], kernel[4:], v, heads=heads),
        )


# The recursions of the papers against all paths, for every small length.
@pytest.mark.parametrize("steps, positions", [(1, 1), (3, 2), (2, 4), (4, 4)])
def test_monotonic_recursions_sum_over_paths(steps, positions):
    random = np.random.default_rng(steps)
    energies = random.normal(size=(steps, positions))
    p = monotonic.sigmoid(energies)
    for step, paths, given in [
        (monotonic.monotonic, monotonic.monotonic_paths, p),
        (monotonic.stepwise, monotonic.stepwise_paths, p),
        (monotonic.forward, monotonic.forward_paths, energies),
    ]:
        previous, found = np.eye(positions)[0], []
        for row in given:
            previous = step(row, previous)
            found.append(previous)
        assert_allclose(found, paths(given), atol=1e-12)


def test_monotonic_recursion_equals_tensorflow_addons():
    entry = GOLDEN["monotonic_fn"]
    p, previous = np.asarray(entry["p"]), np.asarray(entry["prev"])
    for row, before, wanted in zip(
        *map(np.atleast_2d, (p, previous, entry["recursive"])), strict=True
    ):
        assert_allclose(monotonic.monotonic(row, before), wanted, atol=1e-6)


def test_masked_softmax_by_hand():
    weights = attention.masked_softmax(
        [[0.0, np.log(3.0), 50.0], [1.0, 2.0, 3.0]],
        [[True, True, False], [False, False, False]],
    )
    assert_allclose(weights, [[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]])


CELLS = {
    "simple_rnn": (keras.layers.SimpleRNNCell, cells.simple_rnn, {}),
    "lstm": (keras.layers.LSTMCell, cells.lstm, {}),
    "gru_after": (keras.layers.GRUCell, cells.gru, {"reset_after": True}),
    "gru_before": (keras.layers.GRUCell, cells.gru, {"reset_after": False}),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_equal_keras_cells(name):
    layer, oracle, options = CELLS[name]
    random = np.random.default_rng(2)
    cell = layer(3, **options)
    cell.build((2, 4))
    cell.set_weights([random.normal(size=w.shape) for w in cell.weights])
    inputs = random.normal(size=(2, 4)).astype("float32")
    sizes = cell.state_size if isinstance(cell.state_size, list) else [cell.state_size]
    state = [random.normal(size=(2, n)).astype("float32") for n in sizes]
    # A cell without dropout shows its arithmetic; the masks are the decoder's matter.
    got, got_state = cell(ops.convert_to_tensor(inputs), _tensors(state))
    want, want_state = oracle(*cell.get_weights(), **options)(inputs, state)
    assert_allclose(ops.convert_to_numpy(got), want, rtol=1e-5, atol=1e-6)
    got_state = got_state if isinstance(got_state, (list, tuple)) else [got_state]
    for a, b in zip(got_state, want_state, strict=True):
        assert_allclose(ops.convert_to_numpy(a), b, rtol=1e-5, atol=1e-6)


def _tensors(arrays):
    return [ops.convert_to_tensor(array) for array in arrays]
