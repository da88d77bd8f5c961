"""A class from outside the library is held to the rules of those inside."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.examples.test_examples import EXAMPLES
from tests.layers import (
    cases,
    test_attention_oracle,
    test_gradients,
    test_padding,
    test_precision,
    test_steps,
)
from tests.layers.attention_case import AttentionCase, D
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize, weight
from tests.reference import scores

pytestmark = pytest.mark.tensorflow_only

RULES = {
    "equation": lambda: test_attention_oracle.test_equations("own", 2, "float64"),
    "padding": lambda: test_padding.test_attention("own", 2, "float32"),
    "steps": lambda: test_steps.test_attention("own", 2),
    "gradients": lambda: test_gradients.test_attention("own", 2),
    "half precision": lambda: (
        test_precision.test_attention_outputs_are_in_the_compute_dtype(
            "own", 2, "mixed_bfloat16"
        )
    ),
}


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return __import__("04_own_score")


def _energies(layer, query, keys, heads):
    return scores.dot(query + weight(layer, "u"), keys, heads)


@pytest.mark.parametrize("rule", RULES)
def test_rules(example, monkeypatch, rule):
    def make(dtype=None, **layer):
        return ka.Attention(example.BiasedDotScore(dtype=dtype), dtype=dtype, **layer)

    case = AttentionCase(make, _energies, "own", key_depth=D)
    monkeypatch.setitem(cases.ATTENTIONS, "own", case)
    RULES[rule]()


def test_saved_and_loaded(example, tmp_path):
    query, value = keras.Input((None, 4)), keras.Input((None, 4))
    layer = ka.Attention(example.BiasedDotScore("ones"), "sparsemax", num_heads=2)
    model = keras.Model([query, value], layer(query, value))
    randomize(model)
    data = list(np.random.default_rng(0).normal(size=(2, 3, 5, 4)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-6)


def test_another_depth_is_refused(example):
    with pytest.raises(ValueError, match="same depth. Received: 4 and 6"):
        ka.Attention(example.BiasedDotScore())(np.ones((1, 2, 4)), np.ones((1, 3, 6)))
