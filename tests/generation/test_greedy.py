"""A beam of one is greedy search, whichever way it is asked for."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.generation.options.features import features
from tests.generation import models
from tests.generation.tables import END, PAD, START, Tables, as_numpy
from tests.reference import generation as oracle

# Neutral values in the form of one per row: the search runs, and nothing acts.
NEUTRAL = {
    "beam_size": 1,
    "min_length": 1,
    "length_penalty": 0.0,
    "length_power": 0.0,
    "word_bonus": 0.0,
    "coverage_penalty": 0.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram": 0,
}


def searched(rows, **options):
    """Options that are greedy search, but not by the fast path."""
    each = {name: [value] * rows for name, value in NEUTRAL.items()}
    made = ka.GenerationOptions(banned_tokens=[[]] * rows, **each, **options)
    assert features(made).greedy is False
    assert features(ka.GenerationOptions(**NEUTRAL, **options)).greedy is True
    return made


def assert_same(got, wanted):
    assert (got.ids == wanted.ids).all()
    assert (got.lengths == wanted.lengths).all()
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-5, atol=1e-6)
    assert_allclose(got.weights, wanted.weights, rtol=1e-5, atol=1e-6)
    assert got.steps_run == wanted.steps_run


@pytest.mark.parametrize(
    "end", [pytest.param(-1.0, marks=pytest.mark.tensorflow_only), 1.5]
)
def test_tables(end):
    tables = Tables(64, vocabulary=7, steps=8, seed=12, end=end)
    limits = np.arange(64) % 8 + 1
    options = {"max_length": limits}
    greedy = tables.generate(ka.GenerationOptions(**options))
    assert_same(tables.generate(searched(64, **options)), greedy)
    # And greedy is what it says: the most probable token, padding apart.
    for row in range(0, 64, 5):
        model = tables.model(row)

        def next_logits(prefix, model=model):
            log_probs = np.array(model(tuple(prefix[0, 1:].tolist()))[0])
            log_probs[PAD] = -np.inf
            return log_probs[None]

        ids, lengths, _, _ = oracle.greedy(next_logits, 1, limits[row], START, END, PAD)
        assert greedy.lengths[row] == lengths[0]
        assert greedy.ids[row, : lengths[0]].tolist() == ids[0, : lengths[0]].tolist()


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", models.DECODERS)
def test_models(name):
    model, source = models.model(name), models.sources(8)
    greedy = as_numpy(model.generate(source))
    assert_same(as_numpy(model.generate(source, searched(8))), greedy)


@pytest.mark.tensorflow_only
def test_a_row_with_one_beam_beside_rows_with_many():
    tables = Tables(9, vocabulary=7, steps=6, seed=77)
    beams = [1, 5, 1, 2, 1, 1, 7, 3, 1]
    mixed = tables.generate(ka.GenerationOptions(beam_size=beams, max_length=6))
    greedy = tables.generate(ka.GenerationOptions(max_length=6))
    for row in (0, 2, 4, 5, 8):
        length = greedy.lengths[row]
        assert mixed.lengths[row] == length
        assert (mixed.ids[row, :length] == greedy.ids[row, :length]).all()
        assert_allclose(mixed.log_probs[row], greedy.log_probs[row], rtol=1e-5)


@pytest.mark.parametrize("heads", [None, 1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"beam_size": 2}, {"beam_size": 2, "alternatives": 2}]
)
def test_heads_of_a_step_function(heads, options):
    tables = Tables(4, vocabulary=7, steps=6, seed=5)
    wanted = tables.generate(ka.GenerationOptions(max_length=6, **options)).weights

    def step_fn(ids, state):
        logits, weights, state = tables.step_fn(ids, state)
        if heads is not None:
            weights = ops.stack([weights / (h + 1) for h in range(heads)], axis=1)
        return logits, weights, state

    generation = as_numpy(
        ka.generate(
            step_fn,
            tables.first_state(np.arange(4)),
            ka.GenerationOptions(max_length=6, **options),
            source_mask=tables.mask,
        )
    )
    if heads == 2:
        axis = 2 if "alternatives" in options else 1
        wanted = np.stack([wanted, wanted / 2], axis=axis)
    # One head has no axis of its own, whoever named it.
    assert generation.weights.shape == wanted.shape
    assert_allclose(generation.weights, wanted, atol=1e-6)
