"""Masks select, they are never added."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.layer_support.types import Mask, Nested, Tensor


def as_mask(mask: Mask, argument: str, like: Tensor = None) -> Any:
    """Return `mask` as a boolean tensor.

    Args:
        mask: `[B, S]` booleans or integers (non-zero is valid), or None.
        argument: Name of the argument, for messages.
        like: Tensor `[B, S, ...]` whose first dimensions the mask must have.

    Raises:
        TypeError: A mask of anything else; the meaning of floats (0/1 or additive)
            would be ambiguous.
        ValueError: Rank or shape differ from those of `like`.
    """
    if mask is None:
        return None
    # Before it is a tensor: not every backend has one of strings.
    dtype = _dtype_name(mask)
    if dtype != "bool" and not dtype.startswith(("int", "uint")):
        raise TypeError(
            f"`{argument}` must be boolean or integer (non-zero is valid). "
            f"Received: {argument} of dtype {dtype}"
        )
    mask = ops.convert_to_tensor(mask)
    if like is not None:
        expected = tuple(like.shape[:-1])
        received = tuple(mask.shape)
        if len(expected) != len(received) or any(
            a is not None and b is not None and a != b
            for a, b in zip(expected, received, strict=True)
        ):
            raise ValueError(
                f"`{argument}` must have the shape of its tensor without the last "
                f"dimension. Expected: {expected}. Received: {received}"
            )
    return ops.cast(mask, "bool")


def _dtype_name(mask: Mask) -> str:
    dtype = mask.dtype if hasattr(mask, "dtype") else np.asarray(mask).dtype
    try:
        return str(keras.backend.standardize_dtype(dtype))
    except ValueError:  # none that Keras has a name for
        return str(dtype)


def for_energies(mask: Mask) -> Any:
    """`mask [B, S]` or `[B, H, S]` as what broadcasts to energies `[B, H, T, S]`."""
    if len(mask.shape) == 2:
        mask = ops.expand_dims(mask, 1)
    return ops.expand_dims(mask, -2)  # [B, 1, 1, S] or [B, H, 1, S]


def zero_where_masked(x: Tensor, mask: Mask) -> Any:
    """Put exact zeros where `mask` is False, so that not even NaN gets through.

    Args:
        x: `[B, S, ...]`.
        mask: `[B, S]` booleans or None.
    """
    if mask is None:
        return x
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return ops.where(mask, x, ops.zeros_like(x))


def zero_rows(weights: Tensor, mask: Mask) -> Any:
    """Exact zeros in weights `[B, H, T, S]` where the mask `[B, T]` is False."""
    if mask is None:
        return weights
    rows = ops.expand_dims(ops.expand_dims(mask, 1), -1)  # [B, 1, T, 1]
    return ops.where(rows, weights, ops.zeros_like(weights))


def keep_where_masked(mask: Mask, new: Nested, old: Nested) -> Any:
    """Take `new` in valid rows and `old` in masked ones, leaf by leaf.

    Args:
        mask: `[B]` booleans or None (every row is valid).
        new: Structure of tensors `[B, ...]`.
        old: The same structure.
    """
    if mask is None:
        return new

    def select(a: Tensor, b: Tensor) -> Any:
        if keras.backend.backend() == "tensorflow":
            # Copies rows, where `where` asks for each number.
            import tensorflow as tf

            return tf.raw_ops.Select(condition=mask, x=a, y=b)
        row = mask
        for _ in range(len(a.shape) - 1):
            row = ops.expand_dims(row, -1)
        return ops.where(row, a, b)

    return keras.tree.map_structure(select, new, old)
