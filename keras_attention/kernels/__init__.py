"""Computations written for one backend, where `keras.ops` costs too much.

| file | what | instead of |
|---|---|---|
| `deferred_tensorflow.py` | gradients of a loop's kernel in one product after it | one product and one addition to `[K, N]` a step |
| `gather.py` | rows by their places | fifty nodes of a graph for each `take_along_axis` |
"""  # noqa: E501
