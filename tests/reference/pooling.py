"""Self-attention pooling: Lin et al. 2017, equations 5, 6 and 8."""

import numpy as np


def sparsemax(energies):
    """Martins & Astudillo 2016, algorithm 1."""
    ordered = np.sort(energies)[::-1]
    sums = np.cumsum(ordered)
    support = max(
        k for k in range(1, len(ordered) + 1) if 1 + k * ordered[k - 1] > sums[k - 1]
    )
    return np.maximum(energies - (sums[support - 1] - 1) / support, 0.0)


def softmax(energies):
    exponentials = np.exp(energies - energies.max())
    return exponentials / exponentials.sum()


def pool(value, mask, kernel, queries, bias=0.0, normalize=softmax):
    """`[B, r, D]` and `[B, r, S]`; queries are the rows of $W_{s2}$."""
    hops, (rows, length, depth) = len(queries), value.shape
    pooled, weights = np.zeros((rows, hops, depth)), np.zeros((rows, hops, length))
    for b in range(rows):
        valid = np.flatnonzero(mask[b])
        for r in range(hops):
            if len(valid) == 0:
                continue
            energies = [
                float(queries[r] @ np.tanh(value[b, s] @ kernel + bias)) for s in valid
            ]
            weights[b, r, valid] = normalize(np.array(energies))
            for s in valid:
                pooled[b, r] += weights[b, r, s] * value[b, s]
    return pooled, weights


def penalty(weights, mask):
    """A mean of equation 8 over the rows that have a valid position."""
    squares = [
        np.linalg.norm(a @ a.T - np.eye(len(a)), "fro") ** 2
        for a, valid in zip(weights, mask, strict=True)
        if valid.any()
    ]
    return sum(squares) / max(len(squares), 1)
