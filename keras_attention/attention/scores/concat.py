"""Concat score: Luong et al. 2015, section 3.1 (concat)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.heads import check_heads
from keras_attention.attention.scores.additive import tanh_energies
from keras_attention.attention.scores.base import Score
from keras_attention.layer_support.argument_checks import positive_integer


@keras.saving.register_keras_serializable(package="keras_attention")
class ConcatScore(Score):
    r"""Additive score with one kernel over query and key together.

    $$ e_{ts} = v^\top \tanh(W [q_t; k_s]) $$

    The same function as `AdditiveScore` with $W = [W_q, W_k]$; what differs is the
    first value of W, whose fan-in is that of both, and that one regularizer or
    constraint holds for it as a whole.

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`; they also serve `v`.

    Weights: `kernel [Dq + Dk, U]`, the query's rows first, and `v [U]`. With heads,
    `units` divides by their number and head h has slice h of the units.

    Raises:
        ValueError: `units` is not a positive integer.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1 (concat).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.ConcatScore(units=8))
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    pairwise = True

    def __init__(
        self,
        units: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units, optional=True)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, query_shape: Any, key_shape: Any) -> None:
        units = self.units if self.units is not None else query_shape[-1]
        check_heads(units, self.num_heads, "`units`")
        self.query_depth = query_shape[-1]
        for name, shape in (
            ("kernel", (query_shape[-1] + key_shape[-1], units)),
            ("v", (units,)),
        ):
            weight = self.add_weight(
                name=name,
                shape=shape,
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
            setattr(self, name, weight)

    def precompute(self, key: Any) -> Any:
        kernel = ops.cast(self.kernel, key.dtype)[self.query_depth :]
        return ops.matmul(key, kernel)  # [B, S, U]

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        batch, targets, depth = ops.shape(query)
        kernel = ops.cast(self.kernel, query.dtype)[: self.query_depth]
        # Flat, as in `AdditiveScore`.
        flat = ops.matmul(ops.reshape(query, (-1, depth)), kernel)  # [B*T, U]
        projected = ops.reshape(flat, (batch, targets, ops.shape(keys)[-1]))
        return tanh_energies(projected, keys, self.v, self.num_heads)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
