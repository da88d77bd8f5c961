"""Attention over several memories: Libovický & Helcl 2017.

``query [B, T, D]``; ``memories``: for each encoder k an array ``[B, S_k, D_k]``;
``masks``: which of its positions are there. ``energy(k, head, q, h)`` of two vectors
is a number, ``projections[k]`` is U_c^(k). All give contexts ``[B, T, ...]`` and the
weights ``[B, H, T, S_1 + ... + S_K]``.
"""

import numpy as np


def _softmax(energies):
    exponentials = np.exp(np.array(energies) - max(energies))
    return exponentials / exponentials.sum()


def _places(masks, row):
    """(encoder, position) of everything that a row has."""
    return [(k, j) for k, mask in enumerate(masks) for j in np.flatnonzero(mask[row])]


def _starts(memories):
    return np.concatenate([[0], np.cumsum([m.shape[1] for m in memories])])


def flat(query, memories, masks, energy, projections, heads=1):
    """Flat combination: one softmax over the states of all encoders."""
    rows, steps = query.shape[:2]
    starts, units = _starts(memories), projections[0].shape[1]
    contexts = np.zeros((rows, steps, units))
    weights = np.zeros((rows, heads, steps, starts[-1]))
    for b, t, head in np.ndindex(rows, steps, heads):
        places = _places(masks, b)
        if not places:
            continue
        q, slice_of = query[b, t], np.split(np.arange(units), heads)[head]
        found = _softmax([energy(k, head, q, memories[k][b, j]) for k, j in places])
        for (k, j), weight in zip(places, found, strict=True):
            weights[b, head, t, starts[k] + j] = weight
            projected = memories[k][b, j] @ projections[k]
            contexts[b, t, slice_of] += weight * projected[slice_of]
    return contexts, weights


def separate(query, memories, masks, energy, heads=1):
    """A context ``[B, T, D_k]`` and weights of every encoder."""
    found = []
    for k, (memory, mask) in enumerate(zip(memories, masks, strict=True)):
        alone = [np.zeros_like(m) for m in masks]
        alone[k] = mask
        _, weights = flat(
            query,
            memories,
            alone,
            energy,
            [np.zeros((m.shape[-1], heads)) for m in memories],
            heads,
        )
        start = _starts(memories)[k]
        weights = weights[..., start : start + memory.shape[1]]
        contexts = np.zeros((*query.shape[:2], memory.shape[-1]))
        for b, t, j in np.ndindex(*query.shape[:2], memory.shape[1]):
            if mask[b, j]:
                parts = np.split(memory[b, j], heads)
                scaled = [weights[b, h, t, j] * x for h, x in enumerate(parts)]
                contexts[b, t] += np.concatenate(scaled)
        found.append((contexts, weights))
    return found


def side_by_side(query, memories, masks, energy, heads=1):
    """Contexts of all encoders, concatenated."""
    found = separate(query, memories, masks, energy, heads)
    contexts, weights = zip(*found, strict=True)
    return np.concatenate(contexts, axis=-1), np.concatenate(weights, axis=-1)


def hierarchical(query, memories, masks, energy, over, projections, heads=1):
    """Hierarchical combination: a softmax of ``over(k, q, c)`` over the contexts."""
    found = separate(query, memories, masks, energy, heads)
    rows, steps = query.shape[:2]
    contexts = np.zeros((rows, steps, projections[0].shape[1]))
    weights = [np.zeros_like(own) for _, own in found]
    for b, t in np.ndindex(rows, steps):
        present = [k for k, mask in enumerate(masks) if mask[b].any()]
        if not present:
            continue
        energies = [over(k, query[b, t], found[k][0][b, t]) for k in present]
        for k, share in zip(present, _softmax(energies), strict=True):
            contexts[b, t] += share * (found[k][0][b, t] @ projections[k])
            weights[k][b, :, t] = share * found[k][1][b, :, t]
    return contexts, np.concatenate(weights, axis=-1)
