"""Shapes of labels and sample weights, for losses and metrics."""

from keras import ops

from keras_attention.layer_support.types import Shape, Tensor


def with_shape(y_true: Tensor, expected: Shape, meaning: str) -> Tensor:
    """Labels without a last axis of one, as Keras takes them, and of a shape.

    Args:
        y_true: `[*expected]` or `[*expected, 1]`.
        expected: What the shape has to be.
        meaning: What the labels are, for the message.

    Raises:
        ValueError: Another shape.
    """
    labels = _squeezed(ops.convert_to_tensor(y_true), len(expected))
    received = tuple(labels.shape)
    if len(received) != len(expected) or any(
        a is not None and b is not None and a != b
        for a, b in zip(expected, received, strict=True)
    ):
        raise ValueError(
            f"`y_true` must be {meaning}. Expected: {expected}. Received: {received}"
        )
    return labels


def token_labels(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`y_true [B, T]` or `[B, T, 1]` as int32 `[B, T]`, for `y_pred [B, T, V]`."""
    expected = tuple(y_pred.shape[:-1])
    return ops.cast(
        with_shape(y_true, expected, "an id for each distribution of `y_pred`"), "int32"
    )


def sample_weights(sample_weight: Tensor, like: Tensor) -> Tensor:
    """Sample weights that broadcast to `like`: one for each entry, or each row of it.

    Raises:
        ValueError: A shape that means neither.
    """
    rank = len(like.shape)
    weights = _squeezed(ops.cast(sample_weight, like.dtype), rank)
    received = tuple(weights.shape)
    while 0 < len(weights.shape) < rank:
        weights = ops.expand_dims(weights, -1)
    if len(received) > rank or any(
        a not in (None, 1) and b is not None and a != b
        for a, b in zip(weights.shape, like.shape, strict=False)
    ):
        raise ValueError(
            "`sample_weight` must be a number for each sequence"
            f"{' or token' * (rank > 1)}. Expected: {tuple(like.shape)[:1]}"
            f"{f' or {tuple(like.shape)}' * (rank > 1)}. Received: {received}"
        )
    return weights


def _squeezed(x: Tensor, rank: int) -> Tensor:
    last = len(x.shape) == rank + 1 and x.shape[-1] == 1
    return ops.squeeze(x, -1) if last else x
