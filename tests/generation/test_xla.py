"""Compiled as a whole, by XLA or by JAX, generation gives the same answers."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.tables import PAD, as_numpy

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(BACKEND == "torch", reason="torch has no XLA")
TF = pytest.mark.tensorflow_only
ROWS = 4
BEAM = {"beam_size": 4, "length_penalty": 0.6, "coverage_penalty": 0.3}
SETTINGS = [
    ("bahdanau", {}),
    ("bahdanau", BEAM),
    pytest.param("stateful", BEAM | {"alternatives": [1, 3, 4, 2]}, marks=TF),
    pytest.param(
        "luong",
        {"sample": True, "seed": [1, 2, 3, 4], "top_k": 4, "alternatives": 2},
        marks=TF,
    ),
    pytest.param(
        "luong",
        {
            "beam_size": 4,
            "beam_groups": 2,
            "diversity_penalty": 0.4,
            "alternatives": 2,
            "no_repeat_ngram": 2,
            "repetition_penalty": 1.2,
            "max_length": [3, 7, 5, 6],
            "max_length_ratio": 3.0,
            "prefix": [4],
            "banned_tokens": [5],
        },
        marks=TF,
    ),
]


def compiled(function):
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    # Of any number of rows and columns: XLA knows them when it compiles.
    spec = tf.TensorSpec([None, None], "int32")
    return tf.function(
        function, jit_compile=True, autograph=False, input_signature=[spec]
    )


def assert_same(got, wanted):
    """Equal, but for the steps past those that were run."""
    steps = wanted.ids.shape[-1]
    assert got.ids.shape[-1] >= steps == wanted.steps_run == got.steps_run
    assert (got.ids[..., :steps] == wanted.ids).all()
    assert (got.ids[..., steps:] == PAD).all()
    assert (got.lengths == wanted.lengths).all()
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-4, atol=1e-5)
    # What is rounded otherwise in one step grows in the next ones: from 2e-6 to 4e-5
    # in float32, from 8e-15 to 1e-13 in float64.
    assert_allclose(got.weights[..., :steps, :], wanted.weights, rtol=1e-4, atol=5e-5)
    assert (got.weights[..., steps:, :] == 0).all()


@pytest.mark.parametrize("name, setting", SETTINGS, ids=str)
def test_a_model(name, setting):
    model, source = models.model(name), models.sources(ROWS)
    options = ka.GenerationOptions(**setting)
    got = as_numpy(compiled(lambda ids: model.generate(ids, options))(source))
    assert_same(got, as_numpy(model.generate(source, options)))
    longest = 7 if "max_length" in setting else 2 * models.S + 10
    assert got.ids.shape[-1] == longest


@TF
def test_options_that_are_tensors():
    import tensorflow as tf

    model, source = models.model("bahdanau"), models.sources(ROWS)

    @tf.function(jit_compile=True, autograph=False)
    def generate(ids, beam_size, alpha):
        options = ka.GenerationOptions(beam_size=beam_size, length_penalty=alpha)
        return model.generate(ids, options, max_beam_size=3)

    for beam_size, alpha in ([1] * 4, [0.0] * 4), ([1, 2, 3, 1], [0.0, 0.5, 1.0, 0.6]):
        arrays = np.array(beam_size, "int32"), np.array(alpha, "float32")
        got = as_numpy(generate(source, *map(tf.constant, arrays)))
        options = ka.GenerationOptions(beam_size=beam_size, length_penalty=alpha)
        assert_same(got, as_numpy(model.generate(source, options)))


@pytest.mark.parametrize("given", [{"beam_size": 2}, {}], ids=str)
def test_a_limit_that_is_not_known(given):
    model = models.model("bahdanau")
    options = {"max_length": np.array([3, 4], "int32")}

    def generate(ids, max_length):
        return model.generate(ids, ka.GenerationOptions(max_length=max_length, **given))

    if BACKEND == "jax":
        import jax

        function = jax.jit(generate)
    else:
        import tensorflow as tf

        function = tf.function(generate, jit_compile=True, autograph=False)
        options = {name: tf.constant(x) for name, x in options.items()}
    with pytest.raises(ValueError, match="`max_length`"):
        function(models.sources(2), **options)
