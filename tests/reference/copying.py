"""The pointer-generator: See et al. 2017, equation 9."""

import numpy as np


def final_distribution(logits, weights, source_ids, p_gen, extra_ids, unknown_id=3):
    """`[B, T, V + E]`, word by word; weights that sum to less than one leave the rest
    to the vocabulary."""
    rows, steps, size = logits.shape
    final = np.zeros((rows, steps, size + extra_ids))
    for b, t in np.ndindex(rows, steps):
        exponentials = np.exp(logits[b, t] - logits[b, t].max())
        vocabulary = exponentials / exponentials.sum()
        copying = 1 - p_gen[b, t]
        for w in range(size):
            final[b, t, w] += (1 - copying * weights[b, t].sum()) * vocabulary[w]
        for s, w in enumerate(source_ids[b]):
            w = w if 0 <= w < size + extra_ids else unknown_id
            final[b, t, w] += copying * weights[b, t, s]
    return final
