"""Every mechanism, with the settings that a generated task wants.

Scores have the alignment that goes with them, alignments have a plain score.
`tests/mechanisms` teaches each its task, `length_generalisation.py` looks at how far
what it learned reaches.
"""

from collections.abc import Callable

import keras_attention as ka


def _mixture(version: str) -> ka.Attention:
    # "GMMv2b" of its paper: without a first step they stay where they begin.
    score = ka.scores.GaussianMixtureScore(version, initial_step=1.0, initial_width=1.0)
    return ka.Attention(score, "exp")


# Each takes the length of the longest source that is asked about, its end included.
MECHANISMS: dict[str, Callable[[int], ka.Attention]] = {
    "bahdanau": lambda longest: ka.BahdanauAttention(32),
    "bahdanau_norm": lambda longest: ka.BahdanauAttention(32, normalize=True),
    "bahdanau_layer_norm": lambda longest: ka.BahdanauAttention(
        32, layer_normalize=True
    ),
    "concat": lambda longest: ka.LuongAttention("concat"),
    "dot": lambda longest: ka.LuongAttention("dot"),
    "general": lambda longest: ka.LuongAttention("general"),
    "general_heads": lambda longest: ka.LuongAttention("general", num_heads=2),
    "cosine": lambda longest: ka.Attention(ka.scores.CosineScore(10.0)),
    "coverage": lambda longest: ka.Attention("coverage"),
    "location": lambda longest: ka.Attention(ka.scores.LocationScore(longest)),
    "location_sensitive": lambda longest: ka.Attention(
        ka.scores.LocationSensitiveScore(filters=8, width=3)
    ),
    "gmm_v0": lambda longest: _mixture("v0"),
    "gmm_v1": lambda longest: _mixture("v1"),
    "gmm_v2": lambda longest: _mixture("v2"),
    "dynamic_convolution": lambda longest: ka.Attention(
        ka.scores.DynamicConvolutionScore(width=5, prior_steps=3)
    ),
    "sigmoid": lambda longest: ka.Attention("general", "sigmoid"),
    "sparsemax": lambda longest: ka.Attention("general", "sparsemax"),
    "entmax15": lambda longest: ka.Attention("general", "entmax15"),
    "entmax": lambda longest: ka.Attention("general", "entmax"),
    "hard": lambda longest: ka.Attention("additive", "hard"),
    "gumbel": lambda longest: ka.Attention("additive", "gumbel"),
    "local_m": lambda longest: ka.Attention(
        "general", ka.alignments.LocalMonotonicAlignment(1)
    ),
    "local_p": lambda longest: ka.Attention(
        "general", ka.alignments.LocalPredictiveAlignment(2)
    ),
    "monotonic": lambda longest: ka.Attention("additive", "monotonic"),
    "mocha": lambda longest: ka.Attention("additive", ka.alignments.MochaAlignment(3)),
    "stepwise_monotonic": lambda longest: ka.Attention(
        "additive", "stepwise_monotonic"
    ),
    "window": lambda longest: ka.Attention("general", "window"),
    "forward": lambda longest: ka.Attention("additive", "forward"),
    "forward_transition": lambda longest: ka.Attention(
        "additive", "forward_transition"
    ),
}
