"""Copying from the source, over a vocabulary that has its words too."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.weights import mean_over_heads, weights_with_heads
from keras_attention.layer_support.argument_checks import check_rank, not_negative
from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.constructor_config import constructor_config

# What is impossible has this probability, so that no logarithm is infinite.
_LOWEST = 1e-30


@keras.saving.register_keras_serializable(package="keras_attention")
class CopyGenerator(CompositeLayer):
    r"""The vocabulary and the words of the source as one distribution.

    $$ P(w) = p_{gen} \, P_{vocab}(w) + (1 - p_{gen}) \sum_{s : x_s = w} a_{ts} $$

    over an extended vocabulary: the V ids of the output layer and up to E more, which
    stand for words of this very source that the vocabulary has not (`extend_source`).

    Args:
        extra_ids: E.
        unknown_id: What a source id of V + E or more is taken for: the words for which
            there was no room.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments:
        logits: `[B, T, V]`, of the vocabulary.
        weights: `[B, T, S]`, or `[B, H, T, S]`, of which the mean over heads is taken;
            zero at padding, as every attention of this library makes them.
        source_ids: `[B, S]` integers, extended ids.
        gate: `[B, T, 1]`, of which $p_{gen}$ is the sigmoid. In the paper it is
            $w_c^\top c_t + w_s^\top s_t + w_y^\top y_t + b$: a `keras.layers.Dense(1)`
            of the readout `concat` and the input.

    Returns:
        Log-probabilities `[B, T, V + E]` in at least float32. They are their own
        logits: for `ka.losses.MaskedCrossentropy` with extended ids as labels. Nothing
        is below log 1e-30.

    Raises:
        ValueError, TypeError: Arguments out of range, wrong ranks or lengths, ids that
            are no integers.

    References:
        See, Liu & Manning 2017, arXiv 1704.04368, equations 8 and 9.

    Relative to the paper: where the weights sum to less than one (no valid position, or
    an alignment that may stop nowhere), what is missing goes to the vocabulary, so that
    it is always a distribution; where they sum to one nothing differs.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> copy = ka.CopyGenerator(extra_ids=1)
    >>> log_probs = copy(
    ...     np.zeros((1, 1, 4), "float32"),          # four words, all as likely
    ...     np.array([[[0.75, 0.25]]], "float32"),
    ...     np.array([[4, 2]]),                      # the first is no word of them
    ...     np.zeros((1, 1, 1), "float32"),          # half of everything
    ... )
    >>> np.exp(log_probs).round(3).tolist()
    [[[0.125, 0.125, 0.25, 0.125, 0.375]]]
    """

    def __init__(self, extra_ids: int, unknown_id: int = 3, **layer: Any) -> None:
        super().__init__(**layer)
        self.extra_ids = not_negative("extra_ids", extra_ids)
        self.unknown_id = not_negative("unknown_id", unknown_id)
        self.supports_masking = True

    def build(
        self,
        logits_shape: Any,
        weights_shape: Any,
        source_ids_shape: Any,
        gate_shape: Any,
    ) -> None:
        check_rank("logits", logits_shape, 3)
        check_rank("weights", weights_shape, 3, 4)
        check_rank("source_ids", source_ids_shape, 2)
        check_rank("gate", gate_shape, 3)
        if gate_shape[-1] != 1:
            raise ValueError(
                "`gate` must have one number for each target position. "
                f"Expected: [B, T, 1]. Received: gate of shape {tuple(gate_shape)}"
            )
        lengths = (weights_shape[-1], source_ids_shape[-1])
        if None not in lengths and lengths[0] != lengths[1]:
            raise ValueError(
                "`source_ids` must have an id for each weight. "
                f"Expected: {lengths[0]}. Received: {lengths[1]}"
            )
        if self.unknown_id >= logits_shape[-1]:
            raise ValueError(
                "`unknown_id` must be in the vocabulary. Expected: less than "
                f"{logits_shape[-1]}. Received: unknown_id={self.unknown_id}"
            )

    def call(self, logits: Any, weights: Any, source_ids: Any, gate: Any) -> Any:
        source_ids = ops.convert_to_tensor(source_ids)
        if not keras.backend.is_int_dtype(source_ids.dtype):
            raise TypeError(
                "`source_ids` must be integers. "
                f"Received: source_ids of dtype {source_ids.dtype}"
            )
        dtype = at_least_float32(logits.dtype)
        weights = weights_with_heads(ops.cast(weights, dtype), rank=4)
        weights = mean_over_heads(weights)  # [B, T, S]
        from_vocabulary = ops.softmax(ops.cast(logits, dtype), axis=-1)  # [B, T, V]
        generate = ops.sigmoid(ops.cast(gate, dtype))  # [B, T, 1]
        copied = (1.0 - generate) * self._by_id(
            weights, source_ids, logits.shape[-1]
        )  # [B, T, V + E]
        left = 1.0 - (1.0 - generate) * ops.sum(weights, axis=-1, keepdims=True)
        generated = ops.pad(
            ops.maximum(left, ops.zeros_like(left)) * from_vocabulary,
            ((0, 0), (0, 0), (0, self.extra_ids)),
        )  # [B, T, V + E]
        return ops.log(ops.maximum(generated + copied, ops.cast(_LOWEST, dtype)))

    def compute_output_shape(
        self,
        logits_shape: Any,
        weights_shape: Any,
        source_ids_shape: Any,
        gate_shape: Any,
    ) -> Any:
        return (*logits_shape[:-1], logits_shape[-1] + self.extra_ids)

    def compute_mask(self, *arguments: Any, **named: Any) -> None:
        return None

    def _by_id(self, weights: Any, source_ids: Any, vocabulary_size: int) -> Any:
        """Sums of the weights of equal ids, `[B, T, V + E]`."""
        batch, targets, positions = ops.shape(weights)
        size = vocabulary_size + self.extra_ids
        ids = ops.cast(source_ids, "int32")
        possible = ops.logical_and(ids >= 0, ids < size)
        ids = ops.where(possible, ids, self.unknown_id)  # [B, S]
        # One row after the other: a matrix of ones would be as large as S * (V + E).
        places = ids + size * ops.expand_dims(ops.arange(batch, dtype="int32"), -1)
        rows = ops.transpose(weights, (0, 2, 1))  # [B, S, T]
        summed = ops.segment_sum(
            ops.reshape(rows, (batch * positions, targets)),
            ops.reshape(places, (batch * positions,)),
            num_segments=batch * size,
        )  # [B * (V + E), T]
        summed = ops.reshape(summed, (batch, size, targets))
        return ops.transpose(summed, (0, 2, 1))  # [B, T, V + E]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | constructor_config(self)


def extend_source(
    tokens: Sequence[str], token_ids: Mapping[str, int], vocabulary_size: int
) -> tuple[list[int], list[str]]:
    """Ids of a source in which every unknown word has one of its own.

    Args:
        tokens: The source.
        token_ids: Ids of known tokens, of the vocabulary of the targets.
        vocabulary_size: V, the first id of an unknown word.

    Returns:
        The ids, and the unknown words in the order of their ids.

    Example:

    >>> from keras_attention.copying import extend_source
    >>> extend_source(["Ada", "met", "Bo", "and", "Ada"], {"met": 4, "and": 5}, 6)
    ([6, 4, 7, 5, 6], ['Ada', 'Bo'])
    """
    words: dict[str, int] = {}
    ids = []
    for token in tokens:
        known = token_ids.get(token)
        if known is None:
            known = words.setdefault(token, vocabulary_size + len(words))
        ids.append(known)
    return ids, list(words)


def extend_target(
    tokens: Sequence[str],
    words: Sequence[str],
    token_ids: Mapping[str, int],
    vocabulary_size: int,
    unknown_id: int = 3,
    extra_ids: int | None = None,
) -> list[int]:
    """Ids of a target, with those of its source for words unknown to the vocabulary.

    Args:
        tokens: The target.
        words: What `extend_source` gave.
        token_ids, vocabulary_size: As there.
        unknown_id: For words that are in neither.
        extra_ids: E: words for which there is no room are unknown too. None: there is.

    Example:

    >>> from keras_attention.copying import extend_target
    >>> extend_target(["Bo", "met", "Cy"], ["Ada", "Bo"], {"met": 4, "and": 5}, 6)
    [7, 4, 3]
    """
    extra = {word: place for place, word in enumerate(words[:extra_ids])}
    return [
        vocabulary_size + extra[token]
        if token not in token_ids and token in extra
        else token_ids.get(token, unknown_id)
        for token in tokens
    ]
