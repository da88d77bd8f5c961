"""Attention weights: `[B, H, T, S]` inside, without the axis of one head for users."""

from typing import Any

from keras import ops

from keras_attention.layer_support.types import Tensor


def public_weights(weights: Tensor) -> Any:
    """Weights as users of layers see them: without the axis of one head.

    Args:
        weights: `[B, H, T, S]`, `[B, H, S]` of one step, or None.
    """
    if weights is None or weights.shape[1] != 1:
        return weights
    if len(weights.shape) == 3:
        return ops.squeeze(weights, 1)  # [B, S]
    # No squeeze: LiteRT has none for what leaves a loop, whose shape it does not know.
    batch, _, targets, sources = ops.shape(weights)
    return ops.reshape(weights, (batch, targets, sources))  # [B, T, S]


def weights_with_heads(weights: Tensor, rank: int, axis: int = 1) -> Any:
    """The reverse, for what users give: `[B, H, ..., S]` of `[B, ..., S]`, or None.

    Args:
        weights: Of either form.
        rank: With heads: 4, or 3 for one step.
        axis: That of the heads.
    """
    if weights is None or len(weights.shape) == rank:
        return weights
    return ops.expand_dims(weights, axis)


def mean_over_heads(weights: Tensor, axis: int = 1) -> Any:
    """`[B, ..., S]` of `[B, H, ..., S]`."""
    one = weights.shape[axis] == 1
    return ops.squeeze(weights, axis) if one else ops.mean(weights, axis=axis)
