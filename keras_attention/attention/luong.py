r"""Luong attention: effective approaches to attention-based translation.

e_ts = h_t^T h_s            dot                 section 3.1
       h_t^T W h_s          general
       v^T tanh(W[h_t;h_s]) concat
a_t  = softmax(e_t)                             equation 7
c_t  = sum_s a_ts h_s
h~_t = tanh(W_c [c_t; h_t])                     equation 5, the decoder's readout
"""

from typing import Any

import keras

from keras_attention.attention import scores
from keras_attention.attention.attention import Attention
from keras_attention.attention.bahdanau import preset_config
from keras_attention.layer_support.types import Constraint, Initializer, Regularizer

_SCORES = ("dot", "general", "concat")


@keras.saving.register_keras_serializable(package="keras_attention")
class LuongAttention(Attention):
    r"""Multiplicative attention (Luong, Pham & Manning 2015), global form.

    $$ e_{ts} = q_t^\top k_s \;\text{(dot)}, \quad q_t^\top W^\top k_s
       \;\text{(general)}, \quad v^\top \tanh(W[q_t; k_s]) \;\text{(concat)} $$

    A preset of `ka.Attention`. In `ka.AttentionDecoder` it brings the paper's
    order: the query is the cell's output $h_t$, and with input feeding the cell
    takes $[y_t; \tilde h_{t-1}]$.

    Args:
        score: `"dot"`, `"general"` or `"concat"`.
        units: Depth of the hidden layer of `concat`, default the depth of the
            query. Not allowed for the others.
        alignment: Name, configuration or instance; see `ka.alignments`.
        scale: None (the paper), `"sqrt"` ($1/\sqrt{D}$) or `"learned"` (weight
            `g`, starts at 1). Not for `concat`.
        num_heads: H; divides the depth of the query and of the values.
        dropout: Fraction of the weights dropped in training.
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`, for the scores that have a kernel.
        bias_initializer, bias_regularizer, bias_constraint: Accepted for
            symmetry with `BahdanauAttention`; no score of the paper has a bias.
        seed: Seed of the dropout.
        side: For `general`: whether W stands before the `"memory"`, once for a
            sentence, or before the `"query"`; see `ka.scores.GeneralScore`.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments, returns: as `ka.Attention`.

    Raises:
        ValueError: Unknown score; `units`, `scale` or `side` where they mean nothing.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.LuongAttention(score="general")
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    def __init__(
        self,
        score: str = "general",
        units: int | None = None,
        alignment: Any = "softmax",
        scale: str | None = None,
        num_heads: int = 1,
        dropout: float = 0.0,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        seed: int | None = None,
        side: str = "memory",
        **layer: Any,
    ) -> None:
        if score not in _SCORES:
            raise ValueError(
                f"`score` must be one of {list(_SCORES)}. Received: score={score!r} "
                "(ka.Attention takes every registered score)"
            )
        if units is not None and score != "concat":
            raise ValueError(
                '`units` is for score="concat" only: expected None. '
                f"Received: units={units!r}, score={score!r}"
            )
        if scale is not None and score == "concat":
            raise ValueError(
                "`scale` is for dot products: expected None with "
                f'score="concat". Received: scale={scale!r}'
            )
        if side != "memory" and score != "general":
            raise ValueError(
                '`side` is for score="general" only: expected "memory". '
                f"Received: side={side!r}, score={score!r}"
            )
        arguments: dict[str, Any] = {"dtype": layer.get("dtype")}
        if score == "concat":
            arguments["units"] = units
        else:
            arguments["scale"] = scale
        if score == "general":
            arguments["side"] = side
        if score != "dot":
            arguments |= {
                "kernel_initializer": kernel_initializer,
                "kernel_regularizer": kernel_regularizer,
                "kernel_constraint": kernel_constraint,
            }
        super().__init__(
            scores.get(score, **arguments), alignment, num_heads, dropout, seed, **layer
        )
        self.score_name = score

    def get_config(self) -> dict[str, Any]:
        config = preset_config(super().get_config(), self.score)
        return config | {"score": self.score_name}
