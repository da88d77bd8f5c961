"""Exact hard attention, by writing down every alignment."""

import itertools

import numpy as np


def softmax(x):
    exponentials = np.exp(x - np.max(x))
    return exponentials / exponentials.sum()


def emission(w, h, v):
    """p(. | a), a distribution over V."""
    inner = np.tanh(h @ w["hidden"] + w["hidden_bias"] + v @ w["value"])
    return softmax(inner @ w["output"] + w["output_bias"])


def transition(w, h, values, before, order, monotonic, window):
    """p(a_t | a_{t-1} = before), a distribution over the positions of `values`."""
    keys = values @ w["key"]
    positions = len(values)
    weights = np.zeros(positions)
    for s in range(positions):
        jump = s - before
        if monotonic and jump < 0 or order == 1 and abs(jump) > window:
            continue
        if order == 0:
            energy = h @ keys[s]
        else:
            jumps = h @ w["jump"] + w["jump_bias"] + keys[before] @ w["jump_key"]
            energy = jumps[jump + window]
        weights[s] = np.exp(energy)
    return weights / weights.sum()


def enumerate_alignments(w, hidden, values, said, order, monotonic, window):
    """For one sentence: `log p(y_t | y_<t) [T, V]` and `p(a_t | y_<t) [T, S]`.

    Args:
        w: Weights by name.
        hidden: `[T, Dq]`.
        values: `[S, Dv]`, valid ones only.
        said: `[T]`, the targets.
    """
    steps, positions = len(hidden), len(values)
    vocabulary = w["output"].shape[1]
    log_probs, places = np.zeros((steps, vocabulary)), np.zeros((steps, positions))
    for t in range(steps):
        joint = np.zeros((positions, vocabulary))  # p(y_<t, a_t, y_t)
        before = 0.0  # p(y_<t)
        for path in itertools.product(range(positions), repeat=t + 1):
            probability = 1.0
            for step, place in enumerate(path):
                last = path[step - 1] if step else 0
                probability *= transition(
                    w, hidden[step], values, last, order, monotonic, window
                )[place]
                # What is no token says nothing.
                if step < t and 0 <= said[step] < vocabulary:
                    probability *= emission(w, hidden[step], values[place])[said[step]]
            before += probability
            joint[path[-1]] += probability * emission(w, hidden[t], values[path[-1]])
        log_probs[t] = np.log(joint.sum(0) / before)
        places[t] = joint.sum(1) / before
    return log_probs, places
