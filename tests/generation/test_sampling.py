"""Samples follow the model's probabilities, and a row's depend on its seed alone."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation.chi_square import assert_plausible
from tests.generation.tables import END, PAD, Tables, as_numpy
from tests.reference.generation import log_softmax

DRAWS = 20000
V = 8
LOGITS = np.array([1.5, 0.3, -0.4, 1.0, 0.0, 0.7, -1.0, 0.4], "float32")


def draw(steps=1, rows=DRAWS, logits=LOGITS, **options):
    """Samples of ``steps`` tokens from the same distribution at every step."""
    options = {"max_length": steps, "seed": np.arange(rows)} | options
    return as_numpy(
        ka.generate(
            lambda ids, state: (
                ops.broadcast_to(logits, (ids.shape[0], len(logits))),
                None,
                state,
            ),
            np.zeros((rows, 1), "float32"),
            ka.GenerationOptions(sample=True, **options),
            vocabulary_size=len(logits),
        )
    )


def probabilities(temperature=1.0, excluded=(PAD,)):
    logits = LOGITS.astype("float64") / temperature
    logits[list(excluded)] = -np.inf
    return np.exp(log_softmax(logits))


def counts(tokens):
    return np.bincount(tokens, minlength=V)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_frequencies(temperature):
    generation = draw(temperature=temperature)
    assert_plausible(counts(generation.ids[:, 0]), probabilities(temperature))
    # What is reported is the model's own probability, temperature or not.
    assert_allclose(
        generation.log_probs, log_softmax(LOGITS)[generation.ids[:, 0]], atol=1e-5
    )


@pytest.mark.tensorflow_only
def test_frequencies_of_every_temperature_in_one_batch():
    choices = np.array([0.5, 1.0, 2.0])
    which = np.arange(3 * DRAWS) % 3
    tokens = draw(rows=3 * DRAWS, temperature=choices[which]).ids[:, 0]
    for index, temperature in enumerate(choices):
        assert_plausible(counts(tokens[which == index]), probabilities(temperature))


@pytest.mark.tensorflow_only
def test_steps_are_independent():
    # No row ends within the first two tokens, so that both are there.
    generation = draw(steps=3, min_length=3, seed=np.arange(DRAWS) * 7 - 99)
    first, second, _ = generation.ids.T
    each = probabilities(excluded=(PAD, END))
    joint = np.bincount(first * V + second, minlength=V * V)
    assert_plausible(joint, np.outer(each, each).ravel())


@pytest.mark.tensorflow_only
def test_alternatives_are_independent():
    # Sorted by rank, so that only the unordered pair can be looked at.
    ids = np.sort(draw(alternatives=2).ids[..., 0], axis=1)
    pairs = np.bincount(ids[:, 0] * V + ids[:, 1], minlength=V * V)
    each = probabilities()
    both = np.outer(each, each)
    both = np.triu(both) + np.triu(both.T, 1)
    assert_plausible(pairs, both.ravel())


@pytest.mark.parametrize("k", [1, 4, 3 * V])
def test_top_k(k):
    tokens = draw(top_k=k).ids[:, 0]
    order = [v for v in np.argsort(-LOGITS) if v != PAD]
    expected = probabilities(excluded=[PAD, *order[k:]])
    assert set(tokens.tolist()) <= set(order[:k])
    if k > 1:
        assert_plausible(counts(tokens), expected)


@pytest.mark.parametrize("p", [0.01, 0.55, 0.9])
def test_top_p(p):
    tokens = draw(top_p=p).ids[:, 0]
    each = probabilities()
    order = np.argsort(-each)
    size = 1 + np.searchsorted(np.cumsum(each[order]), min(p, 1 - 1e-9))
    inside = order[:size]
    assert each[inside].sum() >= p - 1e-9 > each[inside[:-1]].sum() - 1e-9
    assert set(tokens.tolist()) <= set(inside.tolist())
    if size > 1:
        expected = probabilities(excluded=[v for v in range(V) if v not in inside])
        assert_plausible(counts(tokens), expected)


@pytest.mark.tensorflow_only
def test_top_p_of_what_top_k_and_temperature_leave():
    tokens = draw(top_p=0.6, top_k=4, temperature=2.0).ids[:, 0]
    order = [v for v in np.argsort(-LOGITS) if v != PAD][:4]
    kept = probabilities(2.0, excluded=[v for v in range(V) if v not in order])
    inside = np.argsort(-kept)[
        : 1 + np.searchsorted(np.cumsum(np.sort(kept)[::-1]), 0.6)
    ]
    assert 1 < len(inside) < 4
    assert_plausible(
        counts(tokens),
        probabilities(2.0, excluded=[v for v in range(V) if v not in inside]),
    )


def test_excluded_tokens_are_never_drawn():
    # 2.5 million numbers a step, of rows that ban all but two tokens of 500.
    logits = np.random.default_rng(0).normal(size=500).astype("float32")
    banned = [v for v in range(500) if v not in (END, 7, 11)]
    seeds = np.r_[30120, 38903, np.arange(4998)]
    generation = draw(rows=5000, seed=seeds, logits=logits, banned_tokens=banned)
    assert set(generation.ids.ravel().tolist()) == {END, 7, 11}
    assert (generation.lengths == 1).all()


SETTINGS = {
    "sample": True,
    "seed": [5, 6, -7, 2**31 - 1, 5, 0],
    "temperature": [0.7, 1.0, 1.3, 0.9, 1.0, 2.0],
    "top_k": [0, 3, 0, 5, 0, 2],
    "top_p": [1.0, 1.0, 0.7, 0.9, 0.8, 1.0],
    "max_length": 6,
}


def of(row, options):
    """The options of one row, as options for a batch of it."""
    return {
        name: [value[row]] if isinstance(value, list) else value
        for name, value in options.items()
    }


def same(one, row, batch):
    length = batch.lengths[row].max()
    assert (one.lengths[0] == batch.lengths[row]).all()
    assert (one.ids[0, ..., :length] == batch.ids[row][..., :length]).all()
    assert_allclose(one.log_probs[0], batch.log_probs[row], rtol=1e-5)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("alternatives", [1, 3])
def test_a_row_alone_gives_the_same_sample(alternatives):
    tables = Tables(6, vocabulary=9, steps=6, seed=31)
    options = SETTINGS | {"alternatives": alternatives}
    batch = tables.generate(ka.GenerationOptions(**options))
    for row in range(6):
        alone = ka.GenerationOptions(**of(row, options))
        same(tables.generate(alone, rows=[row]), row, batch)


@pytest.mark.parametrize(
    "alternatives", [1, pytest.param(3, marks=pytest.mark.tensorflow_only)]
)
def test_slots_of_neighbours_change_no_sample(alternatives):
    tables = Tables(7, vocabulary=9, steps=6, seed=31)
    options = SETTINGS | {"alternatives": alternatives}
    batch = tables.generate(ka.GenerationOptions(**options), rows=range(6))
    searching = {
        name: [*value, value[0]] if isinstance(value, list) else value
        for name, value in options.items()
    } | {"sample": [True] * 6 + [False], "beam_size": [alternatives] * 6 + [8]}
    beside = tables.generate(ka.GenerationOptions(**searching))
    for row in range(6):
        length = batch.lengths[row].max()
        assert (beside.lengths[row] == batch.lengths[row]).all()
        assert (beside.ids[row][..., :length] == batch.ids[row][..., :length]).all()


@pytest.mark.tensorflow_only
def test_one_answer_of_many_slots_is_still_a_sample():
    assert_plausible(counts(draw(beam_size=4).ids[:, 0]), probabilities())


@pytest.mark.tensorflow_only
def test_same_seed_same_sample_other_seed_another():
    same_tables = Tables(1, vocabulary=9, steps=6, seed=31, end=-9.0)
    options = {"sample": True, "seed": list(range(50)), "max_length": 6}
    many = same_tables.generate(ka.GenerationOptions(**options), rows=[0] * 50)
    again = same_tables.generate(ka.GenerationOptions(**options), rows=[0] * 50)
    assert (many.ids == again.ids).all()
    assert len(np.unique(many.ids, axis=0)) > 45


@pytest.mark.tensorflow_only
def test_samples_keep_their_own_weights():
    tables = Tables(6, vocabulary=9, steps=6, seed=31)
    options = ka.GenerationOptions(**SETTINGS, alternatives=3)
    generation = tables.generate(options)
    for row in range(6):
        for place in range(3):
            length = generation.lengths[row, place]
            ids = generation.ids[row, place, :length]
            log_prob, wanted = 0.0, []
            for t in range(length):
                log_probs, weights = tables.model(row)(tuple(ids[:t].tolist()))
                log_prob += log_probs[ids[t]]
                wanted.append(weights)
            got = generation.weights[row, place]
            assert_allclose(got[:length], wanted, atol=1e-7)
            assert (got[length:] == 0).all()
            assert_allclose(generation.log_probs[row, place], log_prob, rtol=1e-5)
