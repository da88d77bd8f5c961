"""Score functions: energies ``[B, H, T, S]`` from queries and keys.

Every function takes ``query [B, T, Dq]`` and ``keys [B, S, Dk]``. With several
heads the projected depth is cut into ``heads`` equal slices, and head h sees
slice h of both sides.
"""

import numpy as np

from tests.reference.attention import masked_softmax


def _slices(array, heads):
    """``[..., D]`` -> list of H arrays ``[..., D / H]``."""
    return np.split(np.asarray(array, "float64"), heads, axis=-1)


def additive(query, keys, query_kernel, key_kernel, v, bias=None, heads=1):
    """Bahdanau et al. 2014, appendix A.1.2.

    ``e_ij = v_a^T tanh(W_a s_{i-1} + U_a h_j)``; with ``bias`` b added inside the
    tanh. A head takes its slice of v_a, W_a and U_a.
    """
    query = np.asarray(query, "float64") @ query_kernel
    keys = np.asarray(keys, "float64") @ key_kernel
    bias = np.zeros(query.shape[-1]) if bias is None else np.asarray(bias, "float64")
    energies = []
    for q, k, part, b in zip(
        _slices(query, heads),
        _slices(keys, heads),
        _slices(v, heads),
        _slices(bias, heads),
        strict=True,
    ):
        hidden = np.tanh(q[:, :, None, :] + k[:, None, :, :] + b)
        energies.append(hidden @ part)
    return np.stack(energies, axis=1)


def normalized_additive(query, keys, query_kernel, key_kernel, v, g, b, heads=1):
    """Weight normalisation (Salimans & Kingma 2016, eq. 2) of v_a.

    ``w = g v / ||v||`` replaces v_a, and b is added inside the tanh. The norm is
    the Euclidean norm of the whole v, one scalar g for all heads.
    """
    v = np.asarray(v, "float64")
    w = float(np.squeeze(g)) * v / np.sqrt(np.sum(v**2))
    return additive(query, keys, query_kernel, key_kernel, w, b, heads)


def dot(query, keys, heads=1):
    """Luong et al. 2015, section 3.1, "dot": ``h_t^T h_s``."""
    pairs = zip(_slices(query, heads), _slices(keys, heads), strict=True)
    return np.stack([np.einsum("btd,bsd->bts", q, k) for q, k in pairs], axis=1)


def general(query, keys, kernel, heads=1):
    """Luong et al. 2015, section 3.1, "general": ``h_t^T W_a h_s``.

    ``kernel [Dk, Dq]`` is W_a transposed: it multiplies the memory.
    """
    return dot(query, np.asarray(keys, "float64") @ kernel, heads)


def layer_normalized_additive(query, keys, query_parts, key_parts, v, bias, heads=1):
    """Ba et al. 2016, equation 4, on both projections of an additive score.

    ``query_parts``, ``key_parts``: kernel and gain.
    """
    sides = []
    for x, (kernel, gain) in ((query, query_parts), (keys, key_parts)):
        a = np.asarray(x, "float64") @ kernel
        mean = a.mean(axis=-1, keepdims=True)
        spread = ((a - mean) ** 2).mean(axis=-1, keepdims=True)
        sides.append(gain * (a - mean) / np.sqrt(spread + 1e-3))
    eye = np.eye(len(v))
    return additive(*sides, eye, eye, v, bias, heads)


def concat(query, keys, kernel, v, heads=1):
    """Luong et al. 2015, section 3.1, "concat": ``v_a^T tanh(W_a [h_t; h_s])``."""
    query, keys = np.asarray(query, "float64"), np.asarray(keys, "float64")
    energies = np.zeros((len(query), heads, query.shape[1], keys.shape[1]))
    for row, step, position in np.ndindex(len(query), query.shape[1], keys.shape[1]):
        pair = np.concatenate([query[row, step], keys[row, position]])
        hidden = np.tanh(pair @ kernel)
        for head, (part, weight) in enumerate(
            zip(_slices(hidden, heads), _slices(v, heads), strict=True)
        ):
            energies[row, head, step, position] = part @ weight
    return energies


def scaled(energies, scale=None, depth=None, g=None):
    """``scale="sqrt"``: divided by the root of the depth that one head sees
    (Vaswani et al. 2017, eq. 1); ``"learned"``: multiplied by the scalar g.
    """
    if scale == "sqrt":
        return energies / np.sqrt(depth)
    if scale == "learned":
        return energies * float(np.squeeze(g))
    return energies


def cosine(query, keys, heads=1):
    """Graves et al. 2014, equation 6: u.v / (|u| |v|), 0 for a zero vector."""
    energies = []
    for q, k in zip(_slices(query, heads), _slices(keys, heads), strict=True):
        inner = np.einsum("btd,bsd->bts", q, k)
        lengths = (
            np.linalg.norm(q, axis=-1)[:, :, None] * np.linalg.norm(k, axis=-1)[:, None]
        )
        energies.append(np.where(lengths > 0, inner / np.where(lengths, lengths, 1), 0))
    return np.stack(energies, axis=1)


def location(query, kernel, positions, max_length, heads=1):
    """Luong et al. 2015, equation 8: ``W_a h_t``, row s for position s."""
    parts = np.split(np.asarray(query, "float64") @ kernel, heads, axis=-1)
    energies = np.full((len(query), heads, query.shape[1], positions), -np.inf)
    known = min(positions, max_length)
    for head, part in enumerate(parts):
        energies[:, head, :, :known] = part[:, :, :known]
    return energies


def with_memory(query, keys, parts, feature, value_mask, query_mask, heads=1):
    """Weights of an additive score whose hidden layer also sees earlier weights.

    ``e_ts = v^T tanh(W q_t + V k_s + b + feature(history)_s)`` and a softmax over the
    valid positions, one step after the other. ``parts`` are W, V, v and b;
    ``feature(history, part)`` gives ``[S, U / H]`` for a head from the list of its
    weights ``[S]`` so far, ``part`` being its slice of the units. Masked queries are
    not steps.
    """
    query_kernel, key_kernel, v, b = parts
    batch, targets = query.shape[:2]
    positions = keys.shape[1]
    weights = np.zeros((batch, heads, targets, positions))
    slices = np.split(np.arange(len(v)), heads)
    for row in range(batch):
        for head, part in enumerate(slices):
            history = []
            for t in range(targets):
                if not query_mask[row, t]:
                    continue
                hidden = query[row, t] @ query_kernel[:, part]
                hidden = hidden + keys[row] @ key_kernel[:, part] + b[part]
                hidden = hidden + feature(history, part, positions)
                energies = np.tanh(hidden) @ v[part]
                history.append(masked_softmax(energies, value_mask[row]))
                weights[row, head, t] = history[-1]
    return weights


def convolved(history, filters):
    """``F * history`` with zeros beyond the ends: ``[S, F]`` of ``[S, C]``.

    Chorowski et al. 2015, equation 8. ``filters [width, C, F]``; as in every deep
    learning library the filter is not flipped.
    """
    width = len(filters)
    half = width // 2
    padded = np.pad(history, ((half, half), (0, 0)))
    return np.stack(
        [
            np.einsum("wc,wcf->f", padded[s : s + width], filters)
            for s in range(len(history))
        ]
    )
