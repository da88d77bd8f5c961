"""A tokenizer whose tokens are code points."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_attention.text.code_points import check_normalization, code_points
from keras_attention.text.splitting import Pieces, characters
from keras_attention.text.tokenizer import (
    DEFAULT_MAX_LENGTH,
    TokenizedText,
    Tokenizer,
    check_max_length,
    max_bytes,
    with_end,
)
from keras_attention.text.vocabulary import Vocabulary, count, most_frequent


@keras.saving.register_keras_serializable(package="keras_attention")
class CharacterTokenizer(Tokenizer):
    """Every code point of the normalised text is a token.

    Args:
        vocabulary: The characters that have ids of their own, special ones not
            included; others are unknown.
        normalization: None, `"NFC"` or `"NFKC"`.
        lowercase: Lower-case the text, after normalisation.
        max_length: Most tokens of a text, the end symbol included. What follows
            is cut off; of a text, `64 * max_length` bytes are read.

    Raises:
        ValueError: An argument out of range; a symbol that is no single character.

    Example:

    >>> tokenizer = CharacterTokenizer(vocabulary=["a", "b"])
    >>> tokenizer.tokenize(["ab", "?"]).numpy()
    array([[4, 5, 2],
           [3, 2, 0]], dtype=int32)
    >>> tokenizer.detokenize([[5, 4, 2]]).numpy()
    array([b'ba'], dtype=object)
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        normalization: str | None = "NFC",
        lowercase: bool = False,
        max_length: int = DEFAULT_MAX_LENGTH,
    ) -> None:
        super().__init__(name="character_tokenizer")
        self.normalization = check_normalization(normalization)
        self.lowercase = bool(lowercase)
        self.max_length = check_max_length(max_length)
        self._vocabulary = Vocabulary(vocabulary)
        for symbol in vocabulary:
            if len(symbol) != 1:
                raise ValueError(
                    "`vocabulary` of a CharacterTokenizer must hold single "
                    f"characters. Received: {symbol!r}"
                )

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        max_size: int | None = None,
        min_count: int = 1,
        **arguments: Any,
    ) -> "CharacterTokenizer":
        """A tokenizer for the characters that occur in texts, frequent ones first.

        Args:
            texts: The texts, read as far as `tokenize` reads them.
            max_size: Most characters, special ones not counted.
            min_count: Leave out characters that occur less often.
            **arguments: For the constructor.
        """
        counts = count(texts, cls([], **arguments)._pieces)
        return cls(most_frequent(counts, max_size, min_count), **arguments)

    @property
    def vocabulary_size(self) -> int:
        return len(self._vocabulary)

    def tokenize_with_offsets(self, text: Any) -> TokenizedText:
        text = tf.ensure_shape(text, [None])
        pieces = self._pieces(text)
        return with_end(pieces, self._vocabulary.ids(pieces.symbols), text)

    def tokens(self, ids: Any) -> Any:
        return self._vocabulary.tokens(tf.convert_to_tensor(ids, tf.int32))

    def ids(self, tokens: Any) -> Any:
        return self._vocabulary.token_ids(tf.convert_to_tensor(tokens, tf.string))

    def detokenize(self, ids: Any, unknown: Any = None) -> Any:
        return self._vocabulary.join(tf.convert_to_tensor(ids, tf.int32), "", unknown)

    def get_config(self) -> dict[str, Any]:
        return {
            "vocabulary": self._vocabulary.symbols,
            "normalization": self.normalization,
            "lowercase": self.lowercase,
            "max_length": self.max_length,
        }

    def _pieces(self, text: Any) -> Pieces:
        points = code_points(
            text, self.normalization, self.lowercase, max_bytes(self.max_length)
        )
        return characters(points, self.max_length - 1)
