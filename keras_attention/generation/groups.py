r"""Diverse beam search: groups of a beam that are kept from choosing alike.

The K hypotheses of a row are G groups of K / G. At every step the groups choose one
after the other, each as a beam of its own, by

$$ s(Y) - \lambda \, \big|\{ \text{hypotheses of earlier groups that chose }
   y_t \text{ at this step} \}\big| $$

with $s$ the rank score and $\lambda$ the diversity penalty: Vijayakumar et al. 2016,
arXiv 1610.02424, equation 4 and algorithm 1 with Hamming diversity. A hypothesis that
ends has chosen the end. The penalty decides what a group chooses and nothing else: it
is not added to the scores (as it is in fairseq), so that hypotheses of different groups
can be compared, and the answers are in the order of their rank scores. As in the paper
every group brings as many answers as it has hypotheses, at most.
"""

from typing import Any

from keras import ops

from keras_attention.generation.beam import beam
from keras_attention.generation.features import Needs
from keras_attention.generation.live import (
    NOTHING,
    Extension,
    at_slots,
    own_slots,
)
from keras_attention.generation.rows import RowOptions
from keras_attention.scan import scan


def group_size(rows: RowOptions) -> Any:
    """Hypotheses of a group, `[B, 1]`; all slots of a row that samples."""
    size = rows.beam_size // rows.beam_groups
    size = ops.where(rows.sample, ops.full_like(size, 2**30), ops.maximum(size, 1))
    return ops.expand_dims(size, 1)


def grouped(
    rank: Any, totals: Any, rows: RowOptions, needs: Needs, end_id: int
) -> Extension:
    """What `beam` returns, chosen group by group.

    Args:
        rank: `[B, K, V]` rank scores.
        totals: `[B, K, V]` scores.
        rows: With K, G and the penalty.
        needs: With the most groups, and the most slots of a group.
        end_id: The end.
    """
    batch_size, slots, vocabulary_size = ops.shape(rank)
    size = group_size(rows)  # [B, 1]
    inside = ops.expand_dims(ops.arange(needs.group_slots, dtype="int32"), 0)  # [1, M]
    place = own_slots(batch_size, slots)  # [B, K]
    within = place - place // size * size  # Its place in its group.
    within = ops.minimum(within, needs.group_slots - 1)
    penalty = ops.reshape(rows.diversity_penalty, (-1, 1, 1))  # [B, 1, 1]
    vocabulary = ops.arange(vocabulary_size, dtype="int32")  # [V]
    in_beam = place < ops.expand_dims(rows.beam_size, 1)

    def choose(carried: Any, group: Any) -> Any:
        chosen, so_far = carried[0], Extension(*carried[1:])
        # A row that samples has no groups, and its answer here is not used.
        start = group * ops.minimum(size, slots)  # [B, 1]
        index = ops.minimum(start + inside, slots - 1)  # [B, M]
        there = ops.logical_and(
            inside < size, group < ops.expand_dims(rows.beam_groups, 1)
        )  # [B, M]
        own = at_slots(rank, index) - penalty * ops.expand_dims(chosen, 1)  # [B, M, V]
        own = ops.where(ops.expand_dims(there, -1), own, ops.full_like(own, NOTHING))
        mine = beam(own, at_slots(totals, index), size, end_id)
        mine = mine._replace(slot=ops.take_along_axis(index, mine.slot, axis=1))
        ends = ops.logical_and(mine.may_end, own[:, :, end_id] > NOTHING)  # [B, M]
        goes_on = ops.expand_dims(mine.score > NOTHING, -1)
        tokens = ops.equal(ops.expand_dims(mine.token, -1), vocabulary)  # [B, M, V]
        count = ops.sum(
            ops.cast(ops.logical_and(goes_on, tokens), "float32"), axis=1
        ) + ops.where(
            ops.equal(vocabulary, end_id),
            ops.sum(ops.cast(ends, "float32"), axis=1, keepdims=True),
            ops.zeros_like(chosen),
        )  # [B, V]
        here = ops.logical_and(in_beam, ops.equal(place // size, group))  # [B, K]
        merged = Extension(
            *(
                ops.where(here, ops.take_along_axis(new, within, axis=1), old)
                for new, old in zip(mine, so_far, strict=True)
            )
        )
        return (chosen + count, *merged), ()

    nothing = ops.full_like(totals[:, :, 0], NOTHING)  # [B, K]
    first = (
        ops.zeros((batch_size, vocabulary_size), "float32"),
        place,
        ops.zeros_like(place),
        nothing,
        ops.zeros_like(in_beam),
    )
    carried, _ = scan(choose, first, ops.arange(needs.groups, dtype="int32"))
    return Extension(*carried[1:])
