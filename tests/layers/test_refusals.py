"""Bad arguments of scores and alignments: named, with what was received."""

import numpy as np
import pytest

import keras_attention as ka
from tests.layers.cases import ENTRIES

TABLE = [
    (room, name, argument)
    for room in (ka.scores, ka.alignments)
    for name, entry in ENTRIES[room.registry.kind].items()
    for argument in entry.refuses
]


@pytest.mark.parametrize(
    "room, name, argument", TABLE, ids=[f"{name}-{x}" for _, name, x in TABLE]
)
def test_bad_arguments(room, name, argument):
    values, expected = ENTRIES[room.registry.kind][name].refuses[argument]
    for value in values:
        with pytest.raises(ValueError, match=f"`{argument}` must be {expected}") as e:
            room.get(name, **{argument: value})
        assert f"Received: {argument}={value!r}" in str(e.value)


def test_versions_of_the_mixture():
    for version in ("v3", "V2", 2, None):
        with pytest.raises(ValueError, match="`version` must be one of .*'v2'") as e:
            ka.scores.GaussianMixtureScore(version)
        assert f"Received: version={version!r}" in str(e.value)


@pytest.mark.parametrize("score", ["cosine", "dot"])
def test_depths_that_are_compared_have_to_be_the_same(score):
    query, key = np.ones((1, 2, 6), "float32"), np.ones((1, 3, 4), "float32")
    with pytest.raises(ValueError, match="same depth. Received: query 6, key 4"):
        ka.Attention(score)(query, key)


@pytest.mark.parametrize(
    "score, what",
    [
        ("cosine", "the depth of the query"),
        ("dot", "the depth of the query"),
        ("general", "the depth of the query"),
        ("additive", "`units`"),
        ("concat", "`units`"),
        ("dynamic_convolution", "`units`"),
    ],
)
def test_heads_have_to_divide(score, what):
    query = np.ones((1, 2, 6), "float32")
    layer = ka.Attention(score, num_heads=4)
    with pytest.raises(ValueError, match=f"divide {what}.*of 6. Received: num_heads=4"):
        layer.score.build(query.shape, query.shape)


@pytest.mark.parametrize("score", ka.scores.names())
def test_exponentials_of_what_is_no_log_weight(score):
    if score in ka.scores.registry.names(log_weights=True):
        ka.Attention(score, "exp")
        return
    with pytest.raises(ValueError, match=f"logarithms of weights.*score='{score}'"):
        ka.Attention(score, "exp")
