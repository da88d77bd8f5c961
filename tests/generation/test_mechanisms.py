"""Beams of mechanisms that carry a state: each hypothesis keeps its own."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases

MECHANISMS = {
    "coverage": lambda: ka.Attention(ka.scores.CoverageScore(6)),
    "location_sensitive": lambda: ka.Attention(
        ka.scores.LocationSensitiveScore(6, filters=3, width=3, sources="both"),
        num_heads=2,
    ),
    "local_m": lambda: ka.Attention(
        "dot", ka.alignments.LocalMonotonicAlignment(window=1)
    ),
    "mocha": lambda: ka.Attention(
        "additive", ka.alignments.MochaAlignment(2, mode="soft")
    ),
    "hard_monotonic": lambda: ka.Attention("additive", "monotonic"),
    "gmm_v2_forward_transition": lambda: ka.Attention("gmm_v2", "forward_transition"),
    "sparsemax": lambda: ka.Attention("general", "sparsemax"),
    **{name: cases.OWN[name].make for name in ("own_inhibited", "own_lagging")},
}


# A state of the score, of the alignment with more than its weights; the others come
# with `make test-mechanisms`.
ALWAYS = ("coverage", "mocha")
NAMES = [
    pytest.param(name, marks=() if name in ALWAYS else pytest.mark.mechanisms)
    for name in MECHANISMS
]


@pytest.mark.parametrize("name", NAMES)
def test_hypotheses_score_as_when_forced(name):
    keras.utils.set_random_seed(11)
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(keras.layers.GRUCell(8), MECHANISMS[name](), order="luong"),
        source_vocabulary_size=9,
        target_vocabulary_size=7,
        embedding_dim=5,
    )
    random = np.random.default_rng(0)
    for v in model.weights:
        v.assign(random.normal(scale=0.8, size=v.shape))
    source = np.array([[3, 4, 5, 6, 2], [7, 8, 2, 0, 0], [5, 2, 0, 0, 0]])
    options = ka.GenerationOptions(
        beam_size=[3, 4, 2], alternatives=[3, 4, 2], max_length=6, length_penalty=0.5
    )
    found = model.generate(source, options)
    ids, lengths = np.asarray(found.ids), np.asarray(found.lengths)
    assert len({tuple(row) for row in ids[1]}) == 4
    for place in range(ids.shape[1]):
        there = lengths[:, place] > 0
        scores = model.score(source, ids[:, place])
        forced = np.asarray(scores.log_probs)[there]
        assert_allclose(forced, np.asarray(found.log_probs)[there, place], atol=1e-5)
        width = np.asarray(scores.weights).shape[-2]
        weights = np.asarray(found.weights)[:, place][..., :width, :]
        assert_allclose(weights[there], np.asarray(scores.weights)[there], atol=1e-5)
