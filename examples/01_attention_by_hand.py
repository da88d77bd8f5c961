"""Attention on numbers small enough to check with a pencil.

Run it with ``python examples/01_attention_by_hand.py``. Every table has the number
computed here, with Python's ``math`` alone, beside the layer's.

Attention answers one question: given a query, how much does each source position
matter? It goes in three steps:

    energies   e_s = score(q, k_s)                how well position s fits the query
    weights    a_s = exp(e_s) / sum_r exp(e_r)    the same, adding up to one
    context    c   = sum_s a_s v_s                the values, mixed in these parts

Here are three source positions of depth 2 and one query; the keys are the values.
"""

import math

import numpy as np

import keras_attention as ka

QUERY = [1.0, 2.0]
VALUES = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]


def dot_energies(query, keys):
    """Luong's dot score: e_s = q . k_s"""
    return [sum(q * k for q, k in zip(query, key, strict=True)) for key in keys]


def additive_energies(query, keys, v):
    """Bahdanau's score: e_s = v . tanh(W_q q + W_k k_s), both kernels the identity."""
    return [
        sum(v[u] * math.tanh(query[u] + key[u]) for u in range(len(v))) for key in keys
    ]


def softmax(energies):
    """From energies to weights."""
    exponentials = [math.exp(energy) for energy in energies]
    return [exponential / sum(exponentials) for exponential in exponentials]


def mix(weights, values):
    """From weights to the context."""
    return [
        sum(weight * value[d] for weight, value in zip(weights, values, strict=True))
        for d in range(len(values[0]))
    ]


def batch_of_one(numbers):
    """Layers take batches: [1, ...]."""
    return np.array([numbers], "float32")


def show(title, energies, layer, mask=None):
    """Print both computations; returns their largest difference."""
    kept = [s for s in range(len(VALUES)) if mask is None or mask[s]]
    weights = [0.0] * len(VALUES)
    for s, weight in zip(kept, softmax([energies[s] for s in kept]), strict=True):
        weights[s] = weight
    context = mix(weights, VALUES)

    layer_context, layer_weights = layer(
        batch_of_one(QUERY),
        batch_of_one(VALUES),
        value_mask=None if mask is None else np.array([mask]),
        return_attention_scores=True,
    )
    layer_context = np.array(layer_context)[0]  # [Dv]
    layer_weights = np.array(layer_weights)[0]  # [S]

    print(f"\n{title}")
    print(f"  query = {QUERY}")
    print("  source   key = value    energy   weight   layer's weight")
    for s, value in enumerate(VALUES):
        energy = f"{energies[s]:8.4f}" if s in kept else "  masked"
        print(
            f"  {s}        {str(value):12} {energy} {weights[s]:8.4f} "
            f"{layer_weights[s]:16.4f}"
        )
    print(f"  context by hand  [{context[0]:.4f}, {context[1]:.4f}]")
    print(f"  layer's context  [{layer_context[0]:.4f}, {layer_context[1]:.4f}]")
    return max(
        np.abs(layer_weights - weights).max(), np.abs(layer_context - context).max()
    )


def main():
    print(__doc__.split("\n\n", 2)[2].rstrip())
    differences = []

    luong = ka.LuongAttention(score="dot")
    differences.append(
        show("Luong, dot: e_s = q . k_s", dot_energies(QUERY, VALUES), luong)
    )

    # Padding gets weight 0, whatever stands there, and the rest still add up to one.
    differences.append(
        show(
            "The same with the last position masked",
            dot_energies(QUERY, VALUES),
            luong,
            mask=[True, True, False],
        )
    )

    bahdanau = ka.BahdanauAttention(units=2)
    bahdanau(batch_of_one(QUERY), batch_of_one(VALUES))  # the first call makes weights
    by_hand = {"query/kernel": np.eye(2), "key/kernel": np.eye(2), "/v": [1.0, -1.0]}
    for variable in bahdanau.weights:
        for name, numbers in by_hand.items():
            if variable.path.endswith(name):
                variable.assign(numbers)
    differences.append(
        show(
            "Bahdanau: e_s = v . tanh(W_q q + W_k k_s), W_q = W_k = 1, v = [1, -1]",
            additive_energies(QUERY, VALUES, v=[1.0, -1.0]),
            bahdanau,
        )
    )
    print(f"\nLargest difference of hand and layer: {max(differences):.1e}")


if __name__ == "__main__":
    main()
