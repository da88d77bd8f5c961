"""Additive score: Bahdanau et al. 2014, appendix A.1.2."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.heads import check_heads
from keras_attention.attention.scores.base import Score
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import positive_integer


@keras.saving.register_keras_serializable(package="keras_attention")
class AdditiveScore(Score):
    r"""Additive score, the one of the first attention paper.

    $$ e_{ts} = v^\top \tanh(W_q q_t + W_k k_s + b) $$

    and with `normalize=True` the weight-normalised form

    $$ e_{ts} = g \, \frac{v}{\lVert v \rVert}^\top \tanh(W_q q_t + W_k k_s + b). $$

    with `layer_normalize=True` the layer-normalised form

    $$ e_{ts} = v^\top \tanh(\mathrm{LN}(W_q q_t) + \mathrm{LN}(W_k k_s) + b), \qquad
       \mathrm{LN}(x) = \gamma\, \frac{x - \bar x}{\sqrt{\mathrm{var}(x) + 0.001}}, $$

    and with both the layer-normalised form with $g\, v / \lVert v \rVert$ for v.

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        normalize: Scale `v` to length `g`. `g` starts at $1/\sqrt{U}$, `b` at 0.
        layer_normalize: Normalise both projections, each with a gain of its own.
        use_bias: Add `b` inside the tanh (always there when normalised).
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`; they also serve `v`.
        bias_initializer, bias_regularizer, bias_constraint: For `b`.

    Weights: `query/kernel [Dq, U]`, `key/kernel [Dk, U]`, `v [U]`, and `g []`,
    `b [U]`, `query_norm/gamma [U]`, `key_norm/gamma [U]` where present. With heads,
    `units` divides by their number and head h is the score over slice h of the
    units; the norm is that of the whole `v`, the mean and variance those of all units.

    Luong's `concat` is the same function with one kernel: `ka.scores.ConcatScore`.

    Relative to the paper: Bahdanau et al. have no bias and no normalisation;
    the second form is weight normalisation (Salimans & Kingma 2016, section 2), the
    third layer normalisation (Ba et al. 2016) as Marian applies it, without offset.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, appendix A.1.2; Salimans &
        Kingma 2016, arXiv 1602.07868; Ba, Kiros & Hinton 2016, arXiv 1607.06450.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.AdditiveScore(units=8))
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    pairwise = True

    def __init__(
        self,
        units: int | None = None,
        normalize: bool = False,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        layer_normalize: bool = False,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units, optional=True)
        self.normalize = normalize
        self.use_bias = use_bias
        self.layer_normalize = layer_normalize
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, query_shape: Any, key_shape: Any) -> None:
        units = self.units if self.units is not None else query_shape[-1]
        check_heads(units, self.num_heads, "`units`")
        kernel = {
            "use_bias": False,
            "kernel_regularizer": self.kernel_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "dtype": self.dtype_policy,
        }
        clone = keras.saving.serialize_keras_object(self.kernel_initializer)
        self.query = keras.layers.Dense(
            units, name="query", kernel_initializer=clone, **kernel
        )
        self.query.build(query_shape)
        self.key = keras.layers.Dense(
            units, name="key", kernel_initializer=clone, **kernel
        )
        self.key.build(key_shape)
        self.v = self.add_weight(
            name="v",
            shape=(units,),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.query_norm = self.key_norm = None
        if self.layer_normalize:
            norm = {"center": False, "dtype": self.dtype_policy}
            self.query_norm = keras.layers.LayerNormalization(name="query_norm", **norm)
            self.query_norm.build((None, units))
            self.key_norm = keras.layers.LayerNormalization(name="key_norm", **norm)
            self.key_norm.build((None, None, units))
        self.g = self.b = None
        if self.normalize:
            self.g = self.add_weight(
                name="g",
                shape=(),
                initializer=keras.initializers.Constant(units**-0.5),
            )
        if self.normalize or self.use_bias:
            self.b = self.add_weight(
                name="b",
                shape=(units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def precompute(self, key: Any) -> Any:
        keys = self.key(key)  # [B, S, U]
        if self.key_norm is not None:
            keys = self.key_norm(keys)
        if self.b is not None:
            keys = keys + ops.cast(self.b, keys.dtype)
        return keys

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        batch, targets, depth = ops.shape(query)
        # Flat: TensorFlow's product of rank 3 and 2 does not train under XLA when
        # it stands in a loop and the batch is dynamic.
        projected = self.query(ops.reshape(query, (-1, depth)))  # [B*T, U]
        if self.query_norm is not None:
            projected = self.query_norm(projected)
        projected = ops.reshape(projected, (batch, targets, ops.shape(keys)[-1]))
        v = ops.convert_to_tensor(self.v)
        if self.normalize:
            v = ops.cast(v, at_least_float32(v.dtype))
            square = ops.sum(ops.square(v))
            # A `v` of length 0 has no direction: its energies are 0, not 0/0.
            square = ops.where(square > 0, square, ops.ones_like(square))
            v = v * (ops.cast(self.g, v.dtype) * ops.rsqrt(square))
        return tanh_energies(projected, keys, v, self.num_heads)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "normalize": self.normalize,
            "use_bias": self.use_bias,
            "layer_normalize": self.layer_normalize,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


def tanh_energies(query: Any, keys: Any, v: Any, num_heads: int) -> Any:
    """`v . tanh(query + key)` of every pair, head after head.

    Args:
        query: `[B, T, U]`.
        keys: `[B, S, U]`.
        v: `[U]`; head h has slice h of it.
        num_heads: H.

    Returns:
        `[B, H, T, S]`.
    """
    batch, targets, units = ops.shape(query)
    sources = ops.shape(keys)[1]
    hidden = ops.tanh(
        ops.expand_dims(query, 2) + ops.expand_dims(keys, 1)
    )  # [B, T, S, U]
    # As one flat matrix product: a sum over the last axis is far slower.
    energies = ops.matmul(
        ops.reshape(hidden, (-1, units)),
        _by_head(ops.cast(v, hidden.dtype), num_heads),
    )  # [B*T*S, H]
    energies = ops.reshape(
        energies, (batch, targets, sources, num_heads)
    )  # [B, T, S, H]
    if num_heads == 1:
        return ops.reshape(energies, (batch, 1, targets, sources))  # [B, 1, T, S]
    return ops.transpose(energies, (0, 3, 1, 2))  # [B, H, T, S]


def _by_head(v: Any, num_heads: int) -> Any:
    """`v [U]` as a block matrix `[U, H]`."""
    if num_heads == 1:
        return ops.expand_dims(v, -1)  # [U, 1]
    per_head = v.shape[0] // num_heads
    blocks = ops.repeat(ops.eye(num_heads, dtype=v.dtype), per_head, axis=0)
    return ops.expand_dims(v, -1) * blocks  # [U, H]
