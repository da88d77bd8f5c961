r"""Bahdanau attention: neural machine translation by jointly aligning.

e_ts = v^T tanh(W_q s_{t-1} + W_k h_s)          appendix A.1.2
a_t  = softmax(e_t)                             equation 6
c_t  = sum_s a_ts h_s                           equation 5
"""

from typing import Any

import keras

from keras_attention.attention.attention import Attention
from keras_attention.attention.scores import AdditiveScore
from keras_attention.attention.scores.base import Score
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.types import Constraint, Initializer, Regularizer


@keras.saving.register_keras_serializable(package="keras_attention")
class BahdanauAttention(Attention):
    r"""Additive attention (Bahdanau, Cho & Bengio 2014).

    $$ e_{ts} = v^\top \tanh(W_q q_t + W_k k_s) \qquad
       a_t = \mathrm{softmax}(e_t) \qquad c_t = \sum_s a_{ts} v_s $$

    A preset of `ka.Attention` with the additive score. In `ka.AttentionDecoder`
    it brings the paper's order: the query is the state before the step,
    $s_{t-1}$, and the cell takes $[y_t; c_t]$.

    Args:
        units: Depth U of the score's hidden layer.
        normalize: Weight-normalised form with `g` and `b`
            (Salimans & Kingma 2016); see `ka.scores.AdditiveScore`.
        alignment: Name, configuration or instance; see `ka.alignments`.
        num_heads: H; divides `units` and the depth of the values.
        dropout: Fraction of the weights dropped in training.
        use_bias: Add a bias inside the tanh. The paper has none.
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`.
        bias_initializer, bias_regularizer, bias_constraint: Likewise.
        seed: Seed of the dropout.
        layer_normalize: Layer-normalised form (Ba et al. 2016); see
            `ka.scores.AdditiveScore`.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments, returns: as `ka.Attention`.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, section 3.1 and A.1.2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.BahdanauAttention(units=8)
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    default_order = "bahdanau"

    def __init__(
        self,
        units: int,
        normalize: bool = False,
        alignment: Any = "softmax",
        num_heads: int = 1,
        dropout: float = 0.0,
        use_bias: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        seed: int | None = None,
        layer_normalize: bool = False,
        **layer: Any,
    ) -> None:
        score = AdditiveScore(
            positive_integer("units", units),
            normalize=normalize,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            layer_normalize=layer_normalize,
            dtype=layer.get("dtype"),
        )
        super().__init__(score, alignment, num_heads, dropout, seed, **layer)

    def get_config(self) -> dict[str, Any]:
        return preset_config(super().get_config(), self.score)


def preset_config(config: dict[str, Any], score: Score) -> dict[str, Any]:
    """The configuration of a preset: its score's arguments instead of the score."""
    own = {
        name: value
        for name, value in score.get_config().items()
        if name not in ("name", "trainable", "dtype", "num_heads")
    }
    return {name: v for name, v in config.items() if name != "score"} | own
