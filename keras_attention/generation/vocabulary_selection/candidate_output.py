"""Output layer for candidate tokens instead of all."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from keras_attention.decoder.tied_embedding import TiedOutput
from keras_attention.layer_support.types import Ids, Mask, Tensor


class Candidates(NamedTuple):
    """The tokens that may come next.

    Attributes:
        ids: `[M]` int32, none twice: what at least one row may choose.
        mask: `[B, M]` booleans: what each row may choose.
    """

    ids: Ids
    mask: Mask


def union(
    rows: Ids, common: Ids, special: tuple[int, ...], vocabulary_size: int
) -> tuple[Candidates, Tensor]:
    """The candidates of a batch, from those of its rows.

    Args:
        rows: `[B, N]` int32, candidates of each row in any order, repeated or not.
        common: `[F]` int32, candidates of all rows.
        special: Candidates of all rows that come first, in this order; the others
            are in ascending order.
        vocabulary_size: V.

    Returns:
        The candidates, and where each token is among them, `[V]` int32: M where it
        is none.
    """
    batch = ops.shape(rows)[0]
    first = ops.convert_to_tensor(special, dtype="int32")
    flat = ops.reshape(rows, (-1,))  # [B * N]
    present = _marked(ops.concatenate([flat, common]), vocabulary_size)  # [V]
    others = present & ~_marked(first, vocabulary_size)
    rest = ops.cast(ops.nonzero(others)[0], "int32")
    ids = ops.concatenate([first, rest])  # [M]
    size = ops.shape(ids)[0]
    positions = ops.scatter_update(
        ops.full((vocabulary_size,), size, "int32"),
        ops.expand_dims(ids, -1),
        ops.arange(size, dtype="int32"),
    )  # [V]
    starts = ops.arange(batch, dtype="int32") * size  # [B]
    own = ops.expand_dims(starts, -1) + ops.take(positions, rows)  # [B, N]
    mask = ops.reshape(_marked(ops.reshape(own, (-1,)), batch * size), (batch, size))
    everyones = _marked(ops.concatenate([first, common]), vocabulary_size)  # [V]
    mask = mask | ops.take(everyones, ids)  # [B, M]
    return Candidates(ids, mask), positions


def columns(
    layer: keras.layers.Layer, candidates: Candidates, beam_size: Tensor
) -> Callable[[Tensor], Tensor]:
    """An output layer for candidates only.

    Args:
        layer: `keras.layers.Dense` of V units without activation, or `TiedOutput`.
        candidates: For B rows.
        beam_size: K: hypotheses of each row, together.

    Returns:
        A function of `[B * K, D]` to `[B * K, M]`, minus infinity where a token is
        none of the row's own.
    """
    dtype = layer.compute_dtype
    mask = own_mask(candidates, beam_size)  # [B * K, M]
    nothing = ops.cast(-float("inf"), dtype)
    if getattr(layer, "quantization_mode", None) is not None:
        # Its columns are packed, and are not looked for here.
        return lambda x: ops.where(
            mask, ops.take(layer(x), candidates.ids, axis=-1), nothing
        )
    if isinstance(layer, TiedOutput):
        kernel = layer.columns(candidates.ids)  # [D, M]
    else:
        kernel = ops.take(layer.kernel, candidates.ids, axis=1)  # [D, M]
    kernel = ops.cast(kernel, dtype)
    bias = None
    if layer.bias is not None:
        bias = ops.cast(ops.take(layer.bias, candidates.ids), dtype)  # [M]

    def logits(x: Tensor) -> Tensor:
        y = ops.matmul(ops.cast(x, dtype), kernel)  # [B * K, M]
        return ops.where(mask, y if bias is None else y + bias, nothing)

    return logits


def own_mask(candidates: Candidates, beam_size: Tensor) -> Mask:
    """What each hypothesis may choose, `[B * K, M]`."""
    if isinstance(beam_size, int) and beam_size == 1:
        return candidates.mask
    return ops.repeat(candidates.mask, beam_size, axis=0)  # [B * K, M]


def _marked(ids: Ids, size: Tensor) -> Mask:
    """`[size]` booleans: which numbers occur in `ids [N]`."""
    zeros = ops.zeros((size,), "int32")
    ones = ops.ones_like(ids)
    return ops.scatter_update(zeros, ops.expand_dims(ids, -1), ones) > 0
