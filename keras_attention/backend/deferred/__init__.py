"""Gradients of what all steps of a loop share, computed once after the loop.

| file | what |
|---|---|
| `step_functions.py` | functions of what varies and what does not, and `deferred` |
| `products.py` | products with a kernel, with the values of attention |
| `on_tensorflow.py` | how a loop of TensorFlow records them |
"""
