"""A model and its tokenizers: text in, text and alignment out."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_attention.export.saved_model import export
from keras_attention.generation import GenerationOptions
from keras_attention.generation.compiled_graphs import CompiledGraphs
from keras_attention.generation.options.features import features
from keras_attention.generation.options.option_table import LIMITS, OPTIONS
from keras_attention.generation.options.row_options import option_values
from keras_attention.pipeline import archive
from keras_attention.pipeline.graphs import Graphs, Parts
from keras_attention.pipeline.prediction import (
    Prediction,
    ScoredText,
    predictions,
    scored_texts,
)
from keras_attention.text import Tokenizer, UnknownWords, batches, encode
from keras_attention.text.special_symbols import END_ID, PAD_ID, START_ID

# What is asked of a model.
_NEEDED = (
    "generate",
    "source_vocabulary_size",
    "target_vocabulary_size",
    "pad_id",
    "start_id",
    "end_id",
)
# The largest beam that is exported unless something else is asked for.
_BEAM = 10


class TextToText:
    """A model with the tokenizers of its source and its target.

    Args:
        model: `ka.Seq2Seq`, or a model with the same `generate` and attributes.
        source_tokenizer: `keras_attention.text.Tokenizer` of the texts that go in.
        target_tokenizer: That of the texts that come out.
        replace_unknown: Whether unknown tokens become, in the text that comes
            out, the source token that was looked at most; or a lexicon, a dict
            from source tokens to what is written for them (see
            `keras_attention.text.UnknownWords`).

    Raises:
        ValueError: The vocabularies' sizes or special ids differ from the model's,
            or Keras' backend is not TensorFlow.
        TypeError: The model lacks what is needed of it, or `replace_unknown` is
            neither a bool nor a lexicon.

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
        self,
        model: Any,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        replace_unknown: bool | Mapping[str, str] = False,
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
        self.unknown_words = _unknown_words(replace_unknown)
        self._parts = Parts(
            model, source_tokenizer, target_tokenizer, self.unknown_words
        )
        self._graphs = CompiledGraphs(model)

    def predict(
        self,
        texts: Iterable[str | bytes],
        options: GenerationOptions | None = None,
        batch_size: int = 64,
    ) -> list[Prediction]:
        """Answer texts, in their order.

        Any text has an answer: unknown symbols, bytes that are not UTF-8 and
        empty texts included. The graphs are those that `export` writes, so that
        a server gives the same answers.

        Args:
            texts: The texts.
            options: How to generate; every field one value or one a text. What
                goes into `banned_tokens` and `prefix` are ids of the target, such
                as `target_tokenizer.ids(["a", "b"]).numpy()`.
            batch_size: Texts computed at a time; texts of like length are computed
                together.

        Returns:
            One `ka.Prediction` a text, with the `alternatives` asked for.

        Raises:
            TypeError: `texts` is a single string or has an element that is none.
            ValueError: `options` has another number of values than there are
                texts, an id that is not in the vocabulary or a prefix that is no
                beginning; or `batch_size` is below 1.
        """
        rows = _encoded("texts", texts)
        options = options or GenerationOptions()
        options.check_rows(len(rows))
        values = _option_arrays(options, self.target_tokenizer, len(rows))
        largest = max(
            [_BEAM, *values["beam_size"].tolist(), *values["alternatives"].tolist()]
        )
        graphs = self._graphs_for(largest)
        greedy = features(options, fixed_sizes=False).greedy

        def answer(chosen: list[int]) -> Any:
            text = tf.constant([rows[row] for row in chosen], tf.string)
            given = {name: tf.constant(value[chosen]) for name, value in values.items()}
            if greedy:
                return graphs.greedy(text, *(given[name] for name in LIMITS))
            return graphs.search(text, given)

        return _by_length(rows, batch_size, answer, predictions)

    def score(
        self,
        texts: Iterable[str | bytes],
        target_texts: Iterable[str | bytes],
        batch_size: int = 64,
    ) -> list[ScoredText]:
        """How probable it is that texts are answered by given targets.

        Args:
            texts: The texts.
            target_texts: A target for each.
            batch_size: Pairs computed at a time.

        Returns:
            One `ka.ScoredText` a pair.

        Raises:
            TypeError: An argument is a single string or has an element that is
                none; or the model has no `score`.
            ValueError: There are not as many targets as texts, or `batch_size` is
                below 1.
        """
        if not hasattr(self.model, "score"):
            raise TypeError(
                f"`score` needs a model that has it. Received: model={self.model!r}"
            )
        rows = _encoded("texts", texts)
        targets = _encoded("target_texts", target_texts)
        if len(rows) != len(targets):
            raise ValueError(
                "`target_texts` must hold one target for each text. Expected: "
                f"{len(rows)}. Received: {len(targets)}"
            )
        graphs = self._graphs_for(_BEAM)

        def answer(chosen: list[int]) -> Any:
            return graphs.score(
                tf.constant([rows[row] for row in chosen], tf.string),
                tf.constant([targets[row] for row in chosen], tf.string),
            )

        return _by_length(rows, batch_size, answer, scored_texts)

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
        parts = {"source": self.source_tokenizer, "target": self.target_tokenizer}
        if self.unknown_words is not None:
            parts["unknown_words"] = self.unknown_words
        archive.write(path, self.model, parts)

    @classmethod
    def load(cls, path: str | os.PathLike[str], compile: bool = True) -> "TextToText":
        """Read what `save` wrote.

        Args:
            path: The file.
            compile: Whether to restore the optimizer and the loss too.

        Raises:
            ValueError: The file was not written by `save`.
        """
        model, parts = archive.read(path, compile)
        words = parts.get("unknown_words")
        replaced = words.get_config()["lexicon"] if words is not None else False
        return cls(model, parts["source"], parts["target"], replaced)

    def export(
        self,
        model_base_path: str | os.PathLike[str],
        version: int | None = None,
        max_beam_size: int = _BEAM,
    ) -> Path:
        """Write a version for TF Serving: `<base>/<version>/saved_model.pb`.

        The directory appears when it is complete, with requests that the server
        tries before it puts the version into service. The graph names no device
        and has only ops that TF Serving 2.20 knows. Its signatures are
        `serving_default` (text, log_prob), `predict_with_options`, `n_best` and
        `align`, which take the options of generation, `score`, and, for one step
        at a time, `encode` and `step`.

        Args:
            model_base_path: The directory whose numbered directories are versions.
            version: A positive integer; None for the highest there is plus one.
            max_beam_size: The largest beam, and the most answers to a text, that
                a request can ask for.

        Returns:
            The path of the version.

        Raises:
            ValueError: The version is there already, `max_beam_size` is below 1, or
                the model has something that cannot be served.
            ImportError: tensorflow-serving-api is not installed.
        """
        return export(self._parts, model_base_path, version, max_beam_size)

    def _graphs_for(self, largest_beam: int) -> Graphs:
        return self._graphs.keep(
            largest_beam, lambda: Graphs(self._parts, largest_beam)
        )


def _encoded(argument: str, texts: Iterable[str | bytes]) -> list[bytes]:
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"`{argument}` must be a list of strings. "
            f"Received: a single {type(texts).__name__}; write [text]"
        )
    rows = []
    for place, text in enumerate(texts):
        if isinstance(text, str):
            # A lone surrogate becomes bytes that are not UTF-8: unknown symbols.
            text = text.encode("utf-8", "surrogatepass")
        if not isinstance(text, bytes):
            raise TypeError(
                f"`{argument}` must hold strings. Received: {text!r} at {place}"
            )
        rows.append(text)
    return rows


def _unknown_words(replace_unknown: Any) -> UnknownWords | None:
    if isinstance(replace_unknown, bool):
        return UnknownWords() if replace_unknown else None
    if not isinstance(replace_unknown, Mapping):
        raise TypeError(
            "`replace_unknown` must be a bool or a dict from source tokens to texts. "
            f"Received: replace_unknown={replace_unknown!r}"
        )
    return UnknownWords(replace_unknown)


def _option_arrays(
    options: GenerationOptions, tokenizer: Tokenizer, rows: int
) -> dict[str, np.ndarray]:
    """Options by name, one value or list of ids a row; 0 is what None says."""
    values = option_values(options, PAD_ID, END_ID, tokenizer.vocabulary_size)
    arrays = {}
    for name, option in OPTIONS.items():
        value = np.asarray(0 if values[name] is None else values[name], option.dtype)
        shape = (rows, value.shape[1]) if option.kind == "ids" else (rows,)
        arrays[name] = np.broadcast_to(value, shape)
    return arrays


def _by_length(
    rows: list[bytes],
    batch_size: int,
    answer: Callable[[list[int]], Mapping[str, Any]],
    read: Callable[[Mapping[str, np.ndarray]], list[Any]],
) -> list[Any]:
    """Answers in the order of the rows, computed for rows of like length at a time."""
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: batch_size={batch_size}"
        )
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    found: dict[int, Any] = {}
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        arrays = {name: tensor.numpy() for name, tensor in answer(chosen).items()}
        found.update(zip(chosen, read(arrays), strict=True))
    return [found[row] for row in range(len(rows))]


__all__ = ["Prediction", "ScoredText", "TextToText"]
