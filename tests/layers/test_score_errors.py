"""Arguments of the scores that mean nothing: named, with what was received."""

import numpy as np
import pytest

import keras_attention as ka

INF, NAN = float("inf"), float("nan")
NO_INTEGER = (0, -1, 2.5, "2", True)
NO_NUMBER = (0.0, -1.0, INF, NAN, "2", True)
S = ka.scores
COUNTS = [
    *[(name, "units") for name in ("additive", "concat", "coverage")],
    *[("location_sensitive", name) for name in ("units", "filters", "width")],
    ("location", "max_length"),
    *[("gmm_v2", name) for name in ("components", "units")],
    *[
        ("dynamic_convolution", name)
        for name in ("units", "filters", "width", "prior_steps")
    ],
]
NUMBERS = [
    ("gmm_v0", "initial_step"),
    ("gmm_v1", "initial_width"),
    ("dynamic_convolution", "prior_alpha"),
    ("dynamic_convolution", "prior_beta"),
]
TABLE = [
    *[(score, argument, NO_INTEGER, "a positive") for score, argument in COUNTS],
    *[(score, argument, NO_NUMBER, "a positive number") for score, argument in NUMBERS],
    ("location_sensitive", "width", (2, 30), "a positive odd integer"),
    ("dynamic_convolution", "width", (2, 30), "a positive odd integer"),
    ("location_sensitive", "sources", ("current", None), "one of .*'previous'"),
    ("cosine", "sharpness", (*NO_NUMBER, "key", None), "a positive number"),
    ("dot", "scale", ("root", 2.0), "one of"),
    ("general", "scale", ("root", 2.0), "one of"),
]


@pytest.mark.parametrize("score, argument, values, expected", TABLE)
def test_bad_arguments(score, argument, values, expected):
    for value in values:
        with pytest.raises(ValueError, match=f"`{argument}` must be {expected}") as e:
            S.get(score, **{argument: value})
        assert f"Received: {argument}={value!r}" in str(e.value)


def test_versions_of_the_mixture():
    for version in ("v3", "V2", 2, None):
        with pytest.raises(ValueError, match="`version` must be one of .*'v2'") as e:
            S.GaussianMixtureScore(version)
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
