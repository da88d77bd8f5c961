"""Graphs from text to text, shared by prediction and by the signatures of an export.

A graph that several signatures call stands in a SavedModel once, and what a
signature does not return is not computed for it.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.generation import Generation, GenerationOptions
from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.pipeline import option_inputs
from keras_attention.pipeline.option_inputs import Tensors
from keras_attention.pipeline.source_inputs import SourceInputs
from keras_attention.text import TokenizedText, Tokenizer, UnknownWords

_TARGET = tf.TensorSpec([None], tf.string, name="target_text")
_IDS = tf.TensorSpec([None, None], tf.int32)
_INTEGERS = tf.TensorSpec([None], tf.int32)
_NUMBERS = tf.TensorSpec([None], tf.float32)
# What is said of a generation, by the names of its fields.
_FIELDS = ("ids", "lengths", "log_probs", "weights")


class Parts(NamedTuple):
    """What a pipeline consists of."""

    model: Any
    source: SourceInputs
    target_tokenizer: Tokenizer
    unknown_words: UnknownWords | None = None


class Graphs:
    """The graphs of a pipeline, traced when they are first needed.

    Args:
        parts: Of the pipeline.
        max_beam_size: The largest beam, and the most answers for a text.
    """

    def __init__(self, parts: Parts, max_beam_size: int) -> None:
        self.parts = parts
        self.max_beam_size = max_beam_size
        self._texts = {
            name: tf.TensorSpec([None], tf.string, name=name)
            for name in parts.source.names
        }

    @functools.cached_property
    def source(self) -> Callable[[Tensors], TokenizedText]:
        """Texts `[B]` by the name of their input as tokens of the source."""
        return _graph(self.parts.source.tokenize, self._texts)

    @functools.cached_property
    def target(self) -> Callable[[Any], TokenizedText]:
        """Texts `[B]` as tokens of the target."""
        return _graph(self.parts.target_tokenizer.tokenize_with_offsets, _TARGET)

    @functools.cached_property
    def tokens(self) -> Callable[[Any], Any]:
        """Target ids `[B, T]` as strings."""
        return _graph(self.parts.target_tokenizer.tokens, _IDS)

    @functools.cached_property
    def greedy(self) -> Callable[[Tensors, Any, Any], Tensors]:
        """Answers to texts `[B]`, from `max_length` and `max_length_ratio` `[B]`."""
        return _graph(self._greedy, self._texts, _INTEGERS, _NUMBERS)

    @functools.cached_property
    def search(self) -> Callable[[Tensors, Tensors], Tensors]:
        """Answers to texts `[B]` with every option, `[B]` or ids `[B, M]`."""
        specs = {
            name: tf.TensorSpec([None] * (1 + (option.kind == "ids")), option.dtype)
            for name, option in OPTIONS.items()
        }
        return _graph(self._search, self._texts, specs)

    @functools.cached_property
    def checked_search(self) -> Callable[[Tensors, Tensors], Tensors]:
        """`search` with options as a signature takes them, of 1 row or B each."""
        inputs = option_inputs.option_inputs(self.max_beam_size, alternatives=True)
        specs = {name: tf.TensorSpec([None], inputs[name].dtype) for name in inputs}
        return _graph(self._checked_search, self._texts, specs)

    @functools.cached_property
    def score(self) -> Callable[[Tensors, Any], Tensors]:
        """How probable target texts `[B]` are, token by token."""
        return _graph(self._score, self._texts, _TARGET)

    @functools.cached_property
    def greedy_ids(self) -> Callable[[Any, Any, Any], Tensors]:
        """`greedy` from ids `[B, S]` to ids: fields of `ka.Generation`."""
        return _graph(self._greedy_ids, _IDS, _INTEGERS, _NUMBERS)

    def _greedy(
        self, texts: Tensors, max_length: Any, max_length_ratio: Any
    ) -> Tensors:
        source = self.source(texts)
        ratio = option_inputs.bounded_ratio(max_length_ratio, source.length)
        return self.greedy_answers(
            source, self.greedy_ids(source.ids, max_length, ratio)
        )

    def _greedy_ids(self, ids: Any, max_length: Any, max_length_ratio: Any) -> Tensors:
        options = GenerationOptions(
            max_length=max_length, max_length_ratio=max_length_ratio
        )
        return self.greedy_fields(ids, options)

    def greedy_fields(
        self, ids: Any, options: GenerationOptions | None = None
    ) -> Tensors:
        """What greedy search finds for ids `[B, S]`; a part of the graph it is in."""
        return _fields(self.parts.model.generate(ids, options))

    def greedy_answers(self, source: TokenizedText, found: Tensors) -> Tensors:
        """Answers `[B, 1]` of what greedy search found, as of `greedy`."""
        # [B, T] to [B, N, T] with N = 1, and so on
        one = {name: tf.expand_dims(value, 1) for name, value in found.items()}
        return self._answers(source, one)

    def _search(self, texts: Tensors, options: Tensors) -> Tensors:
        source = self.source(texts)
        ratio = option_inputs.bounded_ratio(options["max_length_ratio"], source.length)
        generation = self.parts.model.generate(
            source.ids,
            GenerationOptions(**(options | {"max_length_ratio": ratio})),
            self.max_beam_size,
        )
        return self._answers(source, _fields(generation))

    def _checked_search(self, texts: Tensors, inputs: Tensors) -> Tensors:
        first = next(iter(texts.values()))
        inputs = option_inputs.spread(inputs, tf.shape(first)[0])
        options = option_inputs.read(
            inputs, self.parts.target_tokenizer, self.max_beam_size
        )
        with tf.control_dependencies([options["prefix"]]):
            texts = {name: tf.identity(text) for name, text in texts.items()}
            return self.search(texts, options)

    def _score(self, texts: Tensors, target_text: Any) -> Tensors:
        source = self.source(texts)
        ids = self.target(target_text).ids
        scores = self.parts.model.score(source.ids, ids)
        return {
            "log_prob": tf.cast(scores.log_probs, tf.float32),
            "token_log_prob": tf.cast(scores.token_log_probs, tf.float32),
            "tokens": self.tokens(ids),
            "length": scores.lengths,
            "alignment": mean_over_heads(scores.weights, rank=3),
            **source_answers(source),
        }

    def _answers(self, source: TokenizedText, found: Tensors) -> Tensors:
        """All there is to say, N answers for each text.

        Returns:
            `text`, `log_prob`, `length` `[B, N]`; `tokens` `[B, N, T]`; `alignment`
            `[B, N, T, S]`, the mean over heads; of the source `source_length` `[B]`
            and `source_tokens`, `source_start`, `source_end` `[B, S]`.
        """
        weights = mean_over_heads(found["weights"], rank=4)
        shape = tf.shape(found["ids"])
        sequences = tf.stack([shape[0] * shape[1], shape[2]])
        ids = tf.reshape(found["ids"], sequences)  # [B * N, T]
        unknown = None
        if self.parts.unknown_words is not None:
            by_row = tf.stack([shape[0], shape[1] * shape[2], tf.shape(weights)[3]])
            unknown = self.parts.unknown_words.replacements(
                source, tf.reshape(weights, by_row)
            )  # [B, N * T]
            unknown = tf.reshape(unknown, sequences)
        text = self.parts.target_tokenizer.detokenize(
            ids, **({} if unknown is None else {"unknown": unknown})
        )
        return {
            "text": tf.reshape(text, shape[:2]),
            "log_prob": tf.cast(found["log_probs"], tf.float32),
            "tokens": tf.reshape(self.tokens(ids), shape),
            "length": found["lengths"],
            "alignment": weights,
            **source_answers(source),
        }


def _fields(generation: Generation) -> Tensors:
    return {name: getattr(generation, name) for name in _FIELDS}


def source_answers(source: TokenizedText) -> Tensors:
    """What an answer says of its source."""
    return {
        "source_tokens": source.tokens,
        "source_start": source.start,
        "source_end": source.end,
        "source_length": source.length,
    }


def mean_over_heads(weights: Any, rank: int) -> Any:
    """Attention weights `[..., T, S]` float32 of `[..., T, S]` or `[..., H, T, S]`."""
    weights = tf.cast(weights, tf.float32)
    if weights.shape.rank > rank:
        weights = tf.reduce_mean(weights, axis=rank - 2)
    return weights


def _graph(function: Callable[..., Any], *specs: Any) -> Any:
    return tf.function(function, input_signature=specs, autograph=False)
