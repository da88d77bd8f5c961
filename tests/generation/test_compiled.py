"""One graph for batches and options of every size gives the eager numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.tables import Tables, as_numpy

pytestmark = pytest.mark.tensorflow_only

SETTINGS = [
    {},
    {"beam_size": 3, "alternatives": 2, "length_penalty": 0.6},
    {
        "beam_size": [3, 1, 4, 2],
        "coverage_penalty": 0.3,
        "no_repeat_ngram": 2,
        "repetition_penalty": 1.2,
        "prefix": [[3], [], [4, 4], []],
    },
    {"sample": True, "alternatives": 3, "top_k": 4, "top_p": 0.9, "seed": [1, 2, 3, 4]},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_graph(setting):
    import tensorflow as tf

    tables = Tables(4, vocabulary=8, steps=6)
    options = ka.GenerationOptions(max_length=6, **setting)
    eager = tables.generate(options)
    graph = tf.function(
        lambda: ka.generate(
            tables.step_fn,
            tables.first_state(range(4)),
            options,
            vocabulary_size=8,
            source_mask=tables.mask,
        ),
        autograph=False,
    )
    for got, wanted in zip(as_numpy(graph()), eager, strict=True):
        assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_one_graph_whose_options_are_tensors():
    import tensorflow as tf

    model, longest = models.model("bahdanau"), 4

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], "int32"),
            *[tf.TensorSpec([None], "int32")] * 3,
            *[tf.TensorSpec([None], "float32")] * 2,
            tf.TensorSpec([None], "bool"),
        ],
        autograph=False,
    )
    def generate(source, beam_size, max_length, seed, alpha, beta, sample):
        options = ka.GenerationOptions(
            beam_size=beam_size,
            max_length=max_length,
            seed=seed,
            length_penalty=alpha,
            coverage_penalty=beta,
            sample=sample,
            alternatives=2,
        )
        return model.generate(source, options, max_beam_size=longest)

    random = np.random.default_rng(0)
    for rows in (5, 1, 64, 0):
        values = {
            "beam_size": random.integers(2, longest + 1, rows).astype("int32"),
            "max_length": random.integers(1, 8, rows).astype("int32"),
            "seed": random.integers(0, 99, rows).astype("int32"),
            "length_penalty": random.uniform(0, 2, rows).astype("float32"),
            "coverage_penalty": random.uniform(0, 1, rows).astype("float32"),
            "sample": np.zeros(rows, bool),
        }
        source = models.sources(rows)
        got = as_numpy(generate(source, *values.values()))
        assert np.isfinite(got.log_probs).all()
        assert got.ids.shape[:2] == (rows, 2)
        if rows:
            wanted = as_numpy(
                model.generate(
                    source, ka.GenerationOptions(alternatives=2, **values), longest
                )
            )
            for name in ("ids", "lengths", "log_probs", "weights", "steps_run"):
                assert_allclose(
                    getattr(got, name), getattr(wanted, name), rtol=1e-4, atol=1e-5
                )
    assert generate.experimental_get_tracing_count() == 1
