"""Result of generation: the sequences, and what they were made from."""

from typing import NamedTuple

from keras import ops

from keras_attention.layer_support.types import Ids, Tensor

LOWEST = -3.4028235e38  # float32: an empty place, which JSON can write


class Generation(NamedTuple):
    """Generated sequences and what they were made from.

    Attributes:
        ids: `[B, T]` int32, `pad_id` after the end.
        lengths: `[B]` int32, tokens including the end where there is one (a row
            that reached its `max_length` has none).
        log_probs: `[B]`, sums of the tokens' log-probabilities, the end's
            included; never penalised.
        weights: `[B, T, S]` attention weights (`[B, H, T, S]` with several
            heads), zero after the end; None for a step function that has none.
        steps_run: int32 scalar, steps of the loop: what the longest row needed, and
            1 for a batch without rows.

    Everything but the plain number 1 as `alternatives` adds axis 1: `ids [B, N, T]`,
    `lengths [B, N]` and so on. Places without an answer have length 0 and the lowest
    finite float32 as log-probability. T is `steps_run`; inside `jax.jit` and XLA, where
    shapes come before values, it is the most that the options allow.
    """

    ids: Ids
    lengths: Tensor
    log_probs: Tensor
    weights: Tensor
    steps_run: Tensor


def as_first(one: Generation, answers: int, pad_id: int) -> Generation:
    """One answer per row as the first of N, the others empty."""

    def spread(x: Tensor, empty: float) -> Tensor:
        x = ops.expand_dims(x, 1)
        if answers == 1:
            return x
        shape = ops.shape(x)
        rest = ops.full((shape[0], answers - 1, *shape[2:]), empty, x.dtype)
        return ops.concatenate([x, rest], axis=1)

    return Generation(
        ids=spread(one.ids, pad_id),  # [B, N, T]
        lengths=spread(one.lengths, 0),  # [B, N]
        log_probs=spread(one.log_probs, LOWEST),  # [B, N]
        weights=None if one.weights is None else spread(one.weights, 0),
        steps_run=one.steps_run,
    )
