"""A model and its tokenizers: text in, text and alignment out."""

import os
from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import Any, BinaryIO

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
from keras_attention.pipeline.part_checks import (
    check_backend,
    check_parts,
    unknown_words,
)
from keras_attention.pipeline.prediction import (
    Prediction,
    ScoredText,
    in_batches,
    predictions,
    scored_texts,
)
from keras_attention.pipeline.source_inputs import Source, SourceInputs, Sources
from keras_attention.text import Tokenizer, UnknownWords, batches, encode
from keras_attention.text.special_symbols import END_ID, PAD_ID
from keras_attention.text.text_lists import encoded

# The largest beam that is exported unless something else is asked for.
_BEAM = 10


class TextToText:
    """A model with the tokenizers of its source and its target.

    Args:
        model: `ka.Seq2Seq`, or a model with the same `generate` and attributes.
        source_tokenizer: `keras_attention.text.Tokenizer` of the texts that go in; or
            a dict of several by the names of their inputs, in the order of the model's
            encoders.
        target_tokenizer: That of the texts that come out.
        replace_unknown: Whether unknown tokens become, in the text that comes
            out, the source token that was looked at most; or a lexicon, a dict
            from source tokens to what is written for them; or
            `keras_attention.text.UnknownWords`, taken as it is.

    Raises:
        ValueError: The vocabularies' sizes or special ids differ from the model's, or
            the lexicon has a token that no source has.
        TypeError: The model lacks what is needed of it, or `replace_unknown` is
            neither a bool nor a lexicon.

    `predict`, `score` and `export` compute in graphs of TensorFlow, and need it as
    Keras' backend. On the others there are `dataset` and `encode`, to train the model
    and to generate with it, and `save`: the file is read on any backend.

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
        source_tokenizer: Tokenizer | Mapping[str, Tokenizer],
        target_tokenizer: Tokenizer,
        replace_unknown: bool | Mapping[str, str] | UnknownWords = False,
    ) -> None:
        self._source = SourceInputs(source_tokenizer)
        check_parts(model, self._source, target_tokenizer)
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.unknown_words = unknown_words(replace_unknown, self._source)
        self._parts = Parts(model, self._source, target_tokenizer, self.unknown_words)
        self._graphs = CompiledGraphs(model)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs; `("text",)` where there is one."""
        return self._source.names

    def predict(
        self,
        texts: Sources,
        options: GenerationOptions | None = None,
        batch_size: int = 64,
    ) -> list[Prediction]:
        """Answer texts, in their order.

        Any text has an answer: unknown symbols, bytes that are not UTF-8 and
        empty texts included. The graphs are those that `export` writes, so that
        a server gives the same answers.

        Args:
            texts: The texts; of several inputs a dict of lists by name.
            options: How to generate; every field one value or one a text. What
                goes into `banned_tokens` and `prefix` are ids of the target, such
                as `target_tokenizer.ids(["a", "b"]).numpy()`.
            batch_size: Texts computed at a time; texts of like length are computed
                together.

        Returns:
            One `ka.Prediction` a text, with the `alternatives` asked for.

        Raises:
            TypeError: `texts` is a single string or has an element that is none.
            ValueError: `texts` are not those of the inputs; `options` has another
                number of values than there are texts, an id that is not in the
                vocabulary or a prefix that is no beginning; `batch_size` is below 1; or
                Keras' backend is not TensorFlow.
        """
        check_backend("predict")
        columns = self._source.columns("texts", texts)
        rows = _joined(columns)
        options = options or GenerationOptions()
        options.check_rows(len(rows))
        values = _option_arrays(options, self.target_tokenizer, len(rows))
        largest = max(
            [_BEAM, *values["beam_size"].tolist(), *values["alternatives"].tolist()]
        )
        graphs = self._graphs_for(largest)
        greedy = features(options, fixed_sizes=False).greedy

        def answer(chosen: list[int]) -> Any:
            source = _tensors(columns, chosen)
            given = {name: tf.constant(value[chosen]) for name, value in values.items()}
            if greedy:
                return graphs.greedy(source, *(given[name] for name in LIMITS))
            return graphs.search(source, given)

        return in_batches(rows, batch_size, answer, predictions)

    def score(
        self,
        texts: Sources,
        target_texts: Iterable[str | bytes],
        batch_size: int = 64,
    ) -> list[ScoredText]:
        """How probable it is that texts are answered by given targets.

        Args:
            texts: As for `predict`.
            target_texts: A target for each.
            batch_size: Pairs computed at a time.

        Returns:
            One `ka.ScoredText` a pair.

        Raises:
            TypeError: An argument is a single string or has an element that is
                none; or the model has no `score`.
            ValueError: There are not as many targets as texts, `batch_size` is below 1,
                or Keras' backend is not TensorFlow.
        """
        check_backend("score")
        if not hasattr(self.model, "score"):
            raise TypeError(
                f"`score` needs a model that has it. Received: model={self.model!r}"
            )
        columns = self._source.columns("texts", texts)
        rows = _joined(columns)
        targets = encoded("target_texts", target_texts)
        if len(rows) != len(targets):
            raise ValueError(
                "`target_texts` must hold one target for each text. Expected: "
                f"{len(rows)}. Received: {len(targets)}"
            )
        graphs = self._graphs_for(_BEAM)

        def answer(chosen: list[int]) -> Any:
            return graphs.score(
                _tensors(columns, chosen),
                tf.constant([targets[row] for row in chosen], tf.string),
            )

        return in_batches(rows, batch_size, answer, scored_texts)

    def dataset(
        self, pairs: Iterable[tuple[Source, str]], **batching: Any
    ) -> tf.data.Dataset:
        """Pairs of texts as a `tf.data.Dataset` for `model.fit`.

        Args:
            pairs: Source and target texts; of several inputs the source is a dict of
                texts by name.
            **batching: For `keras_attention.text.batches`: `batch_size`, `shuffle`,
                `seed` and others. `replicas` are by default those of the model's
                strategy of `tf.distribute`.

        Raises:
            ValueError: There are no pairs, one is no pair, or an argument is out of
                range.
            TypeError: Something in a pair is no text.
        """
        pairs = list(pairs)
        for place, pair in enumerate(pairs):
            if not isinstance(pair, Sized) or isinstance(pair, str) or len(pair) != 2:
                raise ValueError(
                    "`pairs` must hold pairs of a source and a target text. "
                    f"Received: {pair!r} at {place}"
                )
        if not pairs:
            raise ValueError("`pairs` must hold a pair at least. Received: none")
        strategy = getattr(self.model, "distribute_strategy", None)
        if strategy is not None:
            batching.setdefault("replicas", strategy.num_replicas_in_sync)
        sources, targets = zip(*pairs, strict=True)
        return batches(
            self.encode(self._source.by_name("pairs", sources)),
            encode(self.target_tokenizer, targets),
            **batching,
        )

    def encode(self, texts: Sources) -> list[np.ndarray]:
        """Ids of the model's `source_ids`, one int32 array a text, without padding."""
        return self._source.encode(self._source.columns("texts", texts))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write model and tokenizers into one file, which appears when complete.

        Raises:
            ValueError: The path is one of another machine (`gs://...`).
        """
        parts = {"source": self.source_tokenizer, "target": self.target_tokenizer}
        if self.unknown_words is not None:
            parts["unknown_words"] = self.unknown_words
        archive.write(path, self.model, parts)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | BinaryIO, compile: bool = True
    ) -> "TextToText":
        """Read what `save` wrote.

        Args:
            path: The file, or one that is open for reading bytes.
            compile: Whether to restore the optimizer and the loss too.

        Raises:
            ValueError: The file was not written by `save`, or is on another machine
                (`gs://...`).
        """
        model, parts = archive.read(path, compile)
        replaced = parts.get("unknown_words", False)
        return cls(model, parts["source"], parts["target"], replaced)

    def export(
        self,
        model_base_path: str | os.PathLike[str],
        version: int | None = None,
        max_beam_size: int = _BEAM,
        compiled: bool = True,
    ) -> Path:
        """Write a version for TF Serving: `<base>/<version>/saved_model.pb`.

        The directory appears when it is complete, with requests that the server
        tries before it puts the version into service. The graph names no device
        and has only ops that TF Serving 2.20 knows. Its signatures are
        `serving_default` (text, log_prob), `align` and `n_best`, which take a text;
        `predict_with_options`, `align_with_options` and `n_best_with_options`, which
        take the options of generation too; `score`; and, for one step at a time,
        `encode` and `step`.

        Args:
            model_base_path: The directory whose numbered directories are versions.
            version: A positive integer; None for the highest there is plus one.
            max_beam_size: The largest beam, and the most answers to a text, that
                a request can ask for.
            compiled: Whether to write, beside the signatures that any server
                answers, those that an embedded server compiles with XLA. A model
                whose shapes depend on values, as with a `ka.Shortlist`, has none.

        Returns:
            The path of the version.

        Raises:
            ValueError: The version is there already, `max_beam_size` is below 1, the
                model has something that cannot be served, or Keras' backend is not
                TensorFlow.
            ImportError: tensorflow-serving-api is not installed.
        """
        check_backend("export")
        return export(self._parts, model_base_path, version, max_beam_size, compiled)

    def _graphs_for(self, largest_beam: int) -> Graphs:
        return self._graphs.keep(
            largest_beam, lambda: Graphs(self._parts, largest_beam)
        )


def _joined(columns: Mapping[str, list[bytes]]) -> list[bytes]:
    """All that goes in of every row."""
    return [b"".join(row) for row in zip(*columns.values(), strict=True)]


def _tensors(columns: Mapping[str, list[bytes]], chosen: list[int]) -> dict[str, Any]:
    return {
        name: tf.constant([rows[row] for row in chosen], tf.string)
        for name, rows in columns.items()
    }


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


__all__ = ["Prediction", "ScoredText", "TextToText"]
