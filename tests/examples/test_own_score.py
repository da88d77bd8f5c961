"""The score of the example is saved, and says what it cannot do.

As a case of `tests/layers` it is held to the rules of all others.
"""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.layers.own_parts import EXAMPLE
from tests.layers.weights import randomize

pytestmark = pytest.mark.tensorflow_only


def test_saved_and_loaded(tmp_path):
    query, value = keras.Input((None, 4)), keras.Input((None, 4))
    layer = ka.Attention(EXAMPLE.BiasedDotScore("ones"), "sparsemax", num_heads=2)
    model = keras.Model([query, value], layer(query, value))
    randomize(model)
    data = list(np.random.default_rng(0).normal(size=(2, 3, 5, 4)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-6)
    (score,) = [x.score for x in again.layers if hasattr(x, "score")]
    assert isinstance(score.initializer, keras.initializers.Ones)


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match="same depth. Received: 4 and 6"):
        ka.Attention(EXAMPLE.BiasedDotScore())(np.ones((1, 2, 4)), np.ones((1, 3, 6)))
