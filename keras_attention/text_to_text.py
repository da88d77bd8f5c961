"""A model and its tokenizers: text in, text and alignment out."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_attention import archive
from keras_attention.exporting.saved_model import export
from keras_attention.exporting.signatures import Parts, Signature, align
from keras_attention.exporting.trace import concrete
from keras_attention.generation import GenerationOptions
from keras_attention.prediction import Prediction, from_alignment
from keras_attention.text import Tokenizer, batches, encode
from keras_attention.text.special import END_ID, PAD_ID, START_ID

# What is asked of a model.
_NEEDED = (
    "generate",
    "source_vocabulary_size",
    "target_vocabulary_size",
    "pad_id",
    "start_id",
    "end_id",
)


class TextToText:
    """A model with the tokenizers of its source and its target.

    Args:
        model: `ka.Seq2Seq`, or a model with the same `generate` and attributes.
        source_tokenizer: `keras_attention.text.Tokenizer` of the texts that go in.
        target_tokenizer: That of the texts that come out.

    Raises:
        ValueError: The vocabularies' sizes or special ids differ from the model's,
            or Keras' backend is not TensorFlow.
        TypeError: The model lacks what is needed of it.

    Example:

    >>> import keras
    >>> import keras_attention as ka
    >>> from keras_attention.text import CharacterTokenizer
    >>> letters = CharacterTokenizer(["a", "b", "c"])
    >>> model = ka.Seq2Seq(
    ...     ka.RecurrentEncoder(4),
    ...     ka.AttentionDecoder(keras.layers.GRUCell(8), ka.BahdanauAttention(8)),
    ...     source_vocabulary_size=letters.vocabulary_size,
    ...     target_vocabulary_size=letters.vocabulary_size,
    ...     embedding_dim=4,
    ... )
    >>> pipeline = ka.TextToText(model, letters, letters)
    >>> pipeline.predict(["abc"])[0].source_tokens
    ['a', 'b', 'c', '</s>']
    """

    def __init__(
        self, model: Any, source_tokenizer: Tokenizer, target_tokenizer: Tokenizer
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "TextToText needs the TensorFlow backend of Keras. "
                f"Received: {keras.backend.backend()}"
            )
        missing = [name for name in _NEEDED if not hasattr(model, name)]
        if missing:
            raise TypeError(
                f"`model` must be a ka.Seq2Seq or have its {missing}. "
                f"Received: model={model!r}"
            )
        for side, tokenizer in (
            ("source", source_tokenizer),
            ("target", target_tokenizer),
        ):
            size = getattr(model, f"{side}_vocabulary_size")
            if size != tokenizer.vocabulary_size:
                raise ValueError(
                    f"`{side}_tokenizer` must have the vocabulary size of the model, "
                    f"{size}. Received: {tokenizer.vocabulary_size}"
                )
        special = (model.pad_id, model.start_id, model.end_id)
        if special != (PAD_ID, START_ID, END_ID):
            raise ValueError(
                "`model` must have the tokenizers' pad_id, start_id and end_id, "
                f"{(PAD_ID, START_ID, END_ID)}. Received: {special}"
            )
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self._parts = Parts(model, source_tokenizer, target_tokenizer)
        self._functions: dict[tuple[str, ...], Any] = {}

    def predict(
        self,
        texts: Iterable[str | bytes],
        options: GenerationOptions | None = None,
        batch_size: int = 64,
    ) -> list[Prediction]:
        """Answer texts, in their order.

        Any text has an answer: unknown symbols, bytes that are not UTF-8 and
        empty texts included.

        Args:
            texts: The texts.
            options: How to generate; every field a scalar or one value a text.
            batch_size: Texts computed at a time; texts of like length are computed
                together.

        Returns:
            One `ka.Prediction` a text.

        Raises:
            TypeError: `texts` is a single string or has an element that is none.
            ValueError: `options` has another number of values than there are
                texts, or `batch_size` is below 1.
        """
        rows = _encoded(texts)
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: batch_size={batch_size}"
            )
        values = _option_values(options, len(rows))
        function = self._function(values)
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        predictions: dict[int, Prediction] = {}
        for first in range(0, len(order), batch_size):
            chosen = order[first : first + batch_size]
            inputs = {
                name: tf.constant(value[chosen]) for name, value in values.items()
            }
            text = tf.constant([rows[row] for row in chosen], tf.string)
            outputs = function(text=text, **inputs)
            arrays = {name: output.numpy() for name, output in outputs.items()}
            predictions.update(zip(chosen, from_alignment(arrays), strict=True))
        return [predictions[row] for row in range(len(rows))]

    def dataset(self, pairs: Iterable[tuple[str, str]], **batching: Any) -> Any:
        """Pairs of texts as a `tf.data.Dataset` for `model.fit`.

        Args:
            pairs: Source and target texts.
            **batching: For `keras_attention.text.batches`: `batch_size`, `shuffle`,
                `seed` and others.
        """
        sources, targets = zip(*pairs, strict=True)
        return batches(
            encode(self.source_tokenizer, sources),
            encode(self.target_tokenizer, targets),
            **batching,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write model and tokenizers into one file, which appears when complete."""
        tokenizers = {"source": self.source_tokenizer, "target": self.target_tokenizer}
        archive.write(path, self.model, tokenizers)

    @classmethod
    def load(cls, path: str | os.PathLike[str], compile: bool = True) -> "TextToText":
        """Read what `save` wrote.

        Args:
            path: The file.
            compile: Whether to restore the optimizer and the loss too.

        Raises:
            ValueError: The file was not written by `save`.
        """
        model, tokenizers = archive.read(path, compile)
        return cls(model, tokenizers["source"], tokenizers["target"])

    def export(
        self, model_base_path: str | os.PathLike[str], version: int | None = None
    ) -> Path:
        """Write a version for TF Serving: `<base>/<version>/saved_model.pb`.

        The directory appears when it is complete, with requests that the server
        tries before it puts the version into service. The graph names no device
        and has only ops that TF Serving 2.20 knows; its signatures are
        `serving_default` (text, log_prob) and `align` (alignments too).

        Args:
            model_base_path: The directory whose numbered directories are versions.
            version: A positive integer; None for the highest there is plus one.

        Returns:
            The path of the version.

        Raises:
            ValueError: The version is there already, or the model has something
                that cannot be served.
            ImportError: tensorflow-serving-api is not installed.
        """
        return export(self._parts, model_base_path, version)

    def _function(self, options: dict[str, np.ndarray]) -> Any:
        """The graph for a set of options: one for all batch sizes and lengths."""
        key = tuple(options)
        if key not in self._functions:
            dtypes = {name: value.dtype for name, value in options.items()}
            signature = Signature({"text": tf.string, **dtypes}, align)
            self._functions[key] = concrete(self._parts, signature)
        return self._functions[key]


_ROW_OPTIONS = ("max_length",)


def _encoded(texts: Iterable[str | bytes]) -> list[bytes]:
    if isinstance(texts, str | bytes):
        raise TypeError(
            "`texts` must be a list of strings. "
            f"Received: a single {type(texts).__name__}; write [text]"
        )
    rows = []
    for place, text in enumerate(texts):
        if isinstance(text, str):
            # A lone surrogate becomes bytes that are not UTF-8: unknown symbols.
            text = text.encode("utf-8", "surrogatepass")
        if not isinstance(text, bytes):
            raise TypeError(f"`texts` must hold strings. Received: {text!r} at {place}")
        rows.append(text)
    return rows


def _option_values(
    options: GenerationOptions | None, number: int
) -> dict[str, np.ndarray]:
    """Options that are set, one value for each text."""
    options = options or GenerationOptions()
    values = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name not in _ROW_OPTIONS:
            neutral: Any = field.default
            if not np.array_equal(value, neutral):
                raise ValueError(
                    f"`options` of a pipeline may set {list(_ROW_OPTIONS)}; the others "
                    "are for `model.generate`. "
                    f"Received: {field.name}={value!r}"
                )
            continue
        if value is None:
            continue
        array = np.asarray(value)
        if array.dtype == np.int64:
            array = array.astype(np.int32)
        if array.shape not in ((), (number,)):
            raise ValueError(
                f"`{field.name}` must be a scalar or have one value for each of "
                f"{number} texts. Received: shape {array.shape}"
            )
        values[field.name] = np.broadcast_to(array, (number,))
    return values


__all__ = ["Prediction", "TextToText"]
