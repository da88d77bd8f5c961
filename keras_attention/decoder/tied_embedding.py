"""Tied embeddings: an output layer whose kernel is the embedding: Press & Wolf 2017."""

from typing import Any

import keras
from keras import ops


class TiedOutput(keras.layers.Layer):
    r"""Logits from the embeddings of the tokens.

    $$ z_{ty} = E_y^\top o_t + b_y $$

    Part of `ka.Seq2Seq`, whose target embedding E it shares.

    Args:
        embedding: `keras.layers.Embedding` of V tokens, built.
        **layer: `name`, `dtype`.

    Weights: `bias [V]`, and the embedding's `embeddings [V, D]`.

    References:
        Press & Wolf 2017, arXiv 1608.05859, section 3 (weight tying).
    """

    def __init__(self, embedding: keras.layers.Embedding, **layer: Any) -> None:
        super().__init__(**layer)
        self.embedding = embedding

    def build(self, input_shape: Any) -> None:
        depth = self.embedding.output_dim
        if input_shape[-1] != depth:
            raise ValueError(
                "`tie_embeddings` compares the decoder's outputs with embeddings. "
                f"Expected: outputs as deep as `embedding_dim`, {depth} (such as "
                f'`output_units={depth}` with readout="attentional" or "maxout"). '
                f"Received: outputs of depth {input_shape[-1]}"
            )
        self.bias = self.add_weight(
            name="bias", shape=(self.embedding.input_dim,), initializer="zeros"
        )

    def call(self, outputs: Any) -> Any:
        rows = ops.cast(self._embeddings(), self.compute_dtype)  # [V, D]
        logits = ops.matmul(outputs, ops.transpose(rows))  # [..., V]
        return logits + ops.cast(self.bias, logits.dtype)

    def columns(self, ids: Any) -> Any:
        """Of the kernel, those of the ids `[M]`: `[D, M]`."""
        return ops.transpose(ops.take(self._embeddings(), ids, axis=0))

    def _embeddings(self) -> Any:
        """`[V, D]`."""
        if getattr(self.embedding, "quantization_mode", None) is None:
            return self.embedding.embeddings
        # What is stored is packed; a look-up unpacks it.
        return self.embedding(ops.arange(self.embedding.input_dim, dtype="int32"))
