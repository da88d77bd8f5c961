"""Forward attention with a transition agent: Zhang, Ling & Dai 2018."""

import keras
from keras import ops

from keras_attention.attention.alignments.base import CarriedAlignment, registry
from keras_attention.attention.alignments.forward import forward_weights
from keras_attention.attention.alignments.valid_positions import (
    first_position,
    neighbours,
)
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Mask, Shape, State, Tensor

# A sigmoid is 1 from about 17 on in float32. Where attention always moves on and is at
# the last position, nothing could be reached any more.
_MOST = 1.0 - 1e-6


@registry.register("forward_transition")
class ForwardTransitionAlignment(CarriedAlignment):
    r"""Forward attention that learns how fast to move on.

    $$ a_{ts} \propto \big( (1 - u_{t-1})\, a_{t-1,s} + u_{t-1}\, a_{t-1,s-1} \big)
       \exp(e_{ts}), \qquad u_t = \sigma(W [c_t; q_t] + b), \quad
       u_0 = \tfrac{1}{2}, \quad a_0 = (1, 0, 0, \ldots) $$

    With u always 1/2 it is `forward`. In speech synthesis a number added to b changes
    the speed. Every head has its own agent, which sees all of the context.

    State: the weights of the step before, `[B, H, S]`, for each position the valid
    one before it, `[B, S]`, and u, `[B, H]`.

    Weights: `transition/kernel [Dv + Dq, H]`, `transition/bias [H]`.

    Relative to the paper: its agent also sees the output before, $y_{t-1}$, which an
    attention does not know. u is at most 1 - 1e-6, so that attention which has come to
    the last position stays there. As in `forward`, what less than 1e-30 of the weight
    can reach is not reached.

    References:
        Zhang, Ling & Dai 2018, arXiv 1807.06736, algorithm 2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("additive", "forward_transition")
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    def build(self, query_shape: Shape, value_shape: Shape = ()) -> None:
        transition = keras.layers.Dense(
            self.num_heads, name="transition", dtype=self.dtype_policy
        )
        seen = (None, value_shape[-1] + query_shape[-1])
        self.transition = build_part(transition, seen)

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        dtype = at_least_float32(self.compute_dtype)
        half = ops.full((ops.shape(mask)[0], num_heads), 0.5, dtype)  # [B, H]
        return first_position(mask, num_heads, dtype), neighbours(mask)[0], half

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        previous, before, move = state
        energies = ops.cast(energies, at_least_float32(energies.dtype))
        energies = ops.squeeze(energies, 2)  # [B, H, S]
        was, u = (ops.cast(x, energies.dtype) for x in (previous, move))
        u = ops.expand_dims(u, -1)  # [B, H, 1]
        weights = forward_weights(energies, mask, was, before, u)
        carried = ops.cast(weights, previous.dtype), before, move
        return ops.expand_dims(weights, 2), carried

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        seen = ops.concatenate([context, query], axis=-1)  # [B, Dv + Dq]
        logit = ops.cast(self.transition(seen), at_least_float32(seen.dtype))  # [B, H]
        move = ops.minimum(ops.sigmoid(logit), _MOST)
        return *state[:-1], ops.cast(move, state[-1].dtype)
