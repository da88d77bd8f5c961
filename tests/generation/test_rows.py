"""A row's answer does not depend on the rows around it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.tables import PAD, Tables, as_numpy

TF = pytest.mark.tensorflow_only

OPTIONS = {
    "beam_size": [3, 5, 4, 3, 6, 3, 5, 4],
    "alternatives": [3, 1, 4, 2, 3, 3, 4, 2],
    "beam_groups": [1, 1, 2, 1, 3, 1, 1, 4],
    "diversity_penalty": [0.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.3],
    "max_length": [8, 6, 4, 8, 7, 3, 5, 8],
    "min_length": [1, 2, 1, 5, 1, 1, 3, 1],
    "length_penalty": [0.0, 0.6, 1.0, 0.0, 2.0, 0.3, 0.0, 0.9],
    "length_power": [0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0, 2.0],
    "word_bonus": [0.0, 0.3, -0.4, 0.0, 0.0, 1.0, -1.0, 0.0],
    "coverage_penalty": [0.0, 0.2, 0.4, 0.0, 1.0, 0.1, 0.0, 0.5],
    "repetition_penalty": [1.0, 1.2, 1.0, 2.0, 0.8, 1.0, 1.0, 1.5],
    "no_repeat_ngram": [0, 2, 1, 0, 3, 0, 2, 0],
    "sample": [False, False, False, True, False, False, True, False],
    "seed": [0, 0, 0, 41, 0, 0, 42, 0],
    "temperature": [1.0, 1.0, 1.0, 0.8, 1.0, 1.0, 1.5, 1.0],
    "top_k": [0, 0, 0, 4, 0, 0, 0, 0],
    "top_p": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 1.0],
    "banned_tokens": [[], [4], [], [5, 6], [], [3], [], [2]],
    "prefix": [[], [], [5], [], [3, 4], [], [], [7]],
}
ROWS = 8


def of(rows, options=OPTIONS, **common):
    chosen = {name: [values[row] for row in rows] for name, values in options.items()}
    return ka.GenerationOptions(**chosen, **common)


def assert_rows(got, wanted, rows):
    """``got`` holds rows ``rows`` of ``wanted``, up to padding and empty places."""
    places = min(got.ids.shape[1], wanted.ids.shape[1])
    for generation, which in ((got, slice(None)), (wanted, rows)):
        assert (generation.lengths[which, places:] == 0).all()
        assert (generation.ids[which, places:] == PAD).all()
        assert (generation.log_probs[which, places:] < -1e38).all()
    got, wanted = (
        generation._replace(
            **{
                name: getattr(generation, name)[:, :places]
                for name in ("ids", "lengths", "log_probs", "weights")
            }
        )
        for generation in (got, wanted)
    )
    steps = min(got.ids.shape[-1], wanted.ids.shape[-1])
    positions = min(got.weights.shape[-1], wanted.weights.shape[-1])
    ids, weights = wanted.ids[rows], wanted.weights[rows]
    assert (got.lengths == wanted.lengths[rows]).all()
    assert (got.ids[..., :steps] == ids[..., :steps]).all()
    assert (got.ids[..., steps:] == PAD).all() and (ids[..., steps:] == PAD).all()
    assert_allclose(got.log_probs, wanted.log_probs[rows], rtol=1e-4, atol=1e-5)
    assert_allclose(
        got.weights[..., :steps, :positions],
        weights[..., :steps, :positions],
        rtol=1e-4,
        atol=1e-5,
    )
    assert (got.weights[..., positions:] == 0).all()


@TF
def test_every_row_alone():
    tables = Tables(ROWS, vocabulary=9, steps=8, positions=5, seed=5)
    batch = tables.generate(of(range(ROWS)))
    needed = []
    for row in range(ROWS):
        # On its own a row has fewer slots and leaves out what it does not use.
        alone = tables.generate(of([row]), rows=[row])
        assert_rows(alone, batch, [row])
        needed.append(alone.steps_run)
    assert batch.steps_run == max(needed)


@TF
def test_other_options_of_the_neighbours():
    tables = Tables(ROWS, vocabulary=9, steps=8, positions=5, seed=5)
    batch = tables.generate(of(range(ROWS)))
    for row in range(ROWS):
        # This row's options stay; the others get those of the row after them.
        source = [r if r == row else (r + 1) % ROWS for r in range(ROWS)]
        changed = tables.generate(of(source))
        changed = changed._replace(
            **{
                name: getattr(changed, name)[[row]]
                for name in ("ids", "lengths", "log_probs", "weights")
            }
        )
        assert_rows(changed, batch, [row])


@pytest.fixture(scope="module")
def trained():
    return models.model("bahdanau"), models.sources(ROWS)


@TF
def test_order_and_parts_of_a_batch(trained):
    model, source = trained
    batch = as_numpy(model.generate(source, of(range(ROWS))))
    order = np.random.default_rng(0).permutation(ROWS)
    assert_rows(as_numpy(model.generate(source[order], of(order))), batch, order)
    for part in ([4, 3, 6], [4, 6, 7, 3, 1]):
        got = as_numpy(model.generate(source[part], of(part)))
        assert_rows(got, batch, part)


@TF
def test_padded_source_columns(trained):
    model, source = trained
    batch = as_numpy(model.generate(source, of(range(ROWS))))
    wide = np.pad(source, [(0, 0), (0, 5)])
    assert_rows(as_numpy(model.generate(wide, of(range(ROWS)))), batch, range(ROWS))
    # Limits by the length of the source do not see them either.
    free = {k: v for k, v in OPTIONS.items() if k not in ("max_length", "min_length")}
    batch = as_numpy(model.generate(source, of(range(ROWS), free)))
    got = as_numpy(model.generate(wide, of(range(ROWS), free)))
    assert_rows(got, batch, range(ROWS))
    assert got.steps_run == batch.steps_run


@TF
@pytest.mark.parametrize("rows", [0, 1, 64])
def test_sizes_of_batches(trained, rows):
    model, source = trained
    which = np.arange(rows) % ROWS
    got = as_numpy(model.generate(source[which], of(which)))
    places = {0: 1, 1: 3, 64: 4}[rows]
    assert (
        got.ids.shape[:2] == got.lengths.shape == got.log_probs.shape == (rows, places)
    )
    assert got.weights.shape == (rows, places, got.ids.shape[-1], models.S)
    if rows:
        batch = as_numpy(model.generate(source, of(range(ROWS))))
        assert_rows(got, batch, which)


@pytest.mark.parametrize("rows", [0, 1, 64])
@pytest.mark.parametrize("several", [{"beam_size": 3, "alternatives": 2}, {}], ids=str)
def test_sizes_of_batches_of_tables(rows, several):
    tables = Tables(2, vocabulary=9, steps=4)
    which = np.arange(rows) % 2
    options = ka.GenerationOptions(max_length=4, **several)
    got = tables.generate(options, rows=which)
    assert got.lengths.shape == ((rows, 2) if several else (rows,))
    assert got.ids.shape == (*got.lengths.shape, got.steps_run)
    for row in range(2):
        same = got.ids[which == row]
        assert (same == same[:1]).all()
