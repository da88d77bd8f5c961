"""Tensor computations below any layer: loops over time, kernels, masks, precision."""
