"""General (bilinear) score: Luong et al. 2015, section 3.1 (general)."""

from typing import Any

import keras
from keras import ops

from keras_attention.heads import check_heads, split_heads
from keras_attention.scores.base import Score
from keras_attention.scores.scale import add_scale_weight, check_scale, scaled


@keras.saving.register_keras_serializable(package="keras_attention")
class GeneralScore(Score):
    r"""General score, also called bilinear or multiplicative.

    $$ e_{ts} = c \; q_t^\top (W^\top k_s) $$

    Args:
        scale: None ($c = 1$, the paper), `"sqrt"` ($c = 1/\sqrt{D}$ with D the
            depth of a head) or `"learned"` (a scalar weight `g`, starts at 1).
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`.

    Weights: `kernel [Dk, Dq]`, applied to the memory once per sentence, and
    `g []` where learned. With heads, the depth of the query divides by their
    number and head h is the score over slice h.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1 (general).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> tuple(ka.Attention("general")(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    pairwise = True

    def __init__(
        self,
        scale: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        check_scale(scale)
        self.scale = scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, query_shape: Any, key_shape: Any) -> None:
        check_heads(query_shape[-1], self.num_heads, "the depth of the query")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(key_shape[-1], query_shape[-1]),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.g = add_scale_weight(self, self.scale)

    def precompute(self, key: Any) -> Any:
        keys = ops.matmul(key, ops.cast(self.kernel, key.dtype))  # [B, S, Dq]
        return split_heads(keys, self.num_heads)  # [B, H, S, Dq/H]

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        query = split_heads(query, self.num_heads)  # [B, H, T, Dq/H]
        query = scaled(query, self.scale, self.g, query.shape[-1])
        return ops.matmul(query, ops.swapaxes(keys, -1, -2))  # [B, H, T, S]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "scale": self.scale,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
