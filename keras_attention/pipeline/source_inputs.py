"""Inputs of a model, one text or several by their names, as one sequence of ids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.layer_support.types import Tensor
from keras_attention.pipeline.refusals import refuse_sizes
from keras_attention.text import TokenizedText, Tokenizer, encode
from keras_attention.text.piece_tokenizer import padded
from keras_attention.text.special_symbols import SPECIAL_TOKENS
from keras_attention.text.text_lists import encoded

TEXT = "text"
Source = str | bytes | Mapping[str, str | bytes]
Sources = Iterable[str | bytes] | Mapping[str, Iterable[str | bytes]]

_SPECIAL = len(SPECIAL_TOKENS)
# Other inputs of signatures.
_TAKEN = {*OPTIONS, "target_text", "token", "ready", "source_ids"}


class SourceInputs:
    """The tokenizers of a source: of a text, or of several inputs.

    Several stand one after the other in the ids, each with its end symbol. They share
    the special ids; the symbols of the first have the next ones, then those of the
    second, and so on.

    Args:
        tokenizers: One tokenizer, or those of all inputs by name.

    Raises:
        ValueError: No tokenizer, or a name that no input can have.
    """

    def __init__(self, tokenizers: Tokenizer | Mapping[str, Tokenizer]) -> None:
        self.tokenizers: dict[str, Tokenizer] = (
            dict(tokenizers) if isinstance(tokenizers, Mapping) else {TEXT: tokenizers}
        )
        for name in self.tokenizers or [""]:
            if not name.isidentifier() or name in _TAKEN:
                raise ValueError(
                    "`source_tokenizer` must be a tokenizer, or a dict of them by "
                    f"names, which are none of {sorted(_TAKEN)}. Received: {name!r}"
                )
        self.names = tuple(self.tokenizers)
        sizes = [each.vocabulary_size for each in self.tokenizers.values()]
        self._first_ids = np.cumsum([0, *(size - _SPECIAL for size in sizes)])
        self.vocabulary_size = int(self._first_ids[-1]) + _SPECIAL

    def tokenize(self, texts: Mapping[str, Tensor]) -> TokenizedText:
        """Tokens of texts `[B]` by name; offsets are those in the text of the input."""
        found = [
            each.tokenize_with_offsets(texts[name])
            for name, each in self.tokenizers.items()
        ]
        if len(found) == 1:
            return found[0]
        shifted = [
            one._replace(ids=tf.where(one.ids < _SPECIAL, one.ids, one.ids + first))
            for one, first in zip(found, self._first_ids.tolist(), strict=False)
        ]
        valid = [tf.sequence_mask(x.length, tf.shape(x.ids)[1]) for x in found]
        places = tf.where(tf.concat(valid, axis=1))  # [N, 2], row by row
        length = tf.add_n([one.length for one in found])  # [B]
        splits = tf.concat([[0], tf.cumsum(tf.cast(length, tf.int64))], axis=0)
        shape = tf.stack([-1, tf.reduce_max(tf.concat([length, [1]], axis=0))])

        def packed(parts: Sequence[Tensor], padding: int | str) -> Tensor:
            values = tf.gather_nd(tf.concat(parts, axis=1), places)  # [N]
            return padded(values, splits, shape, padding)  # [B, S]

        return TokenizedText(
            ids=packed([one.ids for one in shifted], 0),
            length=length,
            tokens=packed([one.tokens for one in found], ""),
            start=packed([one.start for one in found], 0),
            end=packed([one.end for one in found], 0),
        )

    def checked(self, texts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inputs among tensors by name, all of as many rows as the first."""
        first, *others = self.names
        rows = {name: texts[name] for name in others}
        if not rows:
            return {first: texts[first]}
        count = tf.shape(texts[first])[0]
        with tf.control_dependencies([refuse_sizes(rows, count, or_one=False)]):
            return {name: tf.identity(texts[name]) for name in self.names}

    def columns(self, argument: str, texts: Sources) -> dict[str, list[bytes]]:
        """Texts as bytes by the name of their input.

        Raises:
            TypeError: Something is no text.
            ValueError: Other inputs than the model's, or not as many texts of each.
        """
        if self.names == (TEXT,) and not isinstance(texts, Mapping):
            return {TEXT: encoded(argument, texts)}
        given = list(texts) if isinstance(texts, Mapping) else type(texts).__name__
        if not isinstance(texts, Mapping) or {*texts} != {*self.names}:
            raise ValueError(
                f"`{argument}` must be a dict with a list of texts for each input of "
                f"the model. Expected: {list(self.names)}. Received: {given}"
            )
        found = {
            name: encoded(f"{argument}[{name!r}]", texts[name]) for name in self.names
        }
        counts = {name: len(rows) for name, rows in found.items()}
        if len({*counts.values()}) > 1:
            raise ValueError(
                f"`{argument}` must hold as many texts of each input. "
                f"Received: {counts}"
            )
        return found

    def encode(self, columns: Mapping[str, Sequence[str | bytes]]) -> list[np.ndarray]:
        """Ids of every row, int32, with end symbols and without padding."""
        parts = []
        for place, (name, each) in enumerate(self.tokenizers.items()):
            rows = encode(each, columns[name])
            first = int(self._first_ids[place])
            parts.append([np.where(x < _SPECIAL, x, x + first) for x in rows])
        return [
            np.concatenate(row).astype(np.int32) for row in zip(*parts, strict=True)
        ]

    def by_name(self, argument: str, rows: Sequence[Source]) -> dict[str, list[Any]]:
        """Rows, each a text or a dict of one for each input, as lists by name.

        Raises:
            ValueError: A row has other inputs than the model.
        """
        if self.names == (TEXT,) and not any(isinstance(row, Mapping) for row in rows):
            return {TEXT: list(rows)}
        found: dict[str, list[Any]] = {name: [] for name in self.names}
        for place, row in enumerate(rows):
            if not isinstance(row, Mapping) or {*row} != {*self.names}:
                raise ValueError(
                    f"`{argument}` must have a dict of texts as sources. Expected: "
                    f"one of {list(self.names)}. Received: {row!r} at {place}"
                )
            for name, texts in found.items():
                texts.append(row[name])
        return found
