"""Attentions over two memories, and the oracle that goes along with each."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize, weight
from tests.reference import several_memories as oracle

B, T, D, U, UNITS = 4, 3, 6, 8, 6
LENGTHS, DEPTHS = (4, 3), (4, 6)
STARTS = (0, DEPTHS[0])
# One row has both, one nothing in the first memory, one in the second, one nowhere.
MASKS = [
    np.array([[1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool),
    np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [0, 0, 0]], bool),
]
_RANDOM = np.random.default_rng(17)
QUERY = _RANDOM.normal(size=(B, T, D))
MEMORIES = [
    _RANDOM.normal(size=(B, length, depth))
    for length, depth in zip(LENGTHS, DEPTHS, strict=True)
]


@dataclasses.dataclass(frozen=True)
class Case:
    """``make(**layer)``, and ``expected(layer, query)``: contexts and weights."""

    make: Callable[..., Any]
    expected: Callable[..., Any] | None = None
    heads: int = 1


def built(name, **layer):
    """With random weights."""
    made = CASES[name].make(**layer)
    shapes = [(None, None, depth) for depth in DEPTHS]
    made.build((None, None, D), shapes)
    return randomize(made, scale=0.5)


def decoder(name, order, cell=None, **layer):
    """A decoder over the two memories, built, with random weights."""
    part = {"dtype": layer["dtype"]} if "dtype" in layer else {}
    cell = cell or keras.layers.GRUCell(D, **part)
    made = ka.AttentionDecoder(cell, CASES[name].make(**part), order=order, **layer)
    made(keras.Input((None, 3)), [keras.Input((None, depth)) for depth in DEPTHS])
    return randomize(made, scale=0.4)


def block(kernel, index):
    """The rows of a kernel for keys that belong to one memory."""
    return kernel[STARTS[index] : STARTS[index] + DEPTHS[index]]


def _additive(layer, part=lambda kernel, index: kernel):
    query, v = weight(layer, "query/kernel"), weight(layer, "v")
    key = weight(layer, "key/kernel")

    def energy(k, q, h):
        return v @ np.tanh(q @ query + h @ part(key, k))

    return energy


def _projections(layer):
    return [weight(layer.projections, f"memory_{k}") for k in range(2)]


def _flat_bahdanau(layer, query):
    energy = _additive(layer.attention, block)
    return oracle.flat(
        query, MEMORIES, MASKS, lambda k, _, q, h: energy(k, q, h), _projections(layer)
    )


def _flat_general(layer, query):
    kernel = weight(layer.attention, "kernel")

    def energy(k, head, q, h):
        half = slice(3 * head, 3 * head + 3)
        return q[half] @ (h @ block(kernel, k))[half]

    return oracle.flat(query, MEMORIES, MASKS, energy, _projections(layer), 2)


def _flat_dot(layer, query):
    projections = _projections(layer)

    def energy(k, _, q, h):
        return q @ (h @ projections[k])

    return oracle.flat(query, MEMORIES, MASKS, energy, projections)


def _both(layer):
    """Energies of an additive attention for one memory, a general one for the other."""
    additive = _additive(layer.attentions[0])
    kernel = weight(layer.attentions[1], "kernel")
    return lambda k, _, q, h: additive(k, q, h) if k == 0 else q @ (h @ kernel)


def _hierarchical(layer, query):
    over = _additive(layer.over, block)
    return oracle.hierarchical(
        query, MEMORIES, MASKS, _both(layer), over, _projections(layer)
    )


def _hierarchical_dot(layer, query):
    kernels = [weight(part, "kernel") for part in layer.attentions]
    projections = _projections(layer)

    def energy(k, head, q, h):
        half = slice(3 * head, 3 * head + 3)
        return q[half] @ (h @ kernels[k])[half]

    return oracle.hierarchical(
        query,
        MEMORIES,
        MASKS,
        energy,
        lambda k, q, c: q @ (c @ projections[k]),
        projections,
        2,
    )


def _side_by_side(layer, query):
    return oracle.side_by_side(query, MEMORIES, MASKS, _both(layer))


def _two(**layer):
    return [ka.BahdanauAttention(U, **layer), ka.LuongAttention("general", **layer)]


CASES = {
    "flat": Case(
        lambda **k: ka.FlatAttention(ka.BahdanauAttention(U, **k), UNITS, **k),
        _flat_bahdanau,
    ),
    "flat_general": Case(
        lambda **k: ka.FlatAttention(
            ka.LuongAttention("general", num_heads=2, **k), UNITS, **k
        ),
        _flat_general,
        heads=2,
    ),
    "flat_dot": Case(
        lambda **k: ka.FlatAttention(
            ka.LuongAttention("dot", **k), UNITS, share=True, **k
        ),
        _flat_dot,
    ),
    "flat_carried": Case(
        lambda **k: ka.FlatAttention(ka.Attention("coverage", **k), UNITS, **k)
    ),
    "hierarchical": Case(
        lambda **k: ka.HierarchicalAttention(
            _two(**k), ka.BahdanauAttention(U, **k), UNITS, **k
        ),
        _hierarchical,
    ),
    "hierarchical_dot": Case(
        lambda **k: ka.HierarchicalAttention(
            [ka.LuongAttention("general", num_heads=2, **k) for _ in range(2)],
            ka.LuongAttention("dot", **k),
            UNITS,
            share=True,
            **k,
        ),
        _hierarchical_dot,
        heads=2,
    ),
    "hierarchical_carried": Case(
        lambda **k: ka.HierarchicalAttention(
            [ka.Attention("coverage", **k), ka.Attention("general", "monotonic", **k)],
            ka.Attention("coverage", **k),
            UNITS,
            **k,
        )
    ),
    "side_by_side": Case(
        lambda **k: ka.HierarchicalAttention(_two(**k), None, **k), _side_by_side
    ),
}


def call(layer, memories=MEMORIES, masks=MASKS, query=QUERY, **options):
    """Context and weights as arrays."""
    dtype = layer.compute_dtype if layer.compute_dtype == "float64" else "float32"
    return to_numpy(
        layer(
            np.asarray(query, dtype),
            [np.asarray(m, dtype) for m in memories],
            value_mask=list(masks),
            return_attention_scores=True,
            **options,
        )
    )
