"""Queries that are infinite or no numbers change nothing but their own rows."""

import keras
import numpy as np
import pytest

from tests.layers import cases
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

BAD = (np.nan, np.inf, -np.inf)
# Where in its row the bad query of each of the first rows stands.
STEP = 1


@pytest.mark.parametrize("name, heads", cases.DISTINCT)
def test_bad_queries_affect_their_own_row_alone(name, heads):
    layer = cases.ATTENTIONS[name].make(num_heads=heads)
    query, value, key = (x.astype("float32") for x in cases.inputs(name, batch=5))
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)
    spoilt = query.copy()
    for row, bad in enumerate(BAD):
        spoilt[row, STEP] = bad

    def run(query):
        return to_numpy(layer(query, value, key, return_attention_scores=True))

    # The oracles say what the numbers are; here they have to be the same to the bit.
    stateless = not keras.tree.flatten(
        layer.initial_state(layer.precompute(value, key))
    )
    for found, wanted in zip(run(spoilt), run(query), strict=True):
        if found.ndim == 4:
            found, wanted = (np.swapaxes(x, 1, 2) for x in (found, wanted))
        assert np.isfinite(wanted).all()
        np.testing.assert_array_equal(found[len(BAD) :], wanted[len(BAD) :])
        for row in range(len(BAD)):
            others = [t for t in range(cases.T) if t < STEP or stateless and t > STEP]
            np.testing.assert_array_equal(found[row, others], wanted[row, others])
