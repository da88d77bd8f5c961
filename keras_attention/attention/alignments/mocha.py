"""Monotonic chunkwise attention: Chiu & Raffel 2018."""

from typing import Any

from keras import ops

from keras_attention.attention.alignments.base import registry
from keras_attention.attention.alignments.monotonic import monotonic_weights
from keras_attention.attention.alignments.softmax import softmax_where
from keras_attention.attention.alignments.stopping_probability import SelectingAlignment
from keras_attention.attention.alignments.valid_positions import (
    first_position,
    neighbours,
    take_along_source,
)
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.types import Mask, Shape, State, Tensor

_LOWEST = -1e30


@registry.register("mocha")
class MochaAlignment(SelectingAlignment):
    r"""Monotonic attention with a softmax over the positions that end with the stop.

    $$ a_{ts} = \sum_{k=s}^{s+w-1} m_{tk}\,
       \frac{\exp(u_{ts})}{\sum_{r=k-w+1}^{k} \exp(u_{tr})} $$

    with m the weights of monotonic attention (`MonotonicAlignment`) from energies e,
    and u, the chunk energies, from parameters of their own.

    Args:
        chunk_size: w, positions of a chunk, valid ones only.
        mode, noise, score_bias, seed: As for `SelectingAlignment`.

    The score makes both kinds of energies: it has 2 H heads, the first H for the
    stops, the others for the chunks, and its depth divides by that many.

    State: $m_{t-1}$, `[B, H, S]`, and for each position the valid ones before and
    after it, `[B, S]`.

    Weights: `score_bias [H]`, r.

    Relative to the paper: both energies come from the same kind of score, where the
    paper normalises the weights of the first alone. The softmax of a chunk has its own
    maximum, so that low energies do not end in 0/0.

    Raises:
        ValueError: `chunk_size` is not a positive integer.

    References:
        Chiu & Raffel 2018, arXiv 1712.05382, section 2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> mocha = ka.alignments.MochaAlignment(2, mode="soft", score_bias=0.0)
    >>> _, weights = ka.Attention("zero", mocha)(
    ...     np.ones((1, 1, 1)), np.ones((1, 3, 1)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0].tolist()
    [[0.625, 0.1875, 0.0625]]
    """

    energies_per_head = 2

    def __init__(
        self,
        chunk_size: int = 4,
        mode: str = "hard",
        noise: float = 1.0,
        score_bias: float = -1.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(mode, noise, score_bias, seed, **layer)
        self.chunk_size = positive_integer("chunk_size", chunk_size)

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        start = first_position(mask, num_heads, self.state_dtype)  # [B, H, S]
        return start, *neighbours(mask)

    def draw_noise(self, shape: Shape, dtype: str) -> Tensor | None:
        batch, energies, targets, positions = shape
        half = (batch, energies // 2, targets, positions)
        noise = super().draw_noise(half, dtype)
        if noise is None:
            return None
        return ops.concatenate([noise, ops.zeros_like(noise)], axis=1)

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        previous, before, after = state
        hard = self.is_hard(training)
        stop, go = self.probabilities(energies[:, : self.num_heads], mask, hard)
        stops = monotonic_weights(stop, go, ops.cast(previous, stop.dtype), hard)
        chunk = ops.squeeze(energies[:, self.num_heads :], 2)  # [B, H, S]
        valid = ops.expand_dims(mask, 1)  # [B, 1, S]
        chunk = ops.maximum(ops.cast(chunk, stops.dtype), _LOWEST)
        chunk = ops.where(valid, chunk, ops.full_like(chunk, _LOWEST))
        # What stands m valid positions before each, for m = 0 ... w - 1.
        within = [chunk]
        for _ in range(self.chunk_size - 1):
            within.append(take_along_source(within[-1], before, _LOWEST))
        stacked = ops.stack(within, axis=-1)  # [B, H, S, w]
        shares = softmax_where(stacked, stacked > _LOWEST)
        parts = ops.unstack(ops.expand_dims(stops, -1) * shares, self.chunk_size, -1)
        # Handed back to where they stand: each goes down one position a round.
        weights = parts[-1]
        for part in parts[-2::-1]:
            weights = part + take_along_source(weights, after, 0)
        weights = ops.where(valid, weights, ops.zeros_like(weights))
        carried = ops.cast(stops, previous.dtype), before, after
        return ops.expand_dims(weights, 2), carried
