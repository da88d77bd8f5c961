"""Heads: the last dimension split into several, and back."""

from typing import Any

from keras import ops

from keras_attention.layer_support.types import Tensor


def check_heads(depth: int | None, num_heads: int, what: str) -> None:
    """Raise ValueError unless `num_heads` divides `depth`."""
    if depth is not None and depth % num_heads:
        raise ValueError(
            f"`num_heads` must divide {what}. Expected: a divisor of {depth}. "
            f"Received: num_heads={num_heads}"
        )


def split_heads(x: Tensor, num_heads: int) -> Any:
    """`[B, S, D]` to `[B, H, S, D / H]`: head h has slice h."""
    if num_heads == 1:
        return ops.expand_dims(x, 1)  # [B, 1, S, D]
    batch, length, depth = ops.shape(x)
    x = ops.reshape(x, (batch, length, num_heads, depth // num_heads))  # [B, S, H, D/H]
    return ops.transpose(x, (0, 2, 1, 3))  # [B, H, S, D/H]


def merge_heads(x: Tensor) -> Any:
    """`[B, H, T, D / H]` to `[B, T, D]`."""
    if x.shape[1] == 1:
        return ops.squeeze(x, 1)  # [B, T, D]
    batch, heads, length, depth = ops.shape(x)
    x = ops.transpose(x, (0, 2, 1, 3))  # [B, T, H, D/H]
    return ops.reshape(x, (batch, length, heads * depth))  # [B, T, D]
