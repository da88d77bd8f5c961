"""Context gates: Tu et al. 2017.

``W``, ``U``, ``C`` are the matrices of a simple recurrent network, with ``_z`` those of
the gate; vectors are rows, so that a matrix multiplies from the right.
"""

import numpy as np


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def network(variant, e, t, s, W, U, C, W_z, U_z, C_z, b):
    """The paper's own decoder state: ``t_i = tanh(...)``.

    ``e`` the word before, ``t`` the state before, ``s`` the source context.
    """
    z = _sigmoid(e @ W_z + t @ U_z + s @ C_z + b)
    return np.tanh(
        {
            "source": (e @ W + t @ U) + z * (s @ C),
            "target": z * (e @ W + t @ U) + s @ C,
            "both": (1 - z) * (e @ W + t @ U) + z * (s @ C),
        }[variant]
    )


def gated(variant, cell, depth, W, C, W_z, U_z, C_z, b):
    """A cell of ``[e; s]``, of which ``depth`` numbers are e, behind a gate.

    The state is scaled in front of the cell's own matrices, as the authors' code does
    for a GRU; of several states the first.
    """

    def step(joined, state):
        e, s = joined[:, :depth], joined[:, depth:]
        hidden = state[0]
        z = _sigmoid(e @ W_z + hidden @ U_z + s @ C_z + b)
        of_target = {"source": np.ones_like(z), "target": z, "both": 1 - z}[variant]
        of_source = {"source": z, "target": np.ones_like(z), "both": z}[variant]
        eaten = of_target * (e @ W) + of_source * (s @ C)
        return cell(eaten, [of_target * hidden, *state[1:]])

    return step
