"""Beam search: the best extensions of all hypotheses of a row go on together."""

from keras import ops

from keras_attention.backend import sizes
from keras_attention.backend.gather import gather
from keras_attention.generation.search.hypotheses import NOTHING, Extension
from keras_attention.layer_support.types import Tensor


def beam(rank: Tensor, slots: Tensor, size: Tensor, end_id: int) -> Extension:
    """The best extensions that go on, and which hypotheses may end.

    A hypothesis may end where its extension by the end is among the first `size` of
    all extensions; the best `size` of the others go on.

    Args:
        rank: `[B, K, V]` what extensions are chosen by, -inf where there is none.
        slots: K.
        size: `[B, 1]` hypotheses that a row may keep, at most K.
    """
    width = sizes.size(rank, 2)
    flat = ops.reshape(rank, (-1, slots * width))  # [B, K * V]
    # At most one of a slot's extensions is the end: 2K hold K that go on.
    ranks, indices = ops.top_k(flat, 2 * slots)  # [B, 2K]
    indices = ops.cast(indices, "int32")
    is_end = ops.equal(indices % width, end_id)
    # By their order among the first, not by comparing ranks: a compiler may compute
    # the same rank twice and round it differently.
    first = ops.arange(2 * slots, dtype="int32") < size  # [B, 2K]
    ending = ops.where(is_end & first, indices // width, -1)
    number = ops.arange(slots, dtype="int32")  # [K]
    is_own = ops.equal(ops.expand_dims(ending, 1), ops.expand_dims(number, 1))
    kept, order = ops.top_k(ops.where(is_end, NOTHING, ranks), slots)  # [B, K]
    indices = gather(indices, ops.cast(order, "int32"), batch_axes=1)  # [B, K]
    return Extension(
        slot=indices // width,
        token=indices % width,
        there=(number < size) & (kept > NOTHING),
        may_end=ops.any(is_own, axis=2),  # [B, K, 2K] to [B, K]
    )
