"""From energies to weights, each from its paper, one row at a time.

Every function takes the energies of the valid positions of one row, in order, and
returns their weights.
"""

import itertools
import math

import numpy as np

from tests.reference import entries
from tests.reference.attention import last_valid, masked_softmax
from tests.reference.entries import (
    COUNT,
    FROM_ZERO,
    INF,
    NAN,
    POSITIVE,
    Case,
    Mechanism,
    U,
    aligned,
)


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


_TEMPERATURE = {"temperature": POSITIVE}

entries.alignment(
    "softmax",
    cases={
        "softmax_sharp": aligned(
            "softmax",
            lambda w, e, *_: softmax(e, 0.5),
            {"temperature": 0.5},
            distinct=False,
        )
    },
    refuses=_TEMPERATURE,
    learns={},
)
entries.alignment("sigmoid", lambda w, e, *_: sigmoid(e))
entries.alignment("sparsemax", lambda w, e, *_: sparsemax(e))
entries.alignment("entmax15", lambda w, e, *_: entmax(e, 1.5))


def _entmax(w, energies, query, head, place):
    logit = w.alignment("alpha_logit")[head]
    return entmax(energies, 1.01 + 0.99 / (1 + np.exp(-logit)))


entries.alignment(
    "entmax",
    _entmax,
    cases={
        "entmax_3": aligned(
            "entmax", lambda w, e, *_: entmax(e, 3.0), {"alpha": 3.0}, distinct=False
        )
    },
    refuses={"alpha": ((1.0, 0.5, -2, INF, NAN, "1.5", True), "")},
)


def _with_additive(name):
    return {name: lambda longest: Mechanism("additive", name)}


entries.alignment("hard", lambda w, e, *_: hard(e), learns=_with_additive("hard"))
entries.alignment(
    "gumbel",
    lambda w, e, *_: hard(e),
    refuses=_TEMPERATURE,
    learns=_with_additive("gumbel"),
)


def _local(name, window):
    return {name: lambda longest: Mechanism("general", name, {}, {"window": window})}


entries.alignment(
    "local_m",
    lambda w, e, query, head, place: local_m(e, place, 1),
    small={"window": 1},
    refuses={"window": FROM_ZERO},
    learns=_local("local_m", 1),
    task="copy",
)


def _local_p(w, energies, query, head, place):
    kernel, v = w.alignment("position/kernel"), w.alignment("v_p")
    return local_p(energies, query, kernel, v, 1)


entries.alignment(
    "local_p",
    _local_p,
    small={"window": 1, "units": U},
    refuses={"window": COUNT, "units": COUNT},
    learns=_local("local_p", 2),
    task="copy",
)


def _last(w, query, key, value, value_mask, query_mask, heads):
    row = last_valid(value, value_mask)[1][:, None, None]  # [B, 1, 1, S]
    return row * query_mask[:, None, :, None]


entries.alignment(
    "last",
    cases={
        "fixed": Case(
            Mechanism("zero", "last", preset="FixedContext"), weights=_last, heads=(1,)
        )
    },
    learns={},
)
# Its cases are those of the mixtures, which make logarithms of weights.
entries.alignment("exp", learns={})
