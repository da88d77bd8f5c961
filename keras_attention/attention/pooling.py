"""Self-attention pooling: a sequence becomes one vector, or a few."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention import alignments
from keras_attention.attention.attention import Attention
from keras_attention.backend.masks import as_mask, zero_where_masked
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import (
    check_rank,
    number,
    positive_integer,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.types import (
    Initializer,
    Mask,
    Regularizer,
    Shape,
    Tensor,
)


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionPooling(CompositeLayer):
    r"""Weighs the positions of a sequence with queries that are learned.

    $$ k_s = \tanh(W v_s + b) \qquad a_{r\cdot} = \mathrm{alignment}(u_r^\top k_s)
       \qquad m_r = \sum_s a_{rs} v_s $$

    With several hops, r = 1 to `num_hops`, the structured penalty

    $$ P = \lVert A A^\top - I \rVert_F^2, $$

    a mean over the sequences of the batch, keeps them apart.

    Args:
        units: U, depth of the hidden layer.
        num_hops: How many vectors. None gives one, without an axis of its own.
        penalty: Factor of P in the losses of the layer (`keras.Model.fit` adds them).
        use_bias: Whether there is b.
        alignment: Name, configuration or instance; see `ka.alignments`. One that
            carries a state sees the hops in their order.
        dropout: Fraction of the weights dropped in training.
        kernel_initializer, kernel_regularizer: As in `keras.layers.Dense`, for W and u.
        seed: Seed of the dropout.
        **layer: `name`, `dtype`, `trainable`.

    Weights: `hidden/kernel [Dv, U]`, `hidden/bias [U]` where present, `queries [r, U]`.

    Call arguments:
        value: `[B, S, Dv]`.
        value_mask, or mask: `[B, S]`; default the mask that `value` carries.
        return_attention_scores: Also return the weights.
        training: Whether dropout is active.

    Returns:
        `[B, Dv]`, or `[B, r, Dv]` with `num_hops`; the weights `[B, S]` or `[B, r, S]`
        when asked for. A row without a valid position gives zeros, and no penalty.

    Raises:
        ValueError, TypeError: Arguments out of range, wrong ranks or masks.

    References:
        Lin et al. 2017, arXiv 1703.03130, equations 5, 6 and 8: several hops, no bias,
        with penalty. Yang et al. 2016, "Hierarchical Attention Networks for Document
        Classification", equations 5 to 7: one query, with bias.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> pooling = ka.AttentionPooling(units=8, num_hops=3, penalty=0.1)
    >>> tuple(pooling(np.ones((2, 5, 4), "float32")).shape)
    (2, 3, 4)
    """

    def __init__(
        self,
        units: int,
        num_hops: int | None = None,
        penalty: float = 0.0,
        use_bias: bool = False,
        alignment: Any = "softmax",
        dropout: float = 0.0,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units)
        self.num_hops = positive_integer("num_hops", num_hops, optional=True)
        self.penalty = number("penalty", penalty, least=0)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        alignment = alignments.get(alignment, dtype=self.dtype_policy)
        if alignment.needs_log_weights:
            raise ValueError(
                "`alignment` must take energies that are no logarithms of weights: "
                "expected any other. "
                f"Received: alignment={type(alignment).__name__}"
            )
        # The keys are the hidden layer and the queries the rows of u: dot attention.
        self.attention = Attention(
            "dot", alignment, dropout=dropout, seed=seed, dtype=self.dtype_policy
        )
        initializer = keras.saving.serialize_keras_object(self.kernel_initializer)
        self.hidden = keras.layers.Dense(
            units,
            activation="tanh",
            use_bias=use_bias,
            kernel_initializer=initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name="hidden",
        )
        self.supports_masking = True

    def build(self, value_shape: Shape) -> None:
        check_rank("value", value_shape, 3)
        build_part(self.hidden, value_shape)
        self.queries = self.add_weight(
            name="queries",
            shape=(self.num_hops or 1, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        query_shape = (None, None, self.units)
        build_part(self.attention, query_shape, value_shape, query_shape)

    def __call__(
        self, value: Tensor, value_mask: Mask = None, mask: Mask = None, **named: Any
    ) -> Any:
        if mask is not None and value_mask is not None:
            raise ValueError(
                "`mask` is another name of `value_mask`. Expected: one of them. "
                "Received: both"
            )
        # Keras would add the mask that `value` carries under the name not used.
        mask = value_mask if mask is None else mask
        return super().__call__(value, mask=mask, **named)

    def call(
        self,
        value: Tensor,
        value_mask: Mask = None,
        return_attention_scores: bool = False,
        training: bool = False,
        mask: Mask = None,
    ) -> Any:
        mask = value_mask if mask is None else mask
        mask = as_mask(mask, "value_mask", like=value)
        # Before the hidden layer: what is at padding must not reach its gradient.
        value = zero_where_masked(value, mask)
        queries = ops.expand_dims(ops.cast(self.queries, self.compute_dtype), 0)
        batch = ops.shape(value)[0]
        pooled, weights = self.attention(
            ops.tile(queries, (batch, 1, 1)),  # [B, r, U]
            value,
            self.hidden(value),  # [B, S, U]
            value_mask=mask,
            return_attention_scores=True,
            training=training,
        )  # [B, r, Dv], [B, r, S]
        if self.penalty:
            self.add_loss(self.penalty * structured_penalty(weights, mask))
        if self.num_hops is None:
            pooled = ops.squeeze(pooled, 1)  # [B, Dv]
            weights = ops.squeeze(weights, 1)  # [B, S]
        return (pooled, weights) if return_attention_scores else pooled

    def compute_output_shape(
        self, value_shape: Shape, return_attention_scores: bool = False
    ) -> Any:
        hops = () if self.num_hops is None else (self.num_hops,)
        pooled = (value_shape[0], *hops, value_shape[-1])
        weights = (value_shape[0], *hops, value_shape[1])
        return (pooled, weights) if return_attention_scores else pooled

    def compute_mask(self, value: Tensor, previous_mask: Tensor = None) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        inner = constructor_config(self.attention)
        own = {name: inner[name] for name in ("alignment", "dropout", "seed")}
        return super().get_config() | constructor_config(self) | own


def structured_penalty(weights: Tensor, mask: Tensor = None) -> Any:
    r"""$\lVert A A^\top - I \rVert_F^2$, a mean over rows with a valid position.

    Args:
        weights: `[B, r, S]`.
        mask: `[B, S]` booleans or None.

    Returns:
        A scalar, at least float32.
    """
    weights = ops.cast(weights, at_least_float32(weights.dtype))
    alike = ops.matmul(weights, ops.swapaxes(weights, 1, 2))  # [B, r, r]
    identity = ops.eye(weights.shape[1], dtype=weights.dtype)
    penalties = ops.sum(ops.square(alike - identity), axis=(1, 2))  # [B]
    if mask is None:
        counted = ops.ones_like(penalties)
    else:
        counted = ops.cast(ops.any(mask, axis=-1), penalties.dtype)
    total = ops.sum(counted)
    return ops.sum(penalties * counted) / ops.maximum(total, ops.ones_like(total))
