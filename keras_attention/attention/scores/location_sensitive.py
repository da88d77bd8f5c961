"""Location-sensitive score: Chorowski et al. 2015."""

from typing import Any

from keras import ops

from keras_attention.attention.scores.additive_with_history import AdditiveWithHistory
from keras_attention.attention.scores.base import registry
from keras_attention.layer_support.argument_checks import one_of, positive_integer
from keras_attention.layer_support.types import Mask, Memory, Shape, State, Tensor

_SOURCES = {"previous": 1, "cumulative": 1, "both": 2}


@registry.register("location_sensitive")
class LocationSensitiveScore(AdditiveWithHistory):
    r"""Additive score that sees where attention was, through a convolution.

    $$ f_t = F * a_{t-1}, \qquad
       e_{ts} = v^\top \tanh(W_q q_t + W_k k_s + U f_{ts} + b) $$

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        filters: Depth of the location features $f$.
        width: Positions that a filter spans, an odd number.
        sources: What is convolved: the `"previous"` weights (the paper), the
            `"cumulative"` sum of all weights so far, or `"both"` as two channels
            (Shen et al. 2018, section 2.2, as Tacotron 2 is built).
        **additive: Further arguments of `AdditiveScore`, and of the layer. `use_bias`
            is True unless said otherwise, as in the paper.

    State: previous and cumulative weights, each `[B, H, S]`, zeros before the first
    step. Every head convolves its own, with the same filters.

    Weights: `additive/...` of `AdditiveScore`, `filters [width, C, filters]` and
    `location [filters, U]`.

    Raises:
        ValueError: Unknown `sources`, `filters` or `width` not positive, or `width`
            even.

    References:
        Chorowski et al. 2015, arXiv 1506.07503, equations 8 and 9.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> score = ka.scores.LocationSensitiveScore(8, filters=4, width=5)
    >>> tuple(ka.Attention(score)(np.ones((2, 3, 4)), np.ones((2, 9, 6))).shape)[1:]
    (3, 6)
    """

    def __init__(
        self,
        units: int | None = None,
        filters: int = 32,
        width: int = 31,
        sources: str = "previous",
        **additive: Any,
    ) -> None:
        super().__init__(units, **additive)
        self.filters = positive_integer("filters", filters)
        self.width = positive_integer("width", width, odd=True)
        self.sources = one_of("sources", sources, _SOURCES)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        super().build(query_shape, key_shape)
        channels = _SOURCES[self.sources]
        self.filter_kernel = self.add_weight(
            name="filters",
            shape=(self.width, channels, self.filters),
            initializer="glorot_uniform",
        )
        self.location_kernel = self.add_weight(
            name="location",
            shape=(self.filters, self.additive.v.shape[0]),
            initializer="glorot_uniform",
        )

    def initial_state(self, keys: Memory, mask: Mask) -> State:
        return (self.no_weights(keys, mask),) * _SOURCES[self.sources]

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        weights = ops.cast(weights, state[0].dtype)
        return {
            "previous": (weights,),
            "cumulative": (state[-1] + weights,),
            "both": (weights, state[-1] + weights),
        }[self.sources]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        batch, heads, positions = ops.shape(state[0])
        seen = ops.stack(state, axis=-1)  # [B, H, S, C]
        seen = ops.reshape(seen, (-1, positions, len(state)))  # [B*H, S, C]
        seen = ops.cast(seen, keys.dtype)
        kernel = ops.cast(self.filter_kernel, keys.dtype)
        features = ops.conv(seen, kernel, padding="same", data_format="channels_last")
        features = ops.reshape(
            features, (batch, heads, positions, self.filters)
        )  # [B, H, S, F]
        location = ops.cast(self.location_kernel, keys.dtype)
        # A product for each head: TensorFlow's broadcasting one ends the process when
        # its gradient is taken in half precision.
        parts = ops.split(location, self.num_heads, axis=-1)  # H of [F, U/H]
        hidden = [
            ops.matmul(ops.reshape(features[:, head], (-1, self.filters)), part)
            for head, part in enumerate(parts)
        ]  # H of [B*S, U/H]
        hidden = ops.concatenate(hidden, axis=-1)  # [B*S, U]
        hidden = ops.reshape(hidden, ops.shape(keys))  # [B, S, U]
        return self.additive.energies(query, keys + hidden, ())
