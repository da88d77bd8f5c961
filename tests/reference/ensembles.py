"""What several models say together, from the probabilities themselves."""

import numpy as np


def probabilities(logits):
    """``exp(z_i) / sum_j exp(z_j)`` over the last axis."""
    logits = np.asarray(logits, "float64")
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def log_probs(members, weights, average):
    """Log-probabilities ``[..., V]`` of members' logits ``[..., V]``.

    "linear" is ``log sum_i w_i p_i``; "log" is the geometric mean
    ``prod_i p_i^w_i``, normalised. The weights need not sum to 1.
    """
    weights = np.asarray(weights, "float64") / np.sum(weights)
    tables = [probabilities(logits) for logits in members]
    if average == "linear":
        pairs = zip(weights, tables, strict=True)
        return np.log(np.sum([weight * table for weight, table in pairs], axis=0))
    product = np.ones_like(tables[0])
    for weight, table in zip(weights, tables, strict=True):
        product = product * table**weight
    return np.log(product / product.sum(axis=-1, keepdims=True))


def attention(members, weights):
    """The weighted mean ``[..., S]`` of members' weights ``[..., S]`` or, with heads,
    ``[..., H, S]``, whose mean over heads is taken first."""
    weights = np.asarray(weights, "float64") / np.sum(weights)
    depth = min(np.ndim(member) for member in members)
    total = 0.0
    for weight, member in zip(weights, members, strict=True):
        if np.ndim(member) > depth:
            member = np.mean(member, axis=-2)
        total = total + weight * np.asarray(member, "float64")
    return total
