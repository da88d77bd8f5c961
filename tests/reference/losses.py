"""Losses over padded targets."""

import numpy as np

from tests.reference.generation import log_softmax


def masked_cross_entropy(targets, logits, pad_id=0, label_smoothing=0.0):
    """Mean over the tokens that are not padding.

    ``-sum_v q_v log p_v``, with q the one-hot target smoothed as in Szegedy et al.
    2016, eq. 12, and Keras: ``q = (1 - eps) onehot + eps / V``.
    """
    table = log_softmax(logits)
    size = table.shape[-1]
    total, count = 0.0, 0
    for index in np.ndindex(np.shape(targets)):
        target = int(targets[index])
        if target == pad_id:
            continue
        wanted = np.full(size, label_smoothing / size)
        wanted[target] += 1.0 - label_smoothing
        total -= float(wanted @ table[index])
        count += 1
    return total / max(count, 1)


def coverage(weights, valid):
    """See et al. 2017, equations 10 and 12; a mean over valid target positions."""
    total, count = 0.0, 0
    for row, pairs in zip(weights, valid, strict=True):
        seen = [0.0] * row.shape[1]
        for t in range(row.shape[0]):
            count += bool(pairs[t].any())
            for s in np.flatnonzero(pairs[t]):
                total += min(row[t, s], seen[s])
                seen[s] += row[t, s]
    return total / max(count, 1)


def guided_attention(weights, valid, sigma=0.2):
    """Tachibana et al. 2018, section 4; a mean over valid pairs."""
    total, count = 0.0, 0
    for row, pairs in zip(weights, valid, strict=True):
        targets, sources = np.flatnonzero(pairs.any(1)), np.flatnonzero(pairs.any(0))
        for n, t in enumerate(targets):
            for m, s in enumerate(sources):
                apart = n / len(targets) - m / len(sources)
                total += row[t, s] * (1 - np.exp(-(apart**2) / (2 * sigma**2)))
                count += 1
    return total / max(count, 1)


def guided_alignment(weights, gold, epsilon=1e-6):
    """Chen et al. 2016, section 3; a mean over aligned target positions."""
    total, count = 0.0, 0
    for row, wanted in zip(weights, gold, strict=True):
        for t in range(row.shape[0]):
            linked = np.flatnonzero(wanted[t])
            count += len(linked) > 0
            for s in linked:
                share = wanted[t, s] / wanted[t].sum()
                total -= share * np.log(row[t, s] + epsilon)
    return total / max(count, 1)


def entropy(weights, valid):
    """Shannon's, a mean over valid target positions."""
    total, count = 0.0, 0
    for row, pairs in zip(weights, valid, strict=True):
        for t in np.flatnonzero(pairs.any(1)):
            some = [a for a in row[t][pairs[t]] if a > 0]
            total -= sum(a * np.log(a) for a in some)
            count += 1
    return total / max(count, 1)


def doubly_stochastic(weights, valid, total=1.0):
    """Xu et al. 2015, equation 14; a mean over sequences."""
    summed, count = 0.0, 0
    for row, pairs in zip(weights, valid, strict=True):
        targets, sources = np.flatnonzero(pairs.any(1)), np.flatnonzero(pairs.any(0))
        wanted = len(targets) / max(len(sources), 1) if total == "share" else total
        summed += sum((wanted - row[targets, s].sum()) ** 2 for s in sources)
        count += len(sources) > 0
    return summed / max(count, 1)
