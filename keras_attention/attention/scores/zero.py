"""Zero score, for alignments that look at the mask alone."""

from keras import ops

from keras_attention.attention.scores.base import Score, registry
from keras_attention.layer_support.types import Memory, State, Tensor


@registry.register("zero")
class ZeroScore(Score):
    r"""Energies that are all zero: $e_{ts} = 0$.

    With the `softmax` alignment this is mean pooling over the valid positions,
    with `last` the fixed context of an encoder-decoder without attention.

    References:
        None: for alignments that look at the mask alone.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> mean = ka.Attention("zero")(np.ones((1, 1, 4)), np.eye(2)[None])
    >>> np.asarray(mean).tolist()
    [[[0.5, 0.5]]]
    """

    pairwise = True

    def precompute(self, key: Tensor) -> Memory:
        return key[:, :, :1]  # [B, S, 1]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        column = ops.zeros_like(query[:, :, :1])  # [B, T, 1]
        row = ops.swapaxes(ops.zeros_like(keys), 1, 2)  # [B, 1, S]
        energies = ops.expand_dims(column + row, 1)  # [B, 1, T, S]
        return ops.repeat(energies, self.num_heads, axis=1)  # [B, H, T, S]
