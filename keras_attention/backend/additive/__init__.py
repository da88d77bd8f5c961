"""Additive energies of all pairs, in memory that grows with T * S alone.

| file | what |
|---|---|
| `energies.py` | `additive_energies`, and the plain form of it |
| `ratio.py` | the pair's ratio that replaces the tanh, as products and as it stands |
| `on_tensorflow.py`, `tensorflow_graph.py`, `tensorflow_xla.py` | TensorFlow's loops |
| `on_jax.py`, `on_torch.py` | those of the other backends |
"""
