"""Recurrent cells with weights laid out as Keras lays them out.

A cell is a function ``(inputs [B, D], state) -> (output, state)``; a state is a
list of arrays ``[B, U]``, and a list of such lists for stacked cells.
"""

import numpy as np


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def simple_rnn(kernel, recurrent_kernel, bias):
    """Elman 1990: ``h_t = tanh(x_t W + h_{t-1} U + b)``."""

    def step(inputs, state):
        h = np.tanh(inputs @ kernel + state[0] @ recurrent_kernel + bias)
        return h, [h]

    return step


def lstm(kernel, recurrent_kernel, bias):
    """Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000).

    Gates in Keras' order input, forget, candidate, output; state ``[h, c]``.
    """

    def step(inputs, state):
        h, c = state
        gates = inputs @ kernel + h @ recurrent_kernel + bias
        i, f, g, o = np.split(gates, 4, axis=-1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        return h, [h, c]

    return step


def gru(kernel, recurrent_kernel, bias, reset_after=True):
    """Cho et al. 2014 (v1: ``reset_after=True``; v3: False), gates update, reset, h.

    ``h_t = z h_{t-1} + (1 - z) h'``; h' sees ``r (U h_{t-1} + b)`` when the reset
    gate comes after the product, otherwise ``U (r h_{t-1})``. ``reset_after`` has
    two rows of bias: for the input and for the recurrent product.
    """
    if reset_after:
        input_bias, recurrent_bias = bias
    else:
        input_bias, recurrent_bias = bias, np.zeros(np.shape(bias))

    def step(inputs, state):
        (h,) = state
        xz, xr, xh = np.split(inputs @ kernel + input_bias, 3, axis=-1)
        uz, ur, uh = np.split(recurrent_kernel, 3, axis=-1)
        bz, br, bh = np.split(recurrent_bias, 3, axis=-1)
        z = _sigmoid(xz + h @ uz + bz)
        r = _sigmoid(xr + h @ ur + br)
        inner = r * (h @ uh + bh) if reset_after else (r * h) @ uh
        h = z * h + (1.0 - z) * np.tanh(xh + inner)
        return h, [h]

    return step


def stacked(*cells):
    """Each cell takes the output of the one below; the output is the top one's."""

    def step(inputs, state):
        states = []
        for cell, own in zip(cells, state, strict=True):
            inputs, own = cell(inputs, own)
            states.append(own)
        return inputs, states

    return step


def map_state(function, *states):
    """Applies ``function`` to each array of states of one structure."""
    if isinstance(states[0], list):
        return [map_state(function, *parts) for parts in zip(*states, strict=True)]
    return function(*states)


def top_query(state):
    """The first state tensor of the top cell."""
    while isinstance(state[-1], list):
        state = state[-1]
    return state[0]


def run(cell, inputs, state, mask=None, reverse=False):
    """A recurrent layer: outputs ``[B, T, U]`` and the last state.

    At a masked step the state stays and the output is zero.
    """
    inputs = np.asarray(inputs, "float64")
    steps = inputs.shape[1]
    mask = np.ones(inputs.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    outputs = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        keep = mask[:, t, None]
        safe = np.where(keep, inputs[:, t], 0.0)
        output, new = cell(safe, state)
        outputs[t] = np.where(keep, output, 0.0)
        state = map_state(lambda a, b, k=keep: np.where(k, a, b), new, state)
    return np.stack(outputs, axis=1), state
