"""Answers are those of their own path through the model: the teacher-forced one."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.answers import widened
from tests.generation.tables import as_numpy

ROWS, K = 6, 4
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
PENALTIES = {
    "length_penalty": [0.0, 0.6, 1.0, 0.2, 0.0, 2.0],
    "coverage_penalty": [0.0, 0.2, 0.4, 0.0, 1.0, 0.1],
}


def assert_own_path(model, source, generation):
    """Ids, log-probabilities and weights belong together; all ``[B, N, ...]``."""
    rows, places, steps = generation.ids.shape
    ids = generation.ids.reshape(rows * places, steps)
    log_probs, weights = models.teacher_forced(
        model, np.repeat(source, places, axis=0), ids
    )
    inside = np.arange(steps) < generation.lengths.reshape(-1, 1)  # [N, T]
    assert_allclose(
        np.where(inside, log_probs, 0.0).sum(axis=1),
        generation.log_probs.ravel(),
        **TOLERANCE,
    )
    shape = (len(ids), *([1] * (weights.ndim - 3)), steps, 1)
    wanted = np.where(inside.reshape(shape), weights, 0.0)
    assert_allclose(generation.weights.reshape(wanted.shape), wanted, **TOLERANCE)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("bahdanau", marks=pytest.mark.tensorflow_only),
        pytest.param("luong", marks=pytest.mark.tensorflow_only),
        "stateful",
    ],
)
def test_beam_search(name):
    model, source = models.model(name), models.sources(ROWS)
    options = ka.GenerationOptions(
        beam_size=K, alternatives=3, max_length=7, **PENALTIES
    )
    generation = as_numpy(model.generate(source, options))
    # Different answers of different lengths, or the comparison would be idle.
    assert len(np.unique(generation.lengths)) > 2
    assert (generation.ids[:, 0] != generation.ids[:, 1]).any(axis=1).all()
    assert_own_path(model, source, generation)


@pytest.mark.tensorflow_only
def test_samples():
    model, source = models.model("luong"), models.sources(ROWS)
    options = ka.GenerationOptions(
        sample=True, alternatives=3, max_length=7, temperature=1.5, seed=3
    )
    assert_own_path(model, source, as_numpy(model.generate(source, options)))


@pytest.mark.parametrize(
    "beam_size", [pytest.param(1, marks=pytest.mark.tensorflow_only), 3]
)
def test_forced_prefix_is_teacher_forcing(beam_size):
    model, source = models.model("bahdanau"), models.sources(ROWS)
    random = np.random.default_rng(1)
    lengths = [7, 1, 4, 7, 5, 2]
    prefix = [[*random.integers(3, models.V, size=n - 1).tolist(), 2] for n in lengths]
    options = ka.GenerationOptions(beam_size=beam_size, prefix=prefix, max_length=9)
    generation = as_numpy(model.generate(source, options))
    for row, ids in enumerate(prefix):
        assert generation.ids[row, : len(ids)].tolist() == ids
    assert generation.lengths.tolist() == lengths
    assert generation.steps_run == 7
    assert_own_path(model, source, widened(generation))


@pytest.mark.tensorflow_only
def test_prefix_is_kept_and_gone_on_from():
    model, source = models.model("bahdanau"), models.sources(ROWS)
    prefix = [[5, 6], [], [7], [4, 4, 4], [], [9, 3]]
    options = ka.GenerationOptions(
        beam_size=K, alternatives=3, prefix=prefix, max_length=7
    )
    generation = as_numpy(model.generate(source, options))
    for row, ids in enumerate(prefix):
        assert (generation.ids[row, :, : len(ids)] == ids).all()
        assert (generation.lengths[row] > len(ids)).all()
    assert_own_path(model, source, generation)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", models.DECODERS)
def test_beams_share_the_memory_of_their_row(name):
    # The same search with keys, values and states tiled by hand for every beam.
    model, source = models.model(name), models.sources(ROWS)
    options = ka.GenerationOptions(
        beam_size=K, alternatives=K, max_length=6, **PENALTIES
    )
    shared = as_numpy(model.generate(source, options))
    memory, state, mask = model.encode(ops.convert_to_tensor(source))
    tiled = keras.tree.map_structure(lambda x: ops.repeat(x, K, axis=0), memory)
    by_hand = as_numpy(
        ka.generate(
            model.stepper(tiled),
            state,
            options,
            vocabulary_size=models.V,
            source_mask=mask,
        )
    )
    assert (shared.ids == by_hand.ids).all()
    assert (shared.lengths == by_hand.lengths).all()
    assert_allclose(shared.log_probs, by_hand.log_probs, **TOLERANCE)
    assert_allclose(shared.weights, by_hand.weights, **TOLERANCE)
