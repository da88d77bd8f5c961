"""From energies to context."""

import numpy as np


def masked_softmax(energies, mask=None):
    """Softmax over the valid positions of the last axis.

    ``a_s = exp(e_s) / sum_valid exp(e_s')`` (Bahdanau et al. 2014, eq. 6), 0 at
    invalid positions. A row without a valid position is all zeros.
    """
    energies = np.asarray(energies, "float64")
    if mask is None:
        mask = np.ones(energies.shape, bool)
    mask = np.broadcast_to(mask, energies.shape)
    weights = np.zeros(energies.shape)
    for index in np.ndindex(energies.shape[:-1]):
        valid = mask[index]
        if valid.any():
            shifted = energies[index][valid]
            exponents = np.exp(shifted - shifted.max())
            weights[index][valid] = exponents / exponents.sum()
    return weights


def attend(energies, values, value_mask=None, query_mask=None):
    """Contexts ``[B, T, Dv]`` and weights ``[B, H, T, S]``.

    ``c_i = sum_j a_ij h_j`` (Bahdanau et al. 2014, eq. 5). Head h weighs slice h
    of the values; the slices are joined again. A masked query row gives zeros.
    """
    energies = np.asarray(energies, "float64")
    mask = None if value_mask is None else np.asarray(value_mask)[:, None, None, :]
    weights = masked_softmax(energies, mask)
    if query_mask is not None:
        weights = weights * np.asarray(query_mask)[:, None, :, None]
    return weighed(weights, values, value_mask), weights


def weighed(weights, values, value_mask=None):
    """Contexts ``[B, T, Dv]`` of weights ``[B, H, T, S]``."""
    values = np.asarray(values, "float64")
    if value_mask is not None:
        values = np.where(np.asarray(value_mask)[:, :, None], values, 0.0)
    parts = np.split(values, weights.shape[1], axis=-1)
    contexts = [weights[:, head] @ part for head, part in enumerate(parts)]
    return np.concatenate(contexts, axis=-1)


def last_valid(values, value_mask=None):
    """Weight one on the last valid position: context ``[B, Dv]``, weights ``[B, S]``.

    The fixed-length vector c of Sutskever et al. 2014 and of Cho et al. 2014.
    """
    values = np.asarray(values, "float64")
    if value_mask is None:
        value_mask = np.ones(values.shape[:2], bool)
    weights = np.zeros(values.shape[:2])
    for row, valid in enumerate(np.asarray(value_mask)):
        if valid.any():
            weights[row, np.flatnonzero(valid)[-1]] = 1.0
    safe = np.where(np.asarray(value_mask)[:, :, None], values, 0.0)
    return np.einsum("bs,bsd->bd", weights, safe), weights
