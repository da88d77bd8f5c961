"""Forward attention: Zhang, Ling & Dai 2018."""

from keras import ops

from keras_attention.attention.alignments.base import CarriedAlignment, registry
from keras_attention.attention.alignments.softmax import softmax_where
from keras_attention.attention.alignments.valid_positions import (
    first_position,
    neighbours,
    take_along_source,
)
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Mask, State, Tensor

# Less than this can reach no position: its logarithm has a gradient, but one so large
# that it overflows where the weight itself is no longer there.
_NOTHING = 1e-30


def forward_weights(
    energies: Tensor, mask: Mask, previous: Tensor, before: Tensor, move: Tensor
) -> Tensor:
    r"""Softmax over where attention is and the position after it.

    $$ a_{ts} \propto \big( (1 - u)\, a_{t-1,s} + u\, a_{t-1,s-1} \big) \exp(e_{ts}) $$

    Computed as one softmax of logarithms, not as a product over its sum, so that no
    clamp is needed against 0/0.

    Args:
        energies: e, `[B, H, S]`.
        mask: `[B, S]`.
        previous: Weights of the step before, `[B, H, S]`.
        before: For each position the valid one before it, `[B, S]`.
        move: u, a number or `[B, H, 1]`.

    Returns:
        `[B, H, S]`.
    """
    reached = (1 - move) * previous + move * take_along_source(previous, before, 0)
    possible = ops.logical_and(ops.expand_dims(mask, 1), reached > _NOTHING)
    reached = ops.where(possible, reached, ops.ones_like(reached))
    return softmax_where(energies + ops.log(reached), possible)


@registry.register("forward")
class ForwardAlignment(CarriedAlignment):
    r"""Softmax over what can be reached: attention stays or moves on by one position.

    $$ a_{ts} \propto (a_{t-1,s} + a_{t-1,s-1}) \exp(e_{ts}), \qquad
       a_0 = (1, 0, 0, \ldots) $$

    These are the probabilities of all paths that stay or move on by one position,
    through the softmax's weights, that end at s (the forward algorithm), normalised
    at every step. Every head has its own.

    State: the weights of the step before, `[B, H, S]`, and for each position the
    valid one before it, `[B, S]`.

    Relative to the paper: a position that less than 1e-30 of the weight can reach is
    not reached. It divides products by their sum; this is one softmax of logarithms.

    References:
        Zhang, Ling & Dai 2018, arXiv 1807.06736, algorithm 1.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> _, weights = ka.Attention("zero", "forward")(
    ...     np.ones((1, 2, 1)), np.ones((1, 3, 1)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0].round(2).tolist()
    [[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]]
    """

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        dtype = at_least_float32(self.compute_dtype)
        return first_position(mask, num_heads, dtype), neighbours(mask)[0]

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        previous, before = state
        energies = ops.cast(energies, at_least_float32(energies.dtype))
        energies = ops.squeeze(energies, 2)  # [B, H, S]
        was = ops.cast(previous, energies.dtype)
        weights = forward_weights(energies, mask, was, before, 0.5)
        return ops.expand_dims(weights, 2), (ops.cast(weights, previous.dtype), before)
