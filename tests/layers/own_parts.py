"""Parts from outside the library, as users write them, with the oracle of each."""

import functools
import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
from keras import ops

import keras_attention as ka
from tests.reference.alignments import softmax
from tests.reference.entries import Case, D, Mechanism
from tests.reference.scores import dot, general_energies

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "layers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def _of_the_page():
    """The class that the page on layers shows."""
    (block,) = [x for x in BLOCKS if "class InhibitedAlignment" in x]
    page = {"__name__": "page", "ka": ka}
    exec(block[: block.index("attention = ")], page)
    return page["InhibitedAlignment"]


def _of_the_example():
    """The module of the example."""
    path = ROOT / "examples" / "04_own_score.py"
    spec = importlib.util.spec_from_file_location("own_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        soft = ops.cast(self.softmax.align(energies, mask, query, ()), state.dtype)
        weights = (soft + ops.expand_dims(state, 2)) / 2
        return weights, ops.squeeze(weights, 2)


@keras.saving.register_keras_serializable(package="tests")
class DistanceScore(ka.scores.Score):
    """Minus the squared distance, saved as Keras' own layers are."""

    def __init__(self, sharpness=1.0, **layer):
        super().__init__(**layer)
        self.beta = sharpness

    def get_config(self):
        return super().get_config() | {"sharpness": self.beta}

    def precompute(self, key):
        return key

    def energies(self, query, keys, state):
        difference = ops.expand_dims(query, 2) - ops.expand_dims(keys, 1)
        energies = ops.expand_dims(-ops.sum(difference**2, axis=-1), 1) * self.beta
        return ops.repeat(energies, self.num_heads, axis=1)


EXAMPLE = _of_the_example()


def _inhibited(w, energies, state, head):
    found = softmax(energies - w.alignment("b")[head, 0, 0] * state)
    return found, state + found


def _lagging(w, energies, state, head):
    found = (softmax(energies) + state) / 2
    return found, found


def _carried(alignment, step):
    def weights(w, query, key, value, value_mask, query_mask, heads):
        energies = general_energies()(w, query, key, heads)
        found = np.zeros(energies.shape)
        for b, h in np.ndindex(energies.shape[:2]):
            (valid,) = np.nonzero(value_mask[b])
            state = np.zeros(len(valid))
            for t in np.flatnonzero(query_mask[b]) if len(valid) else ():
                row, state = step(w, energies[b, h, t, valid], state, h)
                found[b, h, t, valid] = row
        return found

    return Case(Mechanism("general", alignment), weights=weights, heads=(2,))


def _biased_dot(w, query, keys, heads):
    return dot(query + w.score("u"), keys, heads)


def _distance(w, query, keys, heads):
    difference = query[:, :, None] - keys[:, None]
    return np.stack([-0.5 * (difference**2).sum(-1)] * heads, axis=1)


CASES = {
    "own_inhibited": _carried(_of_the_page(), _inhibited),
    "own_lagging": _carried(LaggingAlignment, _lagging),
    "own_biased_dot": Case(
        Mechanism(EXAMPLE.BiasedDotScore), _biased_dot, key_depth=D, heads=(2,)
    ),
    "own_distance": Case(
        Mechanism(functools.partial(DistanceScore, 0.5)),
        _distance,
        key_depth=D,
        heads=(2,),
        distinct=False,
    ),
}
