"""Numbers from TensorFlow Addons 0.23, to 1e-6."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention import migrate
from keras_attention.attention.alignments.monotonic import monotonic_weights
from keras_attention.generation.options.row_options import option_values, row_options
from keras_attention.generation.penalties import coverage_term, normalizer, rank_score
from keras_attention.generation.search.backtracking import sequences
from keras_attention.generation.search.finished import FinishedHypotheses
from tests import reference
from tests.layers.gradients import to_numpy

GOLDEN = json.loads(
    pathlib.Path(reference.__file__).with_name("golden_tfa.json").read_text()
)
INPUTS = {name: np.asarray(v, "float32") for name, v in GOLDEN["inputs"].items()}
MASK = np.arange(5) < INPUTS["lengths"][:, None]


def _luong(scale, alignment="softmax"):
    return ka.LuongAttention("general", scale=scale, alignment=alignment)


def _bahdanau(normalize, alignment="softmax"):
    return ka.BahdanauAttention(3, normalize=normalize, alignment=alignment)


def _monotonic(score, mode):
    alignment = ka.alignments.MonotonicAlignment(mode)
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


def _migrated(name):
    """The layer with the weights of TF Addons' mechanism."""
    layer = LAYERS[name]()
    layer.build((2, 3), (2, 5, 4))
    arrays = dict(GOLDEN[name]["weights"])
    if "bahdanau" in name:  # Its query layer was made apart.
        arrays["query_layer/kernel"] = INPUTS["query_kernel"]
    assert migrate.tensorflow_addons(arrays, layer) == []
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_first_and_second_step(name):
    layer, expected = _migrated(name), GOLDEN[name]
    memory = layer.precompute(INPUTS["memory"], value_mask=MASK)
    state = layer.initial_state(memory)
    context, weights, state = layer.step(INPUTS["query"], memory, state)
    assert_allclose(to_numpy(weights), expected["alignments"], atol=1e-6)
    assert_allclose(to_numpy(context), expected["context"], atol=1e-6)
    _, weights, _ = layer.step(0.5 * INPUTS["query"], memory, state)
    assert_allclose(to_numpy(weights), expected["second_step_alignments"], atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_all_queries_at_once(name):
    layer, expected = _migrated(name), GOLDEN[name]
    query = np.stack([INPUTS["query"], 0.5 * INPUTS["query"]], axis=1)
    _, weights = layer(
        query, INPUTS["memory"], value_mask=MASK, return_attention_scores=True
    )
    wanted = [expected["alignments"], expected["second_step_alignments"]]
    assert_allclose(to_numpy(weights), np.stack(wanted, axis=1), atol=1e-6)


WRAPPERS = ("wrapper_luong_outattn", "wrapper_bahdanau_style")
FUNCTIONS = ("monotonic_fn", "length_penalty", "get_scores", "sequence_loss")
FUNCTIONS += ("gather_tree",)


def test_every_entry_has_a_test():
    assert set(GOLDEN) == {"inputs", *LAYERS, *WRAPPERS, *FUNCTIONS}


@pytest.mark.parametrize("name", WRAPPERS)
def test_attention_wrapper_traces(name):
    trace = GOLDEN[name]
    # Numbered, in the order of the model's weights.
    arrays = {name.split(":", 1)[1]: w for name, w in trace["weights"].items()}
    if name == "wrapper_luong_outattn":
        readout = ka.readouts.AttentionalReadout(units=4, activation="linear")
    else:
        readout = "none"
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(6),
        ka.LuongAttention("general"),
        order="luong",
        readout=readout,
    )
    x = np.asarray(trace["x"], "float32")
    decoder(x, INPUTS["memory"])
    assert migrate.tensorflow_addons(arrays, decoder) == []
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


@pytest.mark.parametrize("theirs", ["recursive", "parallel"])
def test_monotonic_weights(theirs):
    entry = GOLDEN["monotonic_fn"]
    p, previous = (
        ops.convert_to_tensor(np.asarray(entry[name], "float32")[:, None])
        for name in ("p", "prev")
    )  # [B, 1, S]
    got = monotonic_weights(p, 1 - p, previous, hard=False)
    assert_allclose(to_numpy(got)[:, 0], entry[theirs], atol=1e-6)


def _rows(count, **options):
    made = option_values(ka.GenerationOptions(max_length=12, **options), 0, 2)
    return row_options(made, count)


def test_length_penalty():
    entry = GOLDEN["length_penalty"]
    rows = _rows(len(entry), length_penalty=[float(power) for power in entry])
    lengths = np.tile(np.asarray([0, 1, 5, 10], "float32"), (len(entry), 1))
    got = normalizer(ops.convert_to_tensor(lengths), rows)
    assert_allclose(to_numpy(got), list(entry.values()), atol=1e-6)


def test_scores_of_hypotheses_differ_where_they_should():
    # Of two hypotheses, of 3 and 2 tokens, the first has ended. TF Addons charges the
    # coverage at that step alone, so that ending costs rank; and what no attention ever
    # went to is taken for padding, so that it costs nothing. Both are against the
    # definition (Wu et al. 2016, equation 14), and are not copied.
    entry = {k: np.asarray(v, "float32") for k, v in GOLDEN["get_scores"].items()}
    rows = _rows(1, length_penalty=0.6, coverage_penalty=0.2)
    log_probs, lengths = entry["log_probs"][0], np.asarray([[3.0], [2.0]], "float32")
    acc = ops.convert_to_tensor(entry["acc"])  # [1, K, S]

    def scores(mask):
        covered = coverage_term(acc, ops.convert_to_tensor([mask]))[0]  # [K]
        found = rank_score(
            ops.convert_to_tensor(log_probs[None]),
            ops.convert_to_tensor(lengths[None]),
            ops.reshape(covered, (1, -1, 1)),
            rows,
        )
        return to_numpy(found)[0]

    theirs = entry["scores"][0]
    assert_allclose(scores([True, True, False])[0], theirs[0], atol=1e-6)
    covered = scores([True, True, True])
    missed = 0.2 * np.log(entry["acc"][0, 1]).sum()
    assert_allclose(covered[1], theirs[1] + missed, atol=1e-6)
    assert np.all(covered[0] < theirs[0] - 1)


def test_backtracking_equals_gather_tree():
    entry = GOLDEN["gather_tree"]
    token, slot = (
        np.asarray(entry[name], "int32") for name in ("step_ids", "parent_ids")
    )  # [T, B, K]
    last, like = len(token) - 1, np.zeros(token.shape[1:], "int32")
    finished = FinishedHypotheses(
        rank=like.astype("float32"),
        log_prob=like.astype("float32"),
        complete=like.astype(bool),
        step=like + last,
        slot=slot[last],
        token=token[last],
        group=like,
    )
    finished = FinishedHypotheses(*map(ops.convert_to_tensor, finished))
    emitted = {
        "slot": ops.convert_to_tensor(slot),
        "token": ops.convert_to_tensor(token),
    }
    found = sequences(finished, emitted, last + 1, pad_id=0, several=True)
    ids = to_numpy(found.ids)  # [B, K, T]
    assert np.array_equal(np.transpose(ids, (2, 0, 1)), entry["result"])
