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

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.backend.loop import unfold
from keras_attention.backend.sizes import size as size_of
from keras_attention.generation.options.features import Features
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.search.beam_extensions import (
    beam,
    every_extension,
)
from keras_attention.generation.search.hypotheses import (
    NOTHING,
    Extension,
    Grid,
    at_slots,
)
from keras_attention.layer_support.types import Nested, Tensor


def diverse_groups(
    rank: Tensor, rows: RowOptions, features: Features, grid: Grid, end_id: int
) -> Extension:
    """What `beam` returns, chosen group by group.

    Args:
        rank: `[B, K, V]` rank scores.
        rows: With K, G and the penalty.
        features: With the most groups, and the most slots of a group.
        grid: The slots, with their groups.
    """
    slot, size = grid.own, grid.quota  # [B, K], [B, 1]
    inside = ops.arange(features.group_slots, dtype="int32")  # [M]
    within = slot - slot // size * size  # Its place in its group.
    within = ops.minimum(within, features.group_slots - 1)
    penalty = ops.reshape(rows.diversity_penalty, (-1, 1, 1))  # [B, 1, 1]
    vocabulary = ops.arange(size_of(rank, 2), dtype="int32")  # [V]
    in_beam = slot < ops.expand_dims(rows.beam_size, 1)

    def choose(group: Tensor, carried: Nested) -> Nested:
        chosen, so_far = carried[0], Extension(*carried[1:])
        # A row that samples has no groups, and its answer here is not used.
        start = group * ops.minimum(size, grid.slots)  # [B, 1]
        index = ops.minimum(start + inside, grid.slots - 1)  # [B, M]
        there = (inside < size) & (group < ops.expand_dims(rows.beam_groups, 1))
        own = at_slots(rank, index) - penalty * ops.expand_dims(chosen, 1)  # [B, M, V]
        own = ops.where(ops.expand_dims(there, -1), own, NOTHING)
        mine = beam(every_extension(own), features.group_slots, size, end_id)
        mine = mine._replace(slot=gather(index, mine.slot, batch_axes=1))
        ends = mine.may_end & (own[:, :, end_id] > NOTHING)  # [B, M]
        goes_on = ops.expand_dims(mine.there, -1)  # [B, M, 1]
        tokens = ops.equal(ops.expand_dims(mine.token, -1), vocabulary)  # [B, M, V]
        count = ops.sum(ops.cast(goes_on & tokens, "float32"), axis=1) + ops.where(
            ops.equal(vocabulary, end_id),
            ops.sum(ops.cast(ends, "float32"), axis=1, keepdims=True),
            0.0,
        )  # [B, V]
        here = in_beam & ops.equal(slot // size, group)  # [B, K]
        merged = Extension(
            *(
                ops.where(here, gather(new, within, batch_axes=1), old)
                for new, old in zip(mine, so_far, strict=True)
            )
        )
        return (chosen + count, *merged), ()

    none = ops.zeros_like(in_beam)  # [B, K]
    first = (ops.zeros_like(rank[:, 0]), slot, ops.zeros_like(slot), none, none)
    carried, _, _ = unfold(
        choose, first, lambda _: True, features.groups, rows=features.groups
    )
    return Extension(*carried[1:])
