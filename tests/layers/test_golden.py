"""Numbers from TensorFlow Addons 0.23, to 1e-6."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests import reference
from tests.layers.gradients import to_numpy
from tests.layers.weights import variable

GOLDEN = json.loads(
    pathlib.Path(reference.__file__).with_name("golden_tfa.json").read_text()
)
INPUTS = {name: np.asarray(v, "float32") for name, v in GOLDEN["inputs"].items()}
MASK = np.arange(5) < INPUTS["lengths"][:, None]


def _luong(scale, alignment="softmax"):
    layer = ka.LuongAttention("general", scale=scale, alignment=alignment)
    layer.build((2, 3), (2, 5, 4))
    variable(layer, "kernel").assign(INPUTS["memory_kernel"])
    return layer


def _bahdanau(normalize, alignment="softmax"):
    layer = ka.BahdanauAttention(3, normalize=normalize, alignment=alignment)
    layer.build((2, 3), (2, 5, 4))
    variable(layer, "query/kernel").assign(INPUTS["query_kernel"])
    variable(layer, "key/kernel").assign(INPUTS["memory_kernel"])
    variable(layer, "v").assign(INPUTS["v"])
    return layer


def _monotonic(score, mode):
    alignment = ka.alignments.MonotonicAlignment(mode, score_bias=-0.5)
    if score == "luong":
        return _luong(None, alignment)
    return _bahdanau(True, alignment)


LAYERS = {
    "luong": lambda: _luong(None),
    "luong_scale": lambda: _luong("learned"),
    "luong_hardmax": lambda: _luong(None, "hard"),
    "bahdanau": lambda: _bahdanau(False),
    "bahdanau_norm": lambda: _bahdanau(True),
    # On five positions both of TF Addons' expected modes are right.
    "luong_mono_recursive": lambda: _monotonic("luong", "soft"),
    "luong_mono_parallel": lambda: _monotonic("luong", "soft"),
    "luong_mono_hard": lambda: _monotonic("luong", "hard"),
    "bahdanau_mono_recursive": lambda: _monotonic("bahdanau", "soft"),
    "bahdanau_mono_parallel": lambda: _monotonic("bahdanau", "soft"),
    "bahdanau_mono_hard": lambda: _monotonic("bahdanau", "hard"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_first_and_second_step(name):
    layer, expected = LAYERS[name](), GOLDEN[name]
    memory = layer.precompute(INPUTS["memory"], value_mask=MASK)
    state = layer.initial_state(memory)
    context, weights, state = layer.step(INPUTS["query"], memory, state)
    assert_allclose(to_numpy(weights), expected["alignments"], atol=1e-6)
    assert_allclose(to_numpy(context), expected["context"], atol=1e-6)
    _, weights, _ = layer.step(0.5 * INPUTS["query"], memory, state)
    assert_allclose(to_numpy(weights), expected["second_step_alignments"], atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_all_queries_at_once(name):
    layer, expected = LAYERS[name](), GOLDEN[name]
    query = np.stack([INPUTS["query"], 0.5 * INPUTS["query"]], axis=1)
    _, weights = layer(
        query, INPUTS["memory"], value_mask=MASK, return_attention_scores=True
    )
    wanted = [expected["alignments"], expected["second_step_alignments"]]
    assert_allclose(to_numpy(weights), np.stack(wanted, axis=1), atol=1e-6)


@pytest.mark.parametrize("name", ["wrapper_luong_outattn", "wrapper_bahdanau_style"])
def test_attention_wrapper_traces(name):
    trace = GOLDEN[name]
    weights = [np.asarray(w, "float32") for w in trace["weights"].values()]
    cell = keras.layers.GRUCell(6)
    if name == "wrapper_luong_outattn":
        readout = ka.readouts.AttentionalReadout(units=4, activation="linear")
    else:
        readout = "none"
    decoder = ka.AttentionDecoder(
        cell, ka.LuongAttention("general"), order="luong", readout=readout
    )
    x = np.asarray(trace["x"], "float32")
    decoder(x, INPUTS["memory"])
    cell.set_weights(weights[-4:-1])
    variable(decoder.attention, "kernel").assign(weights[-1])
    if name == "wrapper_luong_outattn":
        # TF Addons joins [h; c], the paper [c; h].
        kernel = np.concatenate([weights[0][6:], weights[0][:6]])
        variable(readout, "kernel").assign(kernel)
    outputs, aligned = decoder(
        x, INPUTS["memory"], value_mask=MASK, return_attention_scores=True
    )
    outputs, aligned = to_numpy((outputs, aligned))
    assert_allclose(outputs.swapaxes(0, 1), trace["outputs"], atol=1e-6)
    assert_allclose(aligned.swapaxes(0, 1), trace["alignments"], atol=1e-6)


def test_masked_loss_equals_sequence_loss():
    entry = GOLDEN["sequence_loss"]
    logits, targets = np.asarray(entry["logits"]), np.asarray(entry["targets"])
    kept = np.asarray(entry["weights"], bool)
    loss = ka.losses.MaskedCrossentropy(pad_id=-1)
    got = loss(ops.convert_to_tensor(np.where(kept, targets, -1)), logits)
    assert_allclose(float(to_numpy(got)), entry["mean"], atol=1e-6)
