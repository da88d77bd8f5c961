"""Mechanisms that carry a state: alignments that move forward, scores of positions."""

import numpy as np

import keras_attention as ka
from tests.layers.attention_case import AttentionCase, U, additive, general, with_score
from tests.layers.weights import weight
from tests.reference import alignments, locations, monotonic, windows


def _carried(name, step, score="general", energies=None, num_energies=1, **options):
    """An alignment that carries its weights on, with a score that has no state.

    ``step(layer, energies, previous, head, query, context)`` of the valid positions
    gives the weights and what is carried; ``energies [num_energies, S]`` are a head's.
    """
    energies = energies or general()

    def make(dtype=None, **layer):
        made = {"additive": {"units": U}}.get(score, {})
        return ka.Attention(
            ka.scores.get(score, dtype=dtype, **made),
            ka.alignments.get(name, dtype=dtype, **options),
            dtype=dtype,
            **layer,
        )

    def weights(layer, query, key, value, value_mask, query_mask, heads):
        found = energies(layer, query, key, num_energies * heads)

        def one(b, t, h, previous, context):
            own = found[b, h::heads, t][:, value_mask[b]]
            before = query[b, : t + 1][query_mask[b, : t + 1]][-2:]
            return step(layer, own, previous, h, before[0], context)

        return monotonic.over_steps(query, value, value_mask, query_mask, heads, one)

    return AttentionCase(make, None, score, name, weights=weights)


def _probabilities(layer, energies, head):
    return monotonic.sigmoid(energies + weight(layer, "score_bias")[head])


def _monotonic(layer, energies, previous, head, *_):
    found = monotonic.monotonic(_probabilities(layer, energies[0], head), previous)
    return found, found


def _mocha(layer, energies, previous, head, *_):
    stops = monotonic.monotonic(_probabilities(layer, energies[0], head), previous)
    return monotonic.chunkwise(stops, energies[1], 2), stops


def _stepwise(layer, energies, previous, head, *_):
    found = monotonic.stepwise(_probabilities(layer, energies[0], head), previous)
    return found, found


def _forward(layer, energies, previous, *_):
    found = monotonic.forward(energies[0], previous)
    return found, found


def _forward_transition(layer, energies, previous, head, query, context):
    move = 0.5
    if context is not None:
        seen = np.concatenate([context, query]) @ weight(layer, "transition/kernel")
        move = monotonic.sigmoid(seen + weight(layer, "transition/bias"))[head]
    found = monotonic.forward(energies[0], previous, move)
    return found, found


CARRIED = {
    "monotonic": _carried("monotonic", _monotonic, mode="soft"),
    "mocha": _carried(
        "mocha", _mocha, "additive", additive, 2, mode="soft", chunk_size=2
    ),
    "stepwise_monotonic": _carried("stepwise_monotonic", _stepwise, mode="soft"),
    "forward": _carried("forward", _forward),
    "forward_transition": _carried("forward_transition", _forward_transition),
}


def _windowed(centre, inner, row, **options):
    """An alignment in a window around where its weights were."""

    def step(layer, energies, previous, *_):
        found = windows.window(energies[0], previous, 1, 2, centre, row)
        return found, found

    options |= {"before": 1, "after": 2, "centre": centre, "when": "always"}
    return _carried("window", step, alignment=inner, **options)


WINDOWED = {
    "window": _windowed("argmax", "softmax", alignments.softmax),
    "window_median": _windowed(
        "median", "entmax15", lambda energies: alignments.entmax(energies, 1.5)
    ),
    "window_mean": _windowed("mean", "sigmoid", alignments.sigmoid),
}


def _mixture(version, alignment="softmax", **options):
    def make(dtype=None, **layer):
        score = ka.scores.GaussianMixtureScore(
            version, components=2, units=U, dtype=dtype, **options
        )
        made = ka.alignments.get(alignment, dtype=dtype)
        return ka.Attention(score, made, dtype=dtype, **layer)

    def weights(layer, query, key, value, value_mask, query_mask, heads):
        names = ("hidden/kernel", "hidden/bias", "mixture")
        parts = [weight(layer, name) for name in names]
        biases = [
            weight(layer, name) if options else np.zeros(2 * heads)
            for name in ("step_bias", "width_bias")
        ]
        return locations.mixture_weights(
            version,
            query,
            [*parts, *biases],
            value_mask,
            query_mask,
            heads,
            alignment == "softmax",
        )

    return AttentionCase(make, None, f"gmm_{version}", alignment, weights=weights)


def _dynamic_convolution(layer, query, key, value, value_mask, query_mask, heads):
    names = ("static", "dynamic/kernel", "dynamic/bias", "dynamic_filters", "location")
    parts = [weight(layer, name) for name in (*names, "b", "v")]
    prior = locations.beta_binomial(3, 0.1, 0.9)
    return locations.dynamic_convolution_weights(
        query, parts, prior, value_mask, query_mask, heads
    )


POSITIONS = {
    "gmm_v0": _mixture("v0"),
    "gmm_v1": _mixture("v1"),
    "gmm_v2": _mixture("v2"),
    "gmm_v2b_exp": _mixture("v2", "exp", initial_step=1.0, initial_width=2.0),
    "dynamic_convolution": AttentionCase(
        with_score(
            lambda dtype: ka.scores.DynamicConvolutionScore(
                U, filters=2, width=3, prior_steps=3, dtype=dtype
            )
        ),
        None,
        "dynamic_convolution",
        weights=_dynamic_convolution,
    ),
}
