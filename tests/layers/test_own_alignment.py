"""Alignments from outside the library are held to the rules of those inside."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import test_mechanisms
from tests.layers import (
    cases,
    test_attention_oracle,
    test_compiled,
    test_gradients,
    test_padding,
    test_precision,
    test_steps,
)
from tests.layers.attention_case import AttentionCase, general
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize, weight
from tests.reference.alignments import softmax

pytestmark = pytest.mark.tensorflow_only

PAGE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def _inhibited(**layer):
    """The class that the page shows."""
    (block,) = [x for x in BLOCKS if "class InhibitedAlignment" in x]
    page = {"__name__": "page", "ka": ka}
    exec(block[: block.index("attention = ")], page)
    return page["InhibitedAlignment"](**layer)


@keras.saving.register_keras_serializable(package="tests")
class LaggingAlignment(ka.alignments.CarriedAlignment):
    """a_t = (softmax(e_t) + a_{t-1}) / 2, from nothing."""

    def __init__(self, **layer):
        super().__init__(**layer)
        self.softmax = ka.alignments.get("softmax")

    def initial_state(self, mask, num_heads):
        nothing = ops.zeros_like(mask, dtype=self.variable_dtype)
        return ops.stack([nothing] * num_heads, axis=1)

    def advance(self, energies, mask, query, state, training=False):
        energies = ops.cast(energies, state.dtype)
        soft = self.softmax.align(energies, mask, query, ())
        weights = (soft + ops.expand_dims(state, 2)) / 2
        return weights, ops.squeeze(weights, 2)


def _less(layer, energies, state, head):
    found = softmax(energies - weight(layer, "b")[head, 0, 0] * state)
    return found, state + found


def _late(layer, energies, state, head):
    found = (softmax(energies) + state) / 2
    return found, found


OWN = {"Alignment": (_inhibited, _less), "CarriedAlignment": (LaggingAlignment, _late)}


def _case(kind):
    alignment, step = OWN[kind]

    def make(dtype=None, **layer):
        return ka.Attention("general", alignment(dtype=dtype), dtype=dtype, **layer)

    def weights(layer, query, key, value, value_mask, query_mask, heads):
        energies = general()(layer, query, key, heads)
        found = np.zeros(energies.shape)
        for b, h in np.ndindex(energies.shape[:2]):
            (valid,) = np.nonzero(value_mask[b])
            state = np.zeros(len(valid))
            for t in np.flatnonzero(query_mask[b]) if len(valid) else ():
                row, state = step(layer, energies[b, h, t, valid], state, h)
                found[b, h, t, valid] = row
        return found

    return AttentionCase(make, None, "general", "own", weights=weights)


RULES = {
    "equation": lambda: test_attention_oracle.test_equations("own", 2, "float64"),
    "padding": lambda: test_padding.test_attention("own", 2, "float32"),
    "steps": lambda: test_steps.test_attention("own", 2),
    "gradients": lambda: test_gradients.test_attention("own", 2),
    "xla": lambda: test_compiled.test_attention("own", 2, "xla"),
    "no rows": lambda: test_compiled.test_zero_rows_eagerly("own", 2),
    "half precision": lambda: (
        test_precision.test_attention_outputs_are_in_the_compute_dtype(
            "own", 2, "mixed_bfloat16"
        )
    ),
    "beams": lambda: test_mechanisms.test_hypotheses_score_as_when_forced("own"),
}


SLOWER = ("xla", "beams")
NAMES = [
    pytest.param(rule, marks=pytest.mark.mechanisms if rule in SLOWER else ())
    for rule in RULES
]


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("rule", NAMES)
def test_rules(monkeypatch, rule, kind):
    case = _case(kind)
    monkeypatch.setitem(cases.ATTENTIONS, "own", case)
    monkeypatch.setitem(test_mechanisms.MECHANISMS, "own", case.make)
    RULES[rule]()


@pytest.mark.parametrize("kind", OWN)
def test_saved_and_loaded(tmp_path, kind):
    query, value = keras.Input((None, 4)), keras.Input((None, 4))
    model = keras.Model([query, value], _case(kind).make(num_heads=2)(query, value))
    randomize(model)
    data = list(np.random.default_rng(0).normal(size=(2, 3, 5, 4)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-6)


@pytest.mark.slow
def test_the_page_runs():
    exec("".join(BLOCKS), {"__name__": "page"})
