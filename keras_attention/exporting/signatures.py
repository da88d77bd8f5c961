"""What a model answers, in a graph: strings in, strings and alignments out.

`TextToText.predict` runs the same functions, so that a served model gives the
same answers. Every tensor starts with the batch.

| signature | in | out |
|---|---|---|
| `serving_default` | text `[B]` | text, log_prob `[B]` |
| `align` | text `[B]` | the same and `ALIGNMENT`, below |
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from keras_attention.generation import Generation, GenerationOptions
from keras_attention.text import Tokenizer

Tensors = dict[str, Any]


class Generator(Protocol):
    """A model that generates, such as `ka.Seq2Seq`."""

    def generate(
        self, source_ids: Any, options: GenerationOptions | None = None
    ) -> Generation: ...


class Parts(NamedTuple):
    """What a signature is made from."""

    model: Generator
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer


class Signature(NamedTuple):
    """One way to call an exported model.

    Attributes:
        inputs: Dtype by name; every input is `[B]`.
        answer: Graph function of the parts and the inputs by name.
    """

    inputs: Mapping[str, Any]
    answer: Callable[[Parts, Tensors], Tensors]


def predict(parts: Parts, inputs: Tensors) -> Tensors:
    """Text and log-probability `[B]`."""
    answer = align(parts, inputs)
    return {name: answer[name] for name in ("text", "log_prob")}


def align(parts: Parts, inputs: Tensors) -> Tensors:
    """Text and log-probability `[B]`, with what they were made from.

    Returns:
        `text`, `log_prob`, `length`, `source_length` `[B]`; `tokens` `[B, T]`;
        `source_tokens`, `source_start`, `source_end` `[B, S]`, bytes of the text
        as sent; `alignment` `[B, T, S]`, the mean over heads. Lengths and
        alignment include the end symbol.
    """
    inputs = guarded(inputs)
    source = parts.source_tokenizer.tokenize_with_offsets(inputs.pop("text"))
    generation = parts.model.generate(source.ids, GenerationOptions(**inputs))
    weights = tf.cast(generation.weights, tf.float32)
    if weights.shape.rank == 4:
        weights = tf.reduce_mean(weights, axis=1)  # [B, H, T, S] -> [B, T, S]
    return {
        "text": parts.target_tokenizer.detokenize(generation.ids),
        "log_prob": tf.cast(generation.log_probs, tf.float32),
        "tokens": parts.target_tokenizer.tokens(generation.ids),
        "length": generation.lengths,
        "source_tokens": source.tokens,
        "source_start": source.start,
        "source_end": source.end,
        "source_length": source.length,
        "alignment": weights,
    }


def guarded(inputs: Tensors) -> Tensors:
    """The inputs, checked at run time to have rank 1.

    TF Serving does not compare shapes with the signature, and several text ops
    end the process when given a scalar.
    """
    return {name: tf.ensure_shape(value, [None]) for name, value in inputs.items()}


SIGNATURES = {
    "serving_default": Signature({"text": tf.string}, predict),
    "align": Signature({"text": tf.string}, align),
}
