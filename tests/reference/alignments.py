"""From energies to weights, each from its paper, one row at a time.

Every function takes the energies of the valid positions of one row, in order, and
returns their weights.
"""

import itertools
import math

import numpy as np

from tests.reference.attention import masked_softmax


def softmax(energies, temperature=1.0):
    return masked_softmax(np.asarray(energies) / temperature)


def sigmoid(energies):
    """Chorowski et al. 2015, section 2.3, in arbitrary precision where it matters."""
    logs = [-math.log1p(math.exp(-e)) if e > -700 else e for e in energies]
    peak = max(logs)
    parts = [math.exp(x - peak) for x in logs]
    return np.array(parts) / sum(parts)


def sparsemax(energies):
    """The nearest point of the simplex, by trying every support.

    Martins & Astudillo 2016, proposition 1: on the support the weights are
    ``e - tau`` with ``tau`` from their sum; the right one is feasible and nearest.
    """
    energies = np.asarray(energies, "float64")
    best, least = None, np.inf
    for size in range(1, len(energies) + 1):
        for support in itertools.combinations(range(len(energies)), size):
            chosen = list(support)
            tau = (energies[chosen].sum() - 1) / size
            weights = np.zeros(len(energies))
            weights[chosen] = energies[chosen] - tau
            distance = ((weights - energies) ** 2).sum()
            if (weights >= -1e-12).all() and distance < least:
                best, least = weights, distance
    return best


def entmax(energies, alpha):
    """Peters et al. 2019, equation 13, with tau by 200 halvings in float64."""
    x = (alpha - 1) * np.asarray(energies, "float64")
    low, high = x.max() - 1, x.max()
    for _ in range(200):
        tau = (low + high) / 2
        total = (np.maximum(x - tau, 0) ** (1 / (alpha - 1))).sum()
        low, high = (tau, high) if total > 1 else (low, tau)
    return np.maximum(x - low, 0) ** (1 / (alpha - 1))


def hard(energies):
    weights = np.zeros(len(energies))
    weights[int(np.argmax(energies))] = 1
    return weights


def local_m(energies, step, window):
    """Luong et al. 2015, section 3.2: a softmax over [t - D, t + D]."""
    places = np.arange(len(energies))
    inside = np.abs(places - step) <= window
    return masked_softmax(energies, inside)


def local_p(energies, query, kernel, v, window):
    """Luong et al. 2015, equations 9 and 10, with sigma = D / 2."""
    places = np.arange(len(energies))
    share = 1 / (1 + np.exp(-v @ np.tanh(query @ kernel)))
    centre = len(energies) * share
    inside = np.abs(places - centre) <= window
    sigma = window / 2
    gaussian = np.exp(-((places - centre) ** 2) / (2 * sigma**2))
    return masked_softmax(energies, inside) * gaussian


def over_rows(energies, value_mask, row_weights, query_mask=None):
    """``row_weights(energies_of_valid, b, h, t, place)`` for each row of [B, H, T, S].

    ``place`` counts the queries of a row that are not masked, before this one.
    """
    energies = np.asarray(energies, "float64")
    batch, heads, targets, positions = energies.shape
    if value_mask is None:
        value_mask = np.ones((batch, positions), bool)
    if query_mask is None:
        query_mask = np.ones((batch, targets), bool)
    weights = np.zeros(energies.shape)
    for b, h, t in np.ndindex(batch, heads, targets):
        valid = value_mask[b]
        if not valid.any() or not query_mask[b, t]:
            continue
        place = int(query_mask[b, :t].sum())
        weights[b, h, t, valid] = row_weights(energies[b, h, t, valid], b, h, t, place)
    return weights
