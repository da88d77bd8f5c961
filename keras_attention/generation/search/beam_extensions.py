"""Beam search: the best extensions of all hypotheses of a row go on together.

Of a large vocabulary most is never looked at one by one. A token can be among the best
n of a row only if its block of the vocabulary is among the n blocks with the largest
token, ties going to what comes first: n - 1 other blocks would otherwise each have a
better token.
"""

from typing import NamedTuple

from keras import ops

from keras_attention.backend import sizes
from keras_attention.backend.gather import gather
from keras_attention.backend.top import top
from keras_attention.generation.search.hypotheses import NOTHING, Extension
from keras_attention.layer_support.types import Tensor

_BLOCK = 128
_BLOCKS = 8  # Of a vocabulary that is worth it, at least.


class Extensions(NamedTuple):
    """Extensions to choose from, in blocks, in the order of slot and token.

    Attributes:
        ranks: `[B, N * M]` what is chosen by, -inf where there is none.
        blocks: `[B, N]` which N of the row's blocks these are; None for all.
        block: M, tokens of a block.
        per_slot: Blocks of a slot.
        vocabulary: V.
    """

    ranks: Tensor
    blocks: Tensor
    block: Tensor
    per_slot: Tensor
    vocabulary: Tensor

    def slots_and_tokens(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Slots and tokens of places `[B, C]` among the extensions."""
        if self.blocks is None:
            return places // self.vocabulary, places % self.vocabulary
        block = gather(self.blocks, places // self.block, batch_axes=1)  # [B, C]
        token = block % self.per_slot * self.block + places % self.block
        # Past the vocabulary there is filling, which is chosen where nothing is left.
        token = ops.minimum(token, self.vocabulary - 1)
        return block // self.per_slot, token


def every_extension(ranks: Tensor) -> Extensions:
    """All of `[B, K, V]`."""
    slots, width = sizes.size(ranks, 1), sizes.size(ranks, 2)
    flat = ops.reshape(ranks, (-1, slots * width))  # [B, K * V]
    return Extensions(flat, None, width, 1, width)


def likely_extensions(
    logits: Tensor, start: Tensor, slots: Tensor, pad_id: int
) -> Extensions:
    """Those of `start [B, K]` plus `logits [B, K, V]` that may be the best 2K of a row.

    Padding is none.
    """
    width = logits.shape[2]
    if width is None or width < _BLOCKS * _BLOCK:
        is_pad = ops.equal(ops.arange(sizes.size(logits, 2), dtype="int32"), pad_id)
        ranks = logits + ops.expand_dims(start, -1)  # [B, K, V]
        return every_extension(ops.where(is_pad, NOTHING, ranks))
    block = next((n for n in range(_BLOCK, _BLOCK // 2, -1) if not width % n), _BLOCK)
    per_slot = -(-width // block)
    filling = per_slot * block - width
    if filling:
        logits = ops.pad(logits, ((0, 0), (0, 0), (0, filling)), "constant", NOTHING)
    tokens = ops.reshape(logits, (-1, slots, per_slot, block))
    best = ops.max(tokens, axis=-1, initial=NOTHING)  # [B, K, V / M]
    best = ops.reshape(best + ops.expand_dims(start, -1), (-1, slots * per_slot))
    # Each slot's padding may stand before what is asked for.
    _, blocks = top(best, 3 * slots)  # [B, N]
    blocks = ops.sort(blocks, axis=1)  # For ties.
    tokens = ops.reshape(tokens, (-1, slots * per_slot, block))
    tokens = gather(tokens, blocks, batch_axes=1)  # [B, N, M]
    ranks = tokens + ops.expand_dims(
        gather(start, blocks // per_slot, batch_axes=1), -1
    )
    is_pad = ops.equal(ops.arange(block, dtype="int32"), pad_id % block)  # [M]
    is_pad = is_pad & ops.expand_dims(
        ops.equal(blocks % per_slot, pad_id // block), -1
    )  # [B, N, M]
    ranks = ops.where(is_pad, NOTHING, ranks)
    flat = ops.reshape(ranks, (-1, 3 * slots * block))  # [B, N * M]
    return Extensions(flat, blocks, block, per_slot, width)


def beam(extensions: Extensions, slots: Tensor, size: Tensor, end_id: int) -> Extension:
    """The best extensions that go on, and which hypotheses may end.

    A hypothesis may end where its extension by the end is among the first `size` of
    all extensions; the best `size` of the others go on.

    Args:
        extensions: The best 2K of a row at least.
        slots: K.
        size: `[B, 1]` hypotheses that a row may keep, at most K.
    """
    # At most one of a slot's extensions is the end: 2K hold K that go on.
    ranks, places = top(extensions.ranks, 2 * slots)  # [B, 2K]
    slot, token = extensions.slots_and_tokens(places)
    is_end = ops.equal(token, end_id)
    # By their order among the first, not by comparing ranks: a compiler may compute
    # the same rank twice and round it differently.
    first = ops.arange(2 * slots, dtype="int32") < size  # [B, 2K]
    ending = ops.where(is_end & first, slot, -1)
    number = ops.arange(slots, dtype="int32")  # [K]
    is_own = ops.equal(ops.expand_dims(ending, 1), ops.expand_dims(number, 1))
    kept, order = top(ops.where(is_end, NOTHING, ranks), slots)  # [B, K]
    return Extension(
        slot=gather(slot, order, batch_axes=1),
        token=gather(token, order, batch_axes=1),
        there=(number < size) & (kept > NOTHING),
        may_end=ops.any(is_own, axis=2),  # [B, K, 2K] to [B, K]
    )
