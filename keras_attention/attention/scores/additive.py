"""Additive score: Bahdanau et al. 2014, appendix A.1.2."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.heads import check_heads
from keras_attention.attention.scores.base import registry
from keras_attention.attention.scores.kernel import KernelScore
from keras_attention.backend.additive.energies import additive_energies
from keras_attention.backend.deferred.products import dense_product
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import (
    Constraint,
    Initializer,
    Memory,
    Regularizer,
    Shape,
    State,
    Tensor,
)


@registry.register("additive")
class AdditiveScore(KernelScore):
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
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        layer_normalize: bool = False,
        **layer: Any,
    ) -> None:
        super().__init__(
            kernel_initializer, kernel_regularizer, kernel_constraint, **layer
        )
        self.units = positive_integer("units", units, optional=True)
        self.normalize = normalize
        self.use_bias = use_bias
        self.layer_normalize = layer_normalize
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        units = self.units if self.units is not None else query_shape[-1]
        check_heads(units, self.num_heads, "`units`")
        kernel = {
            "use_bias": False,
            # Each takes an initializer of its own.
            "kernel_initializer": keras.saving.serialize_keras_object(
                self.kernel_initializer
            ),
            "kernel_regularizer": self.kernel_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "dtype": self.dtype_policy,
        }
        dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
        self.query = build_part(dense(units, name="query", **kernel), query_shape)
        self.key = build_part(dense(units, name="key", **kernel), key_shape)
        self.v = self.add_kernel("v", units)
        self.query_norm = self.key_norm = None
        if self.layer_normalize:
            plain = {"center": False, "dtype": self.dtype_policy}
            units_last = (None, units)
            self.query_norm = build_part(norm(name="query_norm", **plain), units_last)
            self.key_norm = build_part(norm(name="key_norm", **plain), units_last)
        self.g = self.b = None
        if self.normalize:
            start = keras.initializers.Constant(units**-0.5)
            self.g = self.add_weight(name="g", shape=(), initializer=start)
        if self.normalize or self.use_bias:
            self.b = self.add_weight(
                name="b",
                shape=(units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def precompute(self, key: Tensor) -> Memory:
        keys = self.key(key)  # [B, S, U]
        if self.key_norm is not None:
            keys = self.key_norm(keys)
        if self.b is not None:
            keys = keys + ops.cast(self.b, keys.dtype)
        return keys

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        batch, targets, depth = ops.shape(query)
        # Flat: TensorFlow's product of rank 3 and 2 does not train under XLA when
        # it stands in a loop and the batch is dynamic.
        flat = ops.reshape(query, (-1, depth))
        projected = dense_product(self.query, flat)  # [B*T, U]
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
        return additive_energies(projected, keys, v, self.num_heads)
