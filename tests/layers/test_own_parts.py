"""Parts from outside the library are saved, and the page that shows one runs.

As cases they are held to the rules of all others.
"""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.layers import cases, own_parts
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.parametrize("name", cases.OWN)
def test_saved_and_loaded(tmp_path, name):
    query, value = keras.Input((None, 4)), keras.Input((None, 4))
    model = keras.Model([query, value], cases.OWN[name].make(num_heads=2)(query, value))
    randomize(model)
    data = list(np.random.default_rng(0).normal(size=(2, 3, 5, 4)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-6)


@pytest.mark.slow
def test_the_page_runs():
    exec("".join(own_parts.BLOCKS), {"__name__": "page"})
