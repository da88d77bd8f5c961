"""Alignments that only move forward, each from its paper, on the valid positions of
one row, and all their paths where there are few.

A step takes what the papers' recursions take: probabilities or energies ``[S]`` of
this step and the weights ``[S]`` of the one before.
"""

import itertools

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def monotonic(p, previous):
    """Raffel et al. 2017, section 2.3: position after position."""
    weights, looked_at = np.zeros(len(p)), 0.0
    for j in range(len(p)):
        left = (1 - p[j - 1]) * looked_at if j else 0.0
        looked_at = left + previous[j]
        weights[j] = p[j] * looked_at
    return weights


def hard_monotonic(p, previous):
    """Raffel et al. 2017, algorithm 1, with a threshold in the place of the coin."""
    weights = np.zeros(len(p))
    if previous.any():
        for j in range(int(np.argmax(previous)), len(p)):
            if p[j] > 0.5:
                weights[j] = 1
                break
    return weights


def chunkwise(stops, chunk, width):
    """Chiu & Raffel 2018, the expected output, term by term."""
    weights = np.zeros(len(stops))
    for k, stop in enumerate(stops):
        first = max(0, k - width + 1)
        parts = np.exp(chunk[first : k + 1] - chunk[first : k + 1].max())
        weights[first : k + 1] += stop * parts / parts.sum()
    return weights


def stepwise(p, previous):
    """He et al. 2019: stay with p, else one position on."""
    moved = np.concatenate([[0], previous * (1 - p)])[: len(p)]
    return previous * p + moved


def forward(energies, previous, move=0.5):
    """Zhang et al. 2018, algorithm 2; algorithm 1 with ``move`` 1/2."""
    soft = np.exp(energies - energies.max())
    soft = soft / soft.sum()
    shifted = np.concatenate([[0], previous])[: len(previous)]
    weights = ((1 - move) * previous + move * shifted) * soft
    return weights / weights.sum()


def monotonic_paths(p):
    """Weights ``[T, S]`` of ``p [T, S]`` by trying every sequence of stops.

    A stop may be at S, which is none: nothing comes after it.
    """
    steps, positions = p.shape
    weights = np.zeros(p.shape)
    for path in itertools.product(range(positions + 1), repeat=steps):
        chance, start = 1.0, 0
        for t, stop in enumerate(path):
            if stop < start:
                chance = 0.0
                break
            chance *= np.prod(1 - p[t, start:stop])
            chance *= p[t, stop] if stop < positions else 1.0
            start = stop
        for t, stop in enumerate(path):
            if stop < positions:
                weights[t, stop] += chance
    return weights


def stepwise_paths(p):
    """The same for stepwise monotonic attention."""
    steps, positions = p.shape
    weights = np.zeros(p.shape)
    for moves in itertools.product((0, 1), repeat=steps):
        chance, at, path = 1.0, 0, []
        for t, move in enumerate(moves):
            if at < positions:
                chance *= (1 - p[t, at]) if move else p[t, at]
            elif move:  # Beyond the end there is one way to go on, not two.
                chance = 0.0
            at = min(at + move, positions)
            path.append(at)
        for t, at in enumerate(path):
            if at < positions:
                weights[t, at] += chance
    return weights


def forward_paths(energies):
    """Zhang et al. 2018: all paths by steps of 0 or 1, normalised last."""
    steps, positions = energies.shape
    soft = np.exp(energies) / np.exp(energies).sum(axis=-1, keepdims=True)
    weights = np.zeros(energies.shape)
    for last in range(steps):
        for moves in itertools.product((0, 1), repeat=last + 1):
            path = np.cumsum(moves)
            if path[-1] < positions:
                product = np.prod([soft[t, at] for t, at in enumerate(path)])
                weights[last, path[-1]] += product
        weights[last] /= weights[last].sum()
    return weights


def over_steps(query, value, value_mask, query_mask, heads, step):
    """Weights ``[B, H, T, S]`` of a mechanism that carries its weights on.

    ``step(b, t, h, previous, context)`` gives the weights of the valid positions of a
    row from those of the last step that was not masked (one at the first position
    before it) and that step's context ``[DV]`` (None before the first).
    """
    batch, targets = query.shape[:2]
    weights = np.zeros((batch, heads, targets, value.shape[1]))
    for b in range(batch):
        valid = value_mask[b]
        if not valid.any():
            continue
        carried = [np.eye(valid.sum())[0] for _ in range(heads)]
        context = None
        for t in range(targets):
            if not query_mask[b, t]:
                continue
            found = [step(b, t, h, carried[h], context) for h in range(heads)]
            carried = [state for _, state in found]
            for h, (row, _) in enumerate(found):
                weights[b, h, t, valid] = row
            parts = np.split(value[b, valid], heads, axis=-1)
            context = np.concatenate(
                [row @ part for (row, _), part in zip(found, parts, strict=True)]
            )
    return weights
