"""The pointer-generator of See et al. 2017, for `ka.Seq2Seq`."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.decoder.source_outputs.base import (
    Decoded,
    EncodedSource,
    SourceOutput,
    Step,
    repeated,
)
from keras_attention.decoder.source_outputs.copying import CopyGenerator
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.building import build_part


@keras.saving.register_keras_serializable(package="keras_attention")
class PointerGenerator(SourceOutput):
    r"""Output layer that says a symbol of the vocabulary or copies one of the source.

    $$ P(w) = p_{gen} \, P_{vocab}(w) + (1 - p_{gen}) \sum_{s : x_s = w} a_{ts} \qquad
       p_{gen} = \sigma(w^\top [o_t; y_{t-1}] + b) $$

    with $o_t$ the decoder's output (with the readout `concat` $[s_t; c_t]$) and
    $y_{t-1}$ the embedded symbol before: the `output` of a `ka.Seq2Seq`.

    Args:
        vocabulary_size: V.
        target_ids: For each id of the source the id of the target that it is copied as,
            `unknown_id` where there is none; None: the ids are the same.
        unknown_id: Of symbols that the target does not know. Where
            `ka.TextToText(replace_unknown=True)` writes it, it is the source's.
        **layer: `name`, `dtype`, `trainable`.

    Weights: `output_layer/kernel [Do, V]`, `output_layer/bias [V]`,
    `gate/kernel [Do + D, 1]`, `gate/bias [1]`.

    Raises:
        ValueError: Arguments out of range.

    References:
        See, Liu & Manning 2017, arXiv 1704.04368, equations 8 and 9.

    Relative to the paper: no extended vocabulary; what is in no vocabulary is copied as
    `unknown_id`. `ka.CopyGenerator` has one, for models of one's own.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> model = ka.Seq2Seq(
    ...     ka.RecurrentEncoder(8),
    ...     ka.AttentionDecoder(keras.layers.LSTMCell(16), ka.BahdanauAttention(16)),
    ...     source_vocabulary_size=10, target_vocabulary_size=10, embedding_dim=4,
    ...     output=ka.PointerGenerator(10),
    ... )
    >>> model.generate(np.array([[5, 4, 2], [3, 2, 0]])).ids.shape[0]
    2
    """

    def __init__(
        self,
        vocabulary_size: int,
        target_ids: Sequence[int] | None = None,
        unknown_id: int = 3,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        self.target_ids = None if target_ids is None else tuple(target_ids)
        for id in self.target_ids or ():
            if not 0 <= id < vocabulary_size:
                raise ValueError(
                    "`target_ids` must hold ids of the target. Expected: 0 to "
                    f"{vocabulary_size - 1}. Received: {id}"
                )
        self.unknown_id = unknown_id
        policy = {"dtype": self.dtype_policy}
        self.output_layer = keras.layers.Dense(
            vocabulary_size, name="output_layer", **policy
        )
        self.gate = keras.layers.Dense(1, name="gate", **policy)
        self.copy = CopyGenerator(0, unknown_id, name="copy", **policy)
        self.supports_masking = True

    def build(
        self,
        outputs_shape: Any,
        weights_shape: Any,
        inputs_shape: Any,
        source_ids_shape: Any,
    ) -> None:
        depth = outputs_shape[-1]
        build_part(self.output_layer, (None, None, depth))
        build_part(self.gate, (None, None, depth + inputs_shape[-1]))
        logits = (*outputs_shape[:-1], self.vocabulary_size)
        gate = (*outputs_shape[:-1], 1)
        build_part(self.copy, logits, weights_shape, source_ids_shape, gate)

    def call(self, outputs: Any, weights: Any, inputs: Any, source_ids: Any) -> Any:
        inputs = ops.cast(inputs, outputs.dtype)
        gate = self.gate(ops.concatenate([outputs, inputs], axis=-1))  # [B, T, 1]
        copied = self._copied(source_ids)
        return self.copy(self.output_layer(outputs), weights, copied, gate)

    def compute_output_shape(
        self,
        outputs_shape: Any,
        weights_shape: Any,
        inputs_shape: Any,
        source_ids_shape: Any,
    ) -> Any:
        return (*outputs_shape[:-1], self.vocabulary_size)

    def over_targets(
        self, decoded: Decoded, target_mask: Any, source: EncodedSource
    ) -> Any:
        weights = decoded.weights
        return self(decoded.outputs, weights, decoded.inputs, source.ids), weights

    def source_memory(self, source: EncodedSource) -> Any:
        return source.ids

    def stepper(self, memory: Any, beam_size: Any = 1) -> Step:
        source_ids = repeated(memory, beam_size)  # [B * K, S]

        def step(decoded: Decoded, state: Any) -> Any:
            weights = ops.expand_dims(decoded.weights, -2)  # [..., 1, S]
            outputs, inputs = (
                ops.expand_dims(x, 1) for x in (decoded.outputs, decoded.inputs)
            )  # [B * K, 1, ...]
            log_probs = self(outputs, weights, inputs, source_ids)
            return ops.squeeze(log_probs, 1), decoded.weights, state

        return step

    def compute_mask(self, *arguments: Any, **named: Any) -> None:
        return None

    def check_vocabularies(self, source_size: int, target_size: int) -> None:
        super().check_vocabularies(source_size, target_size)
        known = target_size if self.target_ids is None else len(self.target_ids)
        if known < source_size:
            raise ValueError(
                "`target_ids` must have an id for each of the source's. Expected: "
                f"{source_size}. Received: {known}"
                + (" of the target, without `target_ids`" * (self.target_ids is None))
            )

    def _copied(self, source_ids: Any) -> Any:
        """Ids of the target `[B, S]`."""
        if self.target_ids is None:
            return source_ids
        table = ops.convert_to_tensor(self.target_ids, dtype="int32")
        return ops.take(table, source_ids, axis=0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "target_ids": self.target_ids and list(self.target_ids),
            "unknown_id": self.unknown_id,
        }
