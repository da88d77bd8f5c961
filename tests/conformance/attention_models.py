"""Functional models of every attention, score and alignment."""

import keras

import keras_attention as ka
from tests.conformance.golden import D, Golden, S, U, arrays, given


def build():
    """name -> `Golden`."""
    return {
        "bahdanau": _attentions(
            {"bahdanau": ka.BahdanauAttention(U, normalize=True, num_heads=2)}
        ),
        "luong": _attentions(
            {
                "general": ka.LuongAttention("general", scale="learned"),
                "query_side": ka.LuongAttention("general", side="query", num_heads=2),
                "concat": ka.LuongAttention("concat", units=U),
            }
        ),
        "scores": _attentions(_scores()),
        "alignments": _attentions(_alignments()),
        "gmm_exponential": _attentions(
            {
                "gmm_v2": ka.Attention(
                    ka.scores.GaussianMixtureScore(
                        "v2", components=2, initial_step=1.0, initial_width=2.0
                    ),
                    "exp",
                    num_heads=2,
                )
            }
        ),
        "mocha": _attentions(
            {
                "mocha": ka.Attention(
                    ka.scores.AdditiveScore(U), _mocha("soft"), num_heads=2
                )
            }
        ),
        "window": _attentions(
            {
                centre: ka.Attention(
                    "general", ka.alignments.WindowAlignment(inner, 1, 2, centre)
                )
                for centre, inner in (("argmax", "softmax"), ("median", "entmax15"))
            }
        ),
    }


def _mocha(mode):
    return ka.alignments.MochaAlignment(mode=mode, chunk_size=2)


def _scores():
    found = {
        "location_sensitive": ka.scores.LocationSensitiveScore(
            U, filters=3, width=3, sources="both"
        ),
        "coverage": ka.scores.CoverageScore(U),
        "concat": ka.scores.ConcatScore(U),
        "layer_normalized": ka.scores.AdditiveScore(U, layer_normalize=True),
        "location": ka.scores.LocationScore(S),
        "dynamic_convolution": ka.scores.DynamicConvolutionScore(
            U, filters=2, width=3, prior_steps=3
        ),
        "cosine": ka.scores.CosineScore("query"),
        "dot": ka.scores.DotScore(scale="sqrt"),
        "gmm_v0": "gmm_v0",
        "gmm_v1": "gmm_v1",
    }
    attentions = {name: ka.Attention(score) for name, score in found.items()}
    return attentions | {"fixed": ka.FixedContext(), "zero": ka.Attention("zero")}


def _alignments():
    found = {
        "sigmoid": "sigmoid",
        "sharp": ka.alignments.SoftmaxAlignment(temperature=0.5),
        "sparsemax": "sparsemax",
        "entmax15": "entmax15",
        "entmax": "entmax",
        "hard": "hard",
        "gumbel": "gumbel",
        "local_m": ka.alignments.LocalMonotonicAlignment(window=1),
        "local_p": ka.alignments.LocalPredictiveAlignment(window=1, units=U),
        "monotonic": ka.alignments.MonotonicAlignment(mode="soft"),
        "monotonic_hard": ka.alignments.MonotonicAlignment(mode="hard"),
        "mocha_hard": _mocha("hard"),
        "stepwise": ka.alignments.StepwiseMonotonicAlignment(mode="soft"),
        "forward": "forward",
        "forward_transition": "forward_transition",
        "last": "last",
    }
    return {name: ka.Attention("general", made) for name, made in found.items()}


def _attentions(layers):
    """Every layer's context and weights for the same query and value."""
    inputs = given()
    query, value, mask = inputs.values()
    outputs = {}
    for name, layer in layers.items():
        # Dot products compare vectors of one depth.
        keyed = name in ("dot", "cosine")
        key = keras.layers.Dense(D)(value) if keyed else value
        context, weights = layer(
            query, value, key, value_mask=mask, return_attention_scores=True
        )
        outputs |= {name: context, f"{name}_weights": weights}
    return Golden(keras.Model(inputs, outputs), arrays())
