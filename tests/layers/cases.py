"""What the suites run over: every score with its oracle, every cell, every decoder.

A new score, alignment or order is added here once and then held to all rules;
`test_registry.py` fails while a registered name has no case.
"""

import numpy as np

import keras_attention as ka
from tests.layers.attention_case import (
    DV,
    AttentionCase,
    B,
    D,
    S,
    T,
    U,
    additive,
    general,
    with_score,
)
from tests.layers.carried_cases import CARRIED, POSITIONS, WINDOWED
from tests.layers.weights import weight
from tests.reference import alignments as rows
from tests.reference import scores


def _additive_bias(layer, query, keys, heads):
    parts = weight(layer, "query/kernel"), weight(layer, "key/kernel")
    v, b = weight(layer, "v"), weight(layer, "b")
    return scores.additive(query, keys, *parts, v, b, heads)


def _normalized(layer, query, keys, heads):
    parts = weight(layer, "query/kernel"), weight(layer, "key/kernel")
    v, g, b = weight(layer, "v"), weight(layer, "g"), weight(layer, "b")
    return scores.normalized_additive(query, keys, *parts, v, g, b, heads)


def _layer_normalized(layer, query, keys, heads):
    return scores.layer_normalized_additive(
        query,
        keys,
        (weight(layer, "query/kernel"), weight(layer, "query_norm/gamma")),
        (weight(layer, "key/kernel"), weight(layer, "key_norm/gamma")),
        weight(layer, "v"),
        weight(layer, "b"),
        heads,
    )


def _both_normalized(layer, query, keys, heads):
    v, g = weight(layer, "v"), weight(layer, "g")
    return scores.layer_normalized_additive(
        query,
        keys,
        (weight(layer, "query/kernel"), weight(layer, "query_norm/gamma")),
        (weight(layer, "key/kernel"), weight(layer, "key_norm/gamma")),
        g * v / np.linalg.norm(v),
        weight(layer, "b"),
        heads,
    )


def _concat(layer, query, keys, heads):
    return scores.concat(
        query, keys, weight(layer, "kernel"), weight(layer, "v"), heads
    )


def _dot(scale=None):
    def energies(layer, query, keys, heads):
        g = weight(layer, "g") if scale == "learned" else None
        depth = query.shape[-1] // heads
        return scores.scaled(scores.dot(query, keys, heads), scale, depth, g)

    return energies


def _zero(layer, query, keys, heads):
    return np.zeros((len(query), heads, query.shape[1], keys.shape[1]))


def _bahdanau(**options):
    return lambda **layer: ka.BahdanauAttention(U, **options, **layer)


def _luong(score, **options):
    return lambda **layer: ka.LuongAttention(score, **options, **layer)


def _composed(score):
    return lambda **layer: ka.Attention(score, **layer)


ATTENTIONS = {
    "bahdanau": AttentionCase(_bahdanau(), additive, "additive"),
    "bahdanau_bias": AttentionCase(
        _bahdanau(use_bias=True), _additive_bias, "additive"
    ),
    "bahdanau_norm": AttentionCase(_bahdanau(normalize=True), _normalized, "additive"),
    "bahdanau_layer_norm": AttentionCase(
        _bahdanau(layer_normalize=True, use_bias=True), _layer_normalized, "additive"
    ),
    "bahdanau_both_norms": AttentionCase(
        _bahdanau(layer_normalize=True, normalize=True), _both_normalized, "additive"
    ),
    "luong_dot": AttentionCase(_luong("dot"), _dot(), "dot", key_depth=D),
    "luong_dot_sqrt": AttentionCase(
        _luong("dot", scale="sqrt"), _dot("sqrt"), "dot", key_depth=D
    ),
    "luong_dot_learned": AttentionCase(
        _luong("dot", scale="learned"), _dot("learned"), "dot", key_depth=D
    ),
    "luong_general": AttentionCase(_luong("general"), general(), "general"),
    "luong_general_sqrt": AttentionCase(
        _luong("general", scale="sqrt"), general("sqrt"), "general"
    ),
    "luong_general_learned": AttentionCase(
        _luong("general", scale="learned"), general("learned"), "general"
    ),
    "luong_general_query": AttentionCase(
        _luong("general", side="query", scale="sqrt"), general("sqrt"), "general"
    ),
    "luong_concat": AttentionCase(_luong("concat", units=U), _concat, "concat"),
    "zero": AttentionCase(_composed("zero"), _zero, "zero"),
    "composed": AttentionCase(_composed("general"), general(), "general"),
    "fixed": AttentionCase(
        lambda num_heads=1, **layer: ka.FixedContext(**layer), _zero, "zero", "last"
    ),
}

MAX_LENGTH = 4


def _cosine(sharpness):
    def energies(layer, query, keys, heads):
        plain = scores.cosine(query, keys, heads)
        if sharpness == "learned":
            return plain * weight(layer, "g")[None, :, None, None]
        if sharpness == "query":
            kernel = weight(layer, "sharpness/kernel")
            emitted = query @ kernel + weight(layer, "sharpness/bias")
            beta = np.log1p(np.exp(emitted))  # [B, T, H]
            return plain * np.transpose(beta, (0, 2, 1))[..., None]
        return plain * sharpness

    score = lambda dtype: ka.scores.CosineScore(sharpness, dtype=dtype)  # noqa: E731
    return AttentionCase(with_score(score), energies, "cosine", key_depth=D)


def _location(layer, query, keys, heads):
    kernel = weight(layer, "kernel")
    return scores.location(query, kernel, keys.shape[1], MAX_LENGTH, heads)


def _parts(layer):
    names = ("query/kernel", "key/kernel", "v", "b")
    return [weight(layer, f"additive/{name}") for name in names]


def _coverage(layer, query, key, value, value_mask, query_mask, heads):
    w_c = weight(layer, "w_c")

    def feature(history, part, positions):
        total = np.sum([np.zeros(positions), *history], axis=0)
        return total[:, None] * w_c[part]

    return scores.with_memory(
        query, key, _parts(layer), feature, value_mask, query_mask, heads
    )


def _location_sensitive(sources):
    def weights(layer, query, key, value, value_mask, query_mask, heads):
        filters, location = weight(layer, "filters"), weight(layer, "location")

        def feature(history, part, positions):
            past = [np.zeros(positions), *history]
            channels = {
                "previous": [past[-1]],
                "cumulative": [np.sum(past, axis=0)],
                "both": [past[-1], np.sum(past, axis=0)],
            }[sources]
            found = scores.convolved(np.stack(channels, axis=-1), filters)
            return found @ location[:, part]

        return scores.with_memory(
            query, key, _parts(layer), feature, value_mask, query_mask, heads
        )

    def score(dtype):
        return ka.scores.LocationSensitiveScore(
            U, filters=3, width=3, sources=sources, dtype=dtype
        )

    return AttentionCase(with_score(score), None, "location_sensitive", weights=weights)


ATTENTIONS |= {
    "cosine": _cosine("learned"),
    "cosine_query": _cosine("query"),
    "cosine_fixed": _cosine(3.0),
    "location": AttentionCase(
        with_score(lambda dtype: ka.scores.LocationScore(MAX_LENGTH, dtype=dtype)),
        _location,
        "location",
    ),
    "coverage": AttentionCase(
        with_score(lambda dtype: ka.scores.CoverageScore(U, dtype=dtype)),
        None,
        "coverage",
        weights=_coverage,
    ),
    "location_sensitive": _location_sensitive("previous"),
    "location_sensitive_sum": _location_sensitive("cumulative"),
    "location_sensitive_both": _location_sensitive("both"),
}
WINDOW = 1


def _aligned(name, row, **options):
    """The general score with another alignment."""

    def make(dtype=None, **layer):
        alignment = ka.alignments.get(name, dtype=dtype, **options)
        return ka.Attention("general", alignment, dtype=dtype, **layer)

    return AttentionCase(make, general(), "general", name, row=row)


def _entmax_alpha(layer, head):
    logit = weight(layer, "alpha_logit")[head]
    return 1.01 + 0.99 / (1 + np.exp(-logit))


def _local_p(layer, energies, query, head, place):
    kernel, v = weight(layer, "position/kernel"), weight(layer, "v_p")
    return rows.local_p(energies, query, kernel, v, WINDOW)


ALIGNED = {
    "sigmoid": _aligned("sigmoid", lambda layer, e, *_: rows.sigmoid(e)),
    "sparsemax": _aligned("sparsemax", lambda layer, e, *_: rows.sparsemax(e)),
    "entmax15": _aligned("entmax15", lambda layer, e, *_: rows.entmax(e, 1.5)),
    "entmax": _aligned(
        "entmax",
        lambda layer, e, q, head, _: rows.entmax(e, _entmax_alpha(layer, head)),
    ),
    "entmax_3": _aligned("entmax", lambda layer, e, *_: rows.entmax(e, 3.0), alpha=3.0),
    "softmax_sharp": _aligned(
        "softmax", lambda layer, e, *_: rows.softmax(e, 0.5), temperature=0.5
    ),
    "hard": _aligned("hard", lambda layer, e, *_: rows.hard(e)),
    "local_m": _aligned(
        "local_m",
        lambda layer, e, q, head, place: rows.local_m(e, place, WINDOW),
        window=WINDOW,
    ),
    "local_p": _aligned("local_p", _local_p, window=WINDOW, units=U),
    "gumbel": _aligned("gumbel", lambda layer, e, *_: rows.hard(e)),
}
ATTENTIONS |= ALIGNED | CARRIED | WINDOWED | POSITIONS

# One of each arithmetic, for suites that multiply it with other choices.
SCORES = ["bahdanau", "bahdanau_norm", "luong_dot", "luong_general", "luong_concat"]
HEADS = [(name, heads) for name in ATTENTIONS for heads in (1, 2)]
HEADS.remove(("fixed", 2))
# Variants, and what treats all heads alike, are held to the rules once.
for _name in (
    *(*ALIGNED, *CARRIED, *WINDOWED, *POSITIONS),
    *("cosine_query", "cosine_fixed", "bahdanau_layer_norm", "bahdanau_both_norms"),
    *("location_sensitive_sum", "location_sensitive_both"),
):
    HEADS.remove((_name, 1))
# The same class with other arguments: held to its equation and its gradients, not to
# what takes long and the class does in one place.
_VARIANTS = (
    *("bahdanau_bias", "bahdanau_both_norms", "composed", "luong_general_query"),
    *("cosine_query", "cosine_fixed", "entmax_3"),
    *("luong_dot_sqrt", "luong_dot_learned", "softmax_sharp"),
    *("luong_general_sqrt", "luong_general_learned", "gmm_v0", "gmm_v1"),
    *("location_sensitive_sum", "location_sensitive_both"),
    *("window_median", "window_mean"),
)
DISTINCT = [(name, heads) for name, heads in HEADS if name not in _VARIANTS]


def inputs(case, batch=B, steps=T, positions=S, seed=5):
    """``query [B, T, D]``, ``value [B, S, DV]``, ``key [B, S, Dk]``, float64."""
    random = np.random.default_rng(seed)
    query = random.normal(size=(batch, steps, D))
    value = random.normal(size=(batch, positions, DV))
    key = random.normal(size=(batch, positions, ATTENTIONS[case].key_depth))
    return query, value, key


def masks(batch=B, steps=T, positions=S):
    """A query mask with holes; a value mask with a hole, and one row all False."""
    value_mask = np.ones((batch, positions), bool)
    value_mask[0, -2:] = False
    value_mask[1, 0] = False
    value_mask[2] = False
    query_mask = np.ones((batch, steps), bool)
    query_mask[0, -1] = False
    query_mask[1, 1] = False
    return query_mask, value_mask
