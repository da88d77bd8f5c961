"""Dot score: Luong et al. 2015, section 3.1 (dot)."""

from typing import Any

from keras import ops

from keras_attention.attention.heads import check_heads, split_heads
from keras_attention.attention.scores.base import Score, registry
from keras_attention.attention.scores.scale import SCALES, add_scale_weight, scaled
from keras_attention.layer_support.argument_checks import one_of
from keras_attention.layer_support.types import Memory, Shape, State, Tensor


@registry.register("dot")
class DotScore(Score):
    r"""Dot score.

    $$ e_{ts} = c \; q_t^\top k_s $$

    Args:
        scale: None ($c = 1$, the paper), `"sqrt"` ($c = 1/\sqrt{D}$ with D the
            depth of a head; Vaswani et al. 2017, section 3.2.1) or `"learned"`
            (a scalar weight `g` that starts at 1).

    Query and key must have the same depth, which the number of heads divides.

    Raises:
        ValueError: Unknown scale, or query and key of different depth.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1 (dot).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> tuple(ka.Attention("dot")(np.ones((2, 3, 4)), np.ones((2, 5, 4))).shape)[1:]
    (3, 4)
    """

    pairwise = True

    def __init__(self, scale: str | None = None, **layer: Any) -> None:
        super().__init__(**layer)
        self.scale = one_of("scale", scale, SCALES)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        if query_shape[-1] != key_shape[-1]:
            raise ValueError(
                "The dot score compares query and key directly: expected the same "
                f"depth. Received: query {query_shape[-1]}, key {key_shape[-1]} "
                "(the general score maps one to the other)"
            )
        check_heads(query_shape[-1], self.num_heads, "the depth of the query")
        self.g = add_scale_weight(self, self.scale)

    def precompute(self, key: Tensor) -> Memory:
        return split_heads(key, self.num_heads)  # [B, H, S, D/H]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        query = split_heads(query, self.num_heads)  # [B, H, T, D/H]
        query = scaled(query, self.scale, self.g, query.shape[-1])
        return ops.matmul(query, ops.swapaxes(keys, -1, -2))  # [B, H, T, S]
