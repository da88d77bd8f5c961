"""Every row has as many answers as it asks for."""

import numpy as np
import pytest

import keras_attention as ka
from tests.generation import models
from tests.generation.answers import assert_best, rules
from tests.generation.tables import PAD, Tables, as_numpy
from tests.reference import search

TF = pytest.mark.tensorflow_only
LIMIT, K = 7, 4
LOWEST = np.finfo("float32").min


@pytest.mark.parametrize("end", [pytest.param(0.0, marks=TF), 2.0])
def test_numbers_of_their_own(end):
    asked = [1, 4, 2, 3] * 6
    tables = Tables(len(asked), vocabulary=6, steps=LIMIT, seed=77, end=end)
    generation = tables.generate(
        ka.GenerationOptions(beam_size=K, alternatives=asked, max_length=LIMIT)
    )
    needed = []
    for row, count in enumerate(asked):
        setting = {"max_length": LIMIT}
        steps = search.beam_search(K, LIMIT, **rules(tables, row, setting))
        assert_best(generation, row, steps[-1].ended[:count], K)
        assert (generation.lengths[row, count:] == 0).all()
        assert (generation.log_probs[row, count:] == LOWEST).all()
        needed.append(search.steps_needed(steps, count, LIMIT, search.Penalties()))
    # A row waits for its own answers, not for the places of its neighbours.
    assert generation.steps_run == max(needed)
    alone = tables.generate(
        ka.GenerationOptions(beam_size=K, alternatives=[1], max_length=LIMIT), rows=[0]
    )
    assert alone.steps_run == needed[0]


@TF
def test_fewer_steps_for_fewer_answers():
    tables = Tables(1, vocabulary=6, steps=LIMIT, seed=77, end=2.0)

    def steps(*alternatives):
        options = ka.GenerationOptions(
            beam_size=K, alternatives=list(alternatives), max_length=LIMIT
        )
        rows = [0] * len(alternatives)
        return tables.generate(options, rows=rows).steps_run

    assert steps(1) < steps(4)
    assert steps(1, 4) == steps(4)


@TF
def test_an_axis_for_everything_but_the_number_one():
    tables = Tables(3, vocabulary=6, steps=LIMIT)
    for beam_size in (1, 2):

        def shape(alternatives, beam_size=beam_size):
            options = ka.GenerationOptions(
                beam_size=beam_size, alternatives=alternatives, max_length=LIMIT
            )
            generation = tables.generate(options)
            assert generation.lengths.shape == generation.log_probs.shape
            assert generation.ids.shape[:-1] == generation.weights.shape[:-2]
            assert generation.ids.shape[:-1] == generation.lengths.shape
            return generation.lengths.shape

        assert shape(1) == shape(np.int64(1)) == (3,)
        assert shape([1, 1, 1]) == shape(np.ones(3, "int32")) == (3, 1)
    assert shape(2) == shape(np.int64(2)) == shape([1, 2, 1]) == (3, 2)


@TF
def test_draws():
    tables = Tables(4, vocabulary=9, steps=LIMIT, seed=31)
    options = {"sample": True, "seed": [4, 5, 6, 7], "max_length": LIMIT}
    asked = [3, 1, 2, 3]
    got = tables.generate(ka.GenerationOptions(alternatives=asked, **options))
    for row, count in enumerate(asked):
        one = {name: value for name, value in options.items() if name != "seed"}
        alone = tables.generate(
            ka.GenerationOptions(alternatives=count, seed=4 + row, **one), rows=[row]
        )
        lengths = alone.lengths.ravel()
        assert got.lengths[row].tolist() == [*lengths, *[0] * (3 - count)]
        ids = alone.ids.reshape(count, -1)
        assert (got.ids[row, :count, : ids.shape[1]] == ids).all()
        assert (got.ids[row, count:] == PAD).all()


@TF
@pytest.mark.parametrize("beam_size", [1, 3])
def test_numbers_that_only_the_graph_knows(beam_size):
    import tensorflow as tf

    model, source = models.model("bahdanau"), models.sources(4)

    @tf.function(autograph=False)
    def generate(source, alternatives):
        options = ka.GenerationOptions(
            alternatives=alternatives, beam_size=beam_size, max_length=LIMIT
        )
        return model.generate(source, options, max_beam_size=5)

    asked = np.minimum([1, 3, 2, 1], beam_size).astype("int32")
    got = as_numpy(generate(source, tf.constant(asked)))
    assert got.ids.shape[:2] == (4, 5)
    wanted = as_numpy(
        model.generate(
            source,
            ka.GenerationOptions(
                alternatives=asked, beam_size=beam_size, max_length=LIMIT
            ),
        )
    )
    assert (got.ids[:, : asked.max()] == wanted.ids).all()
    assert (got.lengths[:, : asked.max()] == wanted.lengths).all()
    assert (got.lengths[:, asked.max() :] == 0).all()
    assert (got.log_probs[:, asked.max() :] == LOWEST).all()
    with pytest.raises(ValueError, match="`alternatives`.*`max_beam_size`"):
        tf.function(
            lambda n: model.generate(source, ka.GenerationOptions(alternatives=n)),
            autograph=False,
        )(tf.constant(asked))
