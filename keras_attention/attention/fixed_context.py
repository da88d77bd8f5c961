"""Fixed context: the plain encoder-decoder as an attention mechanism."""

from typing import Any

import keras

from keras_attention.attention.attention import Attention


@keras.saving.register_keras_serializable(package="keras_attention")
class FixedContext(Attention):
    r"""One fixed context vector: the last valid value at every target step.

    $$ c_t = v_{\max\{s : m_s\}} $$

    What `ka.AttentionDecoder(cell, attention=None)` uses: the encoder-decoder
    that attention was invented to improve, running through the same code.

    Args:
        **layer: `name`, `dtype`, `trainable`.

    References:
        Cho et al. 2014, arXiv 1406.1078, section 2.2 (the context enters every
        step); Sutskever, Vinyals & Le 2014, arXiv 1409.3215.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> value = np.array([[[1.0], [2.0]]])
    >>> context = ka.FixedContext()(np.ones((1, 1, 3)), value)
    >>> np.asarray(context).tolist()
    [[[2.0]]]
    """

    def __init__(self, **layer: Any) -> None:
        super().__init__(score="zero", alignment="last", **layer)

    def get_config(self) -> dict[str, Any]:
        return keras.layers.Layer.get_config(self)
