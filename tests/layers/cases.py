"""Cases of the suites: every mechanism of the entries beside the oracles, made."""

import dataclasses
import functools

import numpy as np

import keras_attention as ka
from tests.layers import own_parts
from tests.layers.weights import weight
from tests.reference import (
    alignments,
    attention,
    earlier_weights,
    entries,
    locations,
    monotonic,
    scores,
    windows,
)
from tests.reference.entries import DV, B, D, S, T, U  # noqa: F401

# Importing these makes the entries.
ENTRIES_IN = (alignments, earlier_weights, locations, monotonic, scores, windows)
ENTRIES = {"score": entries.SCORES, "alignment": entries.ALIGNMENTS}


class Weights:
    """Weights of an attention's parts, by the ends of their paths."""

    def __init__(self, layer):
        self.score = functools.partial(weight, layer.score)
        self.alignment = functools.partial(weight, layer.alignment)


@dataclasses.dataclass(frozen=True)
class AttentionCase(entries.Case):
    """A mechanism that can be made, and what its oracle expects of it."""

    def make(self, dtype=None, **layer):
        return made(self.of, dtype, **layer)

    def expected_energies(self, layer, query, keys, heads=1):
        energies = self.energies or scores.general_energies()
        return energies(Weights(layer), query, keys, heads)

    def expected_weights(
        self, layer, query, key, value, value_mask, query_mask, heads=1
    ):
        w = Weights(layer)
        if self.weights is not None:
            arguments = (query, key, value, value_mask, query_mask, heads)
            return self.weights(w, *arguments)
        energies = self.expected_energies(layer, query, key, heads)

        def row(valid, b, h, t, place):
            if self.row is None:
                return alignments.softmax(valid)
            return self.row(w, valid, query[b, t], h, place)

        return alignments.over_rows(energies, value_mask, row, query_mask)

    def expected(self, layer, query, key, value, value_mask, query_mask, heads=1):
        """Contexts and weights ``[B, H, T, S]``; None for a mask where all is valid."""
        masks = [
            np.ones(x.shape[:2], bool) if mask is None else mask
            for x, mask in ((value, value_mask), (query, query_mask))
        ]
        weights = self.expected_weights(layer, query, key, value, *masks, heads)
        return attention.weighed(weights, value, masks[0]), weights


def made(of, dtype=None, **layer):
    """The attention that a `Mechanism` stands for."""
    if of.preset:
        if of.preset == "FixedContext":
            layer.pop("num_heads", None)
        return getattr(ka, of.preset)(**of.preset_options, dtype=dtype, **layer)
    score = of.score
    if isinstance(score, str):
        score = ka.scores.get(score, dtype=dtype, **of.score_options)
    else:
        score = score(dtype=dtype)
    alignment = of.alignment
    if isinstance(alignment, str):
        alignment = ka.alignments.get(alignment, dtype=dtype, **of.alignment_options)
    else:
        alignment = alignment(dtype=dtype)
    return ka.Attention(score, alignment, dtype=dtype, **layer)


def _made_cases(found):
    fields = [field.name for field in dataclasses.fields(entries.Case)]
    return {
        name: AttentionCase(**{field: getattr(case, field) for field in fields})
        for name, case in found.items()
    }


# What users make is held to the same rules.
OWN = _made_cases(own_parts.CASES)
ATTENTIONS = OWN | {
    name: case
    for entry in (*entries.SCORES.values(), *entries.ALIGNMENTS.values())
    for name, case in _made_cases(entry.cases).items()
}
# One of each arithmetic, for suites that multiply it with other choices.
SCORES = ["bahdanau", "bahdanau_norm", "luong_dot", "luong_general", "luong_concat"]
HEADS = [(name, heads) for name, case in ATTENTIONS.items() for heads in case.heads]
DISTINCT = [(name, heads) for name, heads in HEADS if ATTENTIONS[name].distinct]


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
