"""Location score: Luong et al. 2015, equation 8 (location)."""

from typing import Any

from keras import ops

from keras_attention.attention.scores.base import Score, registry
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.types import Memory, Shape, State, Tensor


@registry.register("location")
class LocationScore(Score):
    r"""Energies of positions from the query alone, whatever stands there.

    $$ a_t = \mathrm{softmax}(W_a q_t), \qquad e_{ts} = (W_a q_t)_s $$

    Args:
        max_length: Rows of $W_a$, positions that can be attended to. Later ones get
            energy minus infinity, hence no weight.

    Weights: `kernel [Dq, H * max_length]`, head after head.

    Not to be taken for location-*sensitive* attention (`location_sensitive`), which
    looks at where attention was before, or for local attention (`local_m`, `local_p`).

    Raises:
        ValueError: `max_length` is not a positive integer.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, equation 8 (location).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.LocationScore(max_length=4))
    >>> _, weights = attention(
    ...     np.ones((1, 2, 3)), np.ones((1, 6, 3)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0, 0, 4:].tolist()
    [0.0, 0.0]
    """

    def __init__(self, max_length: int = 128, **layer: Any) -> None:
        super().__init__(**layer)
        self.max_length = positive_integer("max_length", max_length)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(query_shape[-1], self.num_heads * self.max_length),
            initializer="glorot_uniform",
        )

    def precompute(self, key: Tensor) -> Memory:
        return key[:, :, :1]  # [B, S, 1], for its length alone

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        batch, targets, depth = ops.shape(query)
        kernel = ops.cast(self.kernel, query.dtype)
        flat = ops.matmul(ops.reshape(query, (-1, depth)), kernel)  # [B*T, H*L]
        shape = (batch, targets, self.num_heads, self.max_length)
        known = ops.transpose(ops.reshape(flat, shape), (0, 2, 1, 3))  # [B, H, T, L]
        # Minus infinity has no place in half precision sums that follow.
        known = ops.cast(known, at_least_float32(known.dtype))
        position = ops.arange(ops.shape(keys)[1], dtype="int32")  # [S]
        last = self.max_length - 1
        energies = ops.take(known, ops.minimum(position, last), axis=-1)  # [B, H, T, S]
        nothing = ops.full_like(energies, -float("inf"))
        return ops.where(position <= last, energies, nothing)
