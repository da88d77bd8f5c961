r"""Local attention: Luong et al. 2015, section 3.2.

Both put a window around a position $p_t$, and both are called local attention:

| name | $p_t$ | weights within the window |
|---|---|---|
| `local_m` | $t$ | softmax |
| `local_p` | $S \cdot \sigma(v_p^\top \tanh(W_p q_t))$ | softmax times a Gaussian |
"""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.softmax import masked_softmax, softmax_where
from keras_attention.attention.alignments.valid_positions import (
    row_lengths,
    valid_before,
)
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import not_negative, positive_integer
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Mask, Shape, State, Tensor


@registry.register("local_m")
class LocalMonotonicAlignment(Alignment):
    r"""Softmax over a window that moves on by one position a step (local-m).

    $$ a_{ts} \propto \exp(e_{ts}) \text{ for } |s - t| \le D, \text{ else } 0 $$

    Args:
        window: D, positions on either side of the centre.

    Steps and positions count from 0; positions count valid ones only, and steps
    count unmasked queries. The window is cut at the ends of the sentence. More than D
    steps beyond its end no position is left, and the weights are 0.

    State: the step, `[B]`.

    Raises:
        ValueError: `window` is negative or no integer.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.2 (local-m).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("zero", ka.alignments.LocalMonotonicAlignment(0))
    >>> context = attention(np.ones((1, 2, 1)), np.array([[[5.0], [7.0]]]))
    >>> np.asarray(context).ravel().tolist()
    [5.0, 7.0]
    """

    def __init__(self, window: int = 10, **layer: Any) -> None:
        super().__init__(**layer)
        self.window = not_negative("window", window)

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        return ops.zeros(ops.shape(mask)[:1], "float32")  # [B]

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        return state + 1.0

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        distance = ops.abs(valid_before(mask, "float32") - ops.expand_dims(state, 1))
        inside = ops.logical_and(mask, distance <= self.window)  # [B, S]
        return masked_softmax(energies, inside)


@registry.register("local_p")
class LocalPredictiveAlignment(Alignment):
    r"""Softmax in a window whose centre is predicted, times a Gaussian (local-p).

    $$ p_t = S\, \sigma(v_p^\top \tanh(W_p q_t)), \qquad
       a_{ts} = \mathrm{softmax}_{|s - p_t| \le D}(e_t)_s
       \exp\Big(-\frac{(s - p_t)^2}{2 (D/2)^2}\Big) $$

    Args:
        window: D, positions on either side of the centre.
        units: Depth of $W_p$; None takes the depth of the query.

    S is the row's own number of valid positions, never the padded width, and s
    counts valid positions from 0. The weights are not normalised again, as in the
    paper, so they sum to less than 1. All heads share the centre.

    Weights: `position/kernel [Dq, U]`, `v_p [U]`.

    Relative to the paper: it lets S be the sentence length, which most
    implementations take to be the padded one.

    Raises:
        ValueError: `window` is not a positive integer, or `units` is none.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, equations 9 and 10 (local-p).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("dot", ka.alignments.LocalPredictiveAlignment(2))
    >>> tuple(attention(np.ones((1, 3, 4)), np.ones((1, 9, 4))).shape)[1:]
    (3, 4)
    """

    def __init__(self, window: int = 10, units: int | None = None, **layer: Any):
        super().__init__(**layer)
        self.window = positive_integer("window", window)
        self.units = positive_integer("units", units, optional=True)

    def build(self, query_shape: Shape) -> None:
        units = self.units or query_shape[-1]
        position = keras.layers.Dense(
            units, use_bias=False, name="position", dtype=self.dtype_policy
        )
        self.position = build_part(position, query_shape)
        start = "glorot_uniform"
        self.v_p = self.add_weight(name="v_p", shape=(units,), initializer=start)

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        dtype = at_least_float32(energies.dtype)
        batch, targets, depth = ops.shape(query)
        # Flat, as in `AdditiveScore`: what stands in a loop has to train under XLA.
        hidden = ops.tanh(self.position(ops.reshape(query, (-1, depth))))  # [B*T, U]
        v_p = ops.expand_dims(ops.cast(self.v_p, hidden.dtype), -1)  # [U, 1]
        share = ops.sigmoid(ops.cast(ops.matmul(hidden, v_p), dtype))
        share = ops.reshape(share, (batch, targets))  # [B, T]
        centre = share * row_lengths(mask, dtype)  # [B, T]
        position = ops.expand_dims(valid_before(mask, dtype), 1)  # [B, 1, S]
        distance = position - ops.expand_dims(centre, -1)  # [B, T, S]
        # The position of a hole in the mask says nothing.
        valid = ops.expand_dims(mask, 1)  # [B, 1, S]
        inside = ops.logical_and(valid, ops.abs(distance) <= self.window)  # [B, T, S]
        gaussian = ops.exp(-2.0 * ops.square(distance / self.window))
        soft = softmax_where(energies, ops.expand_dims(inside, 1))  # [B, H, T, S]
        return soft * ops.expand_dims(gaussian, 1)
