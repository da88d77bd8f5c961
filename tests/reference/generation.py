"""Greedy search, one token at a time."""

import numpy as np


def log_softmax(logits):
    """``log(exp(z_i) / sum_j exp(z_j))`` over the last axis."""
    logits = np.asarray(logits, "float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best(table, pad_id):
    """The most probable token that is not padding, over the last axis."""
    allowed = np.arange(np.shape(table)[-1]) != pad_id
    return np.where(allowed, table, -np.inf).argmax(axis=-1)


def greedy(next_logits, batch, max_steps, start_id, end_id, pad_id):
    """The most probable token but padding at every step, until each row has ended.

    ``next_logits(prefix [B, t])`` gives ``[B, V]`` for the token after a prefix
    that begins with ``start_id``. Returns ids ``[B, t]`` (pad after the end),
    lengths that count the end token, summed log-probabilities and steps run.
    """
    prefix = np.full((batch, 1), start_id)
    alive = np.ones(batch, bool)
    lengths = np.zeros(batch, int)
    log_probs = np.zeros(batch)
    steps = 0
    while alive.any() and steps < max_steps:
        table = log_softmax(next_logits(prefix))
        token = best(table, pad_id)
        chosen = table[np.arange(batch), token]
        log_probs += np.where(alive, chosen, 0.0)
        lengths += alive
        token = np.where(alive, token, pad_id)
        prefix = np.concatenate([prefix, token[:, None]], axis=1)
        alive &= token != end_id
        steps += 1
    return prefix[:, 1:], lengths, log_probs, steps
