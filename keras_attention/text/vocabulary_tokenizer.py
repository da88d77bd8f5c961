"""Tokenizers of symbols that occur in texts, normalised and cut by rules."""

import abc
from collections.abc import Iterable, Sequence
from typing import Any, Self

import tensorflow as tf

from keras_attention.layer_support.argument_checks import one_of, positive_integer
from keras_attention.layer_support.types import Config, Ids, Tensor
from keras_attention.text.code_points_with_offsets import CodePoints, code_points
from keras_attention.text.piece_tokenizer import DEFAULT_MAX_LENGTH, PieceTokenizer
from keras_attention.text.splitting import Pieces
from keras_attention.text.vocabulary import Vocabulary, count, most_frequent

_FORMS = (None, "NFC", "NFKC", "NFD", "NFKD")


class VocabularyTokenizer(PieceTokenizer):
    """A tokenizer of the pieces that `split_points` cuts normalised text into.

    Args:
        vocabulary: The symbols; a `Vocabulary` is taken without a check whether
            texts can have them.
        normalization, lowercase, max_length: As `CharacterTokenizer` says.
    """

    unit: str
    separator = ""

    def __init__(
        self,
        vocabulary: Sequence[str] | Vocabulary,
        normalization: str | None = "NFC",
        lowercase: bool = False,
        max_length: int = DEFAULT_MAX_LENGTH,
    ) -> None:
        super().__init__()
        self.normalization = one_of("normalization", normalization, _FORMS)
        self.lowercase = bool(lowercase)
        self.max_length = positive_integer("max_length", max_length)
        if isinstance(vocabulary, Vocabulary):
            self._vocabulary = vocabulary
        else:
            self._vocabulary = Vocabulary(vocabulary)
            self.check_tokens("vocabulary", self._vocabulary.symbols)

    @abc.abstractmethod
    def split_points(self, points: CodePoints, at_most: int) -> Pieces:
        """The first pieces of each row."""

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        max_size: int | None = None,
        min_count: int = 1,
        **arguments: Any,
    ) -> Self:
        """A tokenizer for the symbols that occur in texts, frequent ones first.

        Args:
            texts: The texts, read as far as `tokenize` reads them.
            max_size: Most symbols, special ones not counted.
            min_count: Leave out symbols that occur less often.
            **arguments: For the constructor.

        Raises:
            TypeError: `texts` is a single string or has an element that is none.
            ValueError: An argument out of range.
        """
        counts = count(texts, cls([], **arguments)._pieces)
        symbols = most_frequent(counts, max_size, min_count)
        return cls(Vocabulary(symbols), **arguments)

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The tokenizer that `get_config` described, whatever its vocabulary holds."""
        if "vocabulary" in config:
            config = config | {"vocabulary": Vocabulary(config["vocabulary"])}
        return cls(**config)

    def detokenize(self, ids: Ids, unknown: Tensor = None) -> Tensor:
        ids = tf.convert_to_tensor(ids, tf.int32)
        return self._vocabulary.join(ids, self.separator, unknown)

    def check_tokens(self, argument: str, tokens: Sequence[str]) -> None:
        # Every token is the only piece of itself, or no text has it.
        longest = max((len(token.encode()) for token in tokens), default=0)
        with tf.init_scope():
            points = code_points(
                tf.constant(tokens, tf.string, [len(tokens)]),
                self.normalization,
                self.lowercase,
                max(longest, 1),
            )
            symbols = self.split_points(points, longest + 1).symbols
            found, splits = symbols.flat_values.numpy(), symbols.row_splits.numpy()
        for place, token in enumerate(tokens):
            pieces = found[splits[place] : splits[place + 1]].tolist()
            if pieces != [token.encode()]:
                wanted = ", ".join(repr(piece.decode()) for piece in pieces)
                raise ValueError(
                    f"`{argument}` must hold single {self.unit}, as this tokenizer "
                    f"normalises them, or no text has them. Expected: "
                    f"{wanted or 'some text'}. Received: {token!r} at {place}"
                )

    def get_config(self) -> Config:
        return {
            "vocabulary": self._vocabulary.symbols,
            "normalization": self.normalization,
            "lowercase": self.lowercase,
            "max_length": self.max_length,
        }

    def _pieces(self, text: Tensor) -> Pieces:
        points = code_points(text, self.normalization, self.lowercase, self.max_bytes)
        return self.split_points(points, self.max_length - 1)
