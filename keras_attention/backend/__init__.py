"""Tensor computations below any layer.

| file | what |
|---|---|
| `loop/` | `scan`, `unfold` and `stages`, the loops over time, on each backend |
| `cells/` | recurrent cells with their input projection outside the loop |
| `deferred/` | gradients of what all steps of a loop share, once after the loop |
| `additive/` | additive energies of all pairs without storing the pairs |
| `masks.py` | masks select, they are never added |
| `weights.py` | attention weights with their heads, and as users see them |
| `precision.py` | at least float32 where it matters |
| `linear_recurrence.py` | a recurrence along the source, in parallel and exactly |
| `distribution.py` | sums and clipping over the replicas of a distributed step |
| `top.py` | the largest of rows and where it is; logarithms of summed exponentials |
| `batched_products.py` | products of single rows |
| `gather.py`, `sizes.py` | rows by their places; sizes that a graph learns late |
"""
