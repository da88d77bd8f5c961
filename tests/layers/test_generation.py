"""Greedy generation against a loop in NumPy, and the rules of what comes out."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize
from tests.reference import generation as oracle

L = keras.layers
SOURCE = np.array(
    [[5, 6, 7, 8, 2], [9, 3, 2, 0, 0], [4, 4, 4, 2, 0], [2, 0, 0, 0, 0]], "int32"
)
V, LIMIT = 7, 12


def _decoder(name):
    if name == "bahdanau":
        return ka.AttentionDecoder(L.GRUCell(6), ka.BahdanauAttention(8, num_heads=2))
    if name == "luong":
        return ka.AttentionDecoder(L.LSTMCell(6), ka.LuongAttention("general"))
    if name == "luong_unfed":
        return ka.AttentionDecoder(
            L.GRUCell(6), ka.LuongAttention("dot"), input_feeding=False
        )
    if name == "stacked":
        cell = L.StackedRNNCells([L.LSTMCell(6), L.GRUCell(5)])
        return ka.AttentionDecoder(cell, ka.LuongAttention("concat", units=4))
    return ka.AttentionDecoder(L.LSTMCell(6), None)


DECODERS = ["bahdanau", "luong", "luong_unfed", "stacked", "none"]


@functools.cache
def model(name):
    """Random weights, drawn so that rows end at different steps and some never."""
    layers = 2 if name == "stacked" else 1
    made = ka.Seq2Seq(
        ka.RecurrentEncoder(3, num_layers=layers),
        _decoder(name),
        source_vocabulary_size=10,
        target_vocabulary_size=V,
        embedding_dim=4,
    )
    return randomize(made, seed=SEEDS[name], scale=1.5)


# In the order of SOURCE, rows end after e.g. 4, never, 9 and 3 steps (bahdanau).
SEEDS = {"bahdanau": 0, "luong": 34, "luong_unfed": 22, "stacked": 35, "none": 8}


def generate(name, source=SOURCE, **options):
    return model(name).generate(source, ka.GenerationOptions(**options))


def teacher_forced(name, source, prefix):
    return to_numpy(model(name)({"source_ids": source, "target_ids": prefix}))


def _reference(name, source=SOURCE, limit=LIMIT):
    def next_logits(prefix):
        # Padded to one length, so that a graph need not be traced at every step.
        padded = np.zeros((len(prefix), limit), "int32")
        padded[:, : prefix.shape[1]] = prefix
        return teacher_forced(name, source, padded)[:, prefix.shape[1] - 1]

    return oracle.greedy(next_logits, len(source), limit, 1, 2, 0)


@pytest.mark.parametrize("name", DECODERS)
def test_equals_the_reference(name):
    got = generate(name, max_length=LIMIT)
    ids, lengths, log_probs, steps = _reference(name)
    # A test in which all rows end together would not see how they end.
    assert len(set(lengths)) > 2
    assert np.array_equal(to_numpy(got.ids)[:, :steps], ids)
    assert np.all(to_numpy(got.ids)[:, steps:] == 0)
    assert np.array_equal(to_numpy(got.lengths), lengths)
    assert_allclose(to_numpy(got.log_probs), log_probs, rtol=1e-4, atol=1e-5)
    assert int(to_numpy(got.steps_run)) == steps


@pytest.mark.parametrize("name", DECODERS)
def test_teacher_forcing_the_result_gives_it_back(name):
    got = to_numpy(generate(name, max_length=LIMIT))
    ids, lengths = got.ids, got.lengths
    prefix = np.concatenate([np.ones((len(ids), 1), "int32"), ids[:, :-1]], axis=1)
    table = oracle.log_softmax(teacher_forced(name, SOURCE, prefix))
    valid = np.arange(ids.shape[1]) < lengths[:, None]
    assert np.array_equal(np.where(valid, oracle.best(table, 0), 0), ids)
    chosen = np.take_along_axis(table, ids[:, :, None], -1)[:, :, 0]
    wanted = np.where(valid, chosen, 0).sum(1)
    assert_allclose(got.log_probs, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau", "luong"])
def test_weights_are_those_of_the_teacher_forced_decoder(name):
    got = to_numpy(generate(name, max_length=LIMIT))
    steps = got.ids.shape[1]
    valid = np.arange(steps) < got.lengths[:, None]
    weights = got.weights  # [B, T, S], or [B, H, T, S] with several heads
    if weights.ndim == 3:
        weights = weights[:, None]
    assert weights.shape[-2:] == (steps, SOURCE.shape[1])
    assert np.all(weights[np.broadcast_to(~valid[:, None], weights.shape[:3])] == 0)
    sums = weights.sum(-1)
    wanted = np.broadcast_to(valid[:, None], sums.shape).astype(float)
    assert_allclose(sums, wanted, atol=1e-5)
    hidden = np.broadcast_to((SOURCE == 0)[:, None, None], weights.shape)
    assert np.all(weights[hidden] == 0)
    memory, state, _ = model(name).encode(SOURCE)
    step = model(name).stepper(memory)
    ids = np.ones(len(SOURCE), "int32")
    for t in range(steps):
        _, aligned, state = step(ops.convert_to_tensor(ids), state)
        aligned = to_numpy(aligned)
        aligned = aligned if aligned.ndim == 3 else aligned[:, None]
        rows = valid[:, t]
        assert_allclose(weights[rows][:, :, t], aligned[rows], atol=1e-5)
        ids = got.ids[:, t]


@pytest.mark.parametrize("name", DECODERS)
def test_a_row_does_not_depend_on_its_neighbours(name):
    whole = to_numpy(generate(name, max_length=LIMIT))
    order = np.array([2, 0, 3, 1])
    cases = {
        "permuted": (to_numpy(generate(name, SOURCE[order], max_length=LIMIT)), order),
        "wider": (
            to_numpy(
                generate(name, np.pad(SOURCE, ((0, 0), (0, 3))), max_length=LIMIT)
            ),
            np.arange(4),
        ),
        "alone": (to_numpy(generate(name, SOURCE[1:2, :3], max_length=LIMIT)), [1]),
    }
    for case, (got, rows) in cases.items():
        for position, row in enumerate(rows):
            length = whole.lengths[row]
            assert got.lengths[position] == length, case
            wanted = whole.ids[row, :length]
            assert np.array_equal(got.ids[position, :length], wanted), case
            assert np.all(got.ids[position, length:] == 0), case
            assert_allclose(
                got.log_probs[position], whole.log_probs[row], rtol=1e-5, atol=1e-5
            )
            positions = min(SOURCE.shape[1], got.weights.shape[-1])
            assert_allclose(
                got.weights[position][..., :length, :positions],
                whole.weights[row][..., :length, :positions],
                atol=1e-5,
            )


def test_limits_per_row():
    limits = np.array([1, 3, 2, 4])
    free = to_numpy(generate("luong", max_length=LIMIT))
    got = to_numpy(generate("luong", max_length=limits))
    wanted = np.minimum(free.lengths, limits)
    assert np.array_equal(got.lengths, wanted)
    assert int(got.steps_run) == wanted.max()
    for row, length in enumerate(wanted):
        assert np.array_equal(got.ids[row, :length], free.ids[row, :length])
        assert np.all(got.ids[row, length:] == 0)


def test_default_limit_is_each_rows_own():
    # Biased against the end, every row runs to 2 * length + 10.
    made = ka.Seq2Seq(ka.RecurrentEncoder(3, "gru"), _decoder("luong_unfed"), 10, V, 4)
    bias = [v for v in made.weights if tuple(v.shape) == (V,)]
    assert len(bias) == 1
    bias[0].assign(np.where(np.arange(V) == 2, -1e4, 0.0))
    got = to_numpy(made.generate(SOURCE))
    source_lengths = (SOURCE != 0).sum(1)
    assert np.array_equal(got.lengths, 2 * source_lengths + 10)
    assert np.all((got.ids != 0).sum(1) <= got.lengths)
    assert int(got.steps_run) == got.lengths.max()


def test_no_rows():
    got = to_numpy(generate("luong", SOURCE[:0], max_length=3))
    assert got.ids.shape[0] == 0
    assert got.lengths.shape == got.log_probs.shape == (0,)
    assert int(got.steps_run) == 1  # documented: the loop runs once


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", DECODERS)
def test_in_one_graph_of_unknown_sizes(name):
    import tensorflow as tf

    model(name)  # variables are made outside

    @tf.function(input_signature=[tf.TensorSpec([None, None], "int32")])
    def graph(source):
        return tuple(generate(name, source, max_length=LIMIT))

    for source in (SOURCE, SOURCE[1:2, :3], SOURCE[:0]):
        got = ka.Generation(*to_numpy(graph(source)))
        wanted = to_numpy(generate(name, source, max_length=LIMIT))
        assert np.array_equal(got.lengths, wanted.lengths)
        width = min(got.ids.shape[1], wanted.ids.shape[1])
        assert np.array_equal(got.ids[:, :width], wanted.ids[:, :width])
        assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-5, atol=1e-5)
        assert got.steps_run == wanted.steps_run
    assert graph.experimental_get_tracing_count() == 1


def _hand_built():
    """A language model of two functional models: a cell step and a projection."""
    random = np.random.default_rng(12)
    ids, h = keras.Input((), dtype="int32"), keras.Input((5,))
    embedded = L.Embedding(V, 4)(ids)
    new, _ = L.GRUCell(5)(embedded, [h])
    step = keras.Model([ids, h], [L.Dense(V)(new), new])
    for v in step.weights:
        v.assign(random.normal(scale=2.0, size=v.shape))
    first = random.normal(size=(4, 5)).astype("float32")
    return step, first


def test_a_hand_built_functional_model():
    step, first = _hand_built()

    def step_fn(ids, state):
        logits, state = step([ids, state])
        return logits, None, state

    got = ka.generate(
        step_fn,
        ops.convert_to_tensor(first),
        ka.GenerationOptions(max_length=LIMIT),
        pad_id=0,
        start_id=1,
        end_id=2,
    )

    def next_logits(prefix):
        state = first
        for t in range(prefix.shape[1]):
            logits, state = step([prefix[:, t], state])
        return to_numpy(logits)

    ids, lengths, log_probs, steps = oracle.greedy(next_logits, 4, LIMIT, 1, 2, 0)
    assert got.weights is None
    assert np.array_equal(to_numpy(got.ids)[:, :steps], ids)
    assert np.array_equal(to_numpy(got.lengths), lengths)
    assert_allclose(to_numpy(got.log_probs), log_probs, rtol=1e-4, atol=1e-5)
    assert int(to_numpy(got.steps_run)) == steps


def test_other_special_tokens():
    # From 5 through 6 to 4, which ends; 3 pads.
    table = np.full((V, V), -5.0, "float32")
    table[5, 6] = table[6, 4] = 5.0
    # Padding is more probable still, and never chosen.
    table[:, 3] = 9.0
    got = ka.generate(
        lambda ids, state: (ops.take(table, ids, axis=0), None, state),
        np.zeros((2, 1), "float32"),
        ka.GenerationOptions(max_length=[4, 1]),
        pad_id=3,
        start_id=5,
        end_id=4,
    )
    wanted = np.array([[6, 4], [6, 3]])
    assert np.array_equal(to_numpy(got.ids)[:, :2], wanted)
    assert np.array_equal(to_numpy(got.lengths), [2, 1])
    assert int(to_numpy(got.steps_run)) == 2
