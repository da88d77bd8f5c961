"""Valid positions of a mask: their order, their neighbours, what stands at them."""

from keras import ops

from keras_attention.layer_support.types import Mask, Tensor


def valid_before(mask: Mask, dtype: str) -> Tensor:
    """Number of valid positions before each, `[B, S]`.

    Padding is not counted, wherever it stands: a row padded on the left has the
    same numbers as one padded on the right.
    """
    valid = ops.cast(mask, dtype)
    return ops.cumsum(valid, axis=-1) - valid


def row_lengths(mask: Mask, dtype: str) -> Tensor:
    """Valid positions of each row, `[B, 1]`."""
    return ops.sum(ops.cast(mask, dtype), axis=-1, keepdims=True)


def first_position(mask: Mask, num_heads: int, dtype: str) -> Tensor:
    """One at the first valid position of each row, `[B, H, S]`."""
    first = ops.logical_and(mask, ops.equal(valid_before(mask, "int32"), 0))  # [B, S]
    row = ops.expand_dims(ops.cast(first, dtype), 1)  # [B, 1, S]
    return ops.repeat(row, num_heads, axis=1)  # [B, H, S]


def valid_first(mask: Mask) -> Tensor:
    """Indices of the valid positions in their order, then those of the others."""
    count = ops.shape(mask)[1]
    index = ops.arange(count, dtype="int32")  # [S]
    later = ops.where(mask, index, index + count)
    return ops.cast(ops.argsort(later, axis=-1), "int32")  # [B, S]


def neighbours(mask: Mask) -> tuple[Tensor, Tensor]:
    """Index of the valid position before and after each, `[B, S]`, -1 for none.

    Of use for valid positions only; what stands at padding means nothing.
    """
    order = ops.expand_dims(valid_first(mask), 1)  # [B, 1, S]
    rank = valid_before(mask, "int32")
    before = take_along_source(order, rank - 1, -1)  # [B, 1, S]
    none = ops.full_like(rank, -1)
    has_next = rank + 1 < row_lengths(mask, "int32")
    after = take_along_source(order, ops.where(has_next, rank + 1, none), -1)
    return ops.squeeze(before, 1), ops.squeeze(after, 1)  # [B, S]


def take_along_source(x: Tensor, index: Tensor, otherwise: float) -> Tensor:
    """`x[b, h, index[b, s]]`, and `otherwise` where the index is negative.

    Args:
        x: `[B, H, S]`.
        index: `[B, S]` integers.
        otherwise: A number.

    Returns:
        `[B, H, S]`.
    """
    batch, heads, positions = ops.shape(x)
    rows = ops.arange(batch * heads, dtype="int32") * positions
    rows = ops.reshape(rows, (batch, heads, 1))
    index = ops.expand_dims(index, 1)  # [B, 1, S]
    flat = ops.reshape(x, (-1,))  # [B*H*S]
    # One axis of indices: JAX takes no other from what has no rows.
    chosen = ops.reshape(rows + ops.maximum(index, 0), (-1,))  # [B*H*S]
    found = ops.reshape(ops.take(flat, chosen, axis=0), ops.shape(x))  # [B, H, S]
    return ops.where(index >= 0, found, ops.full_like(found, otherwise))
