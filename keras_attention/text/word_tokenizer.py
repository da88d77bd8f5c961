"""A tokenizer whose tokens are words."""

from collections.abc import Sequence

import keras

from keras_attention.layer_support.types import Config
from keras_attention.text.code_points_with_offsets import CodePoints
from keras_attention.text.piece_tokenizer import DEFAULT_MAX_LENGTH
from keras_attention.text.splitting import SPLITS, Pieces, words
from keras_attention.text.text_lists import refuse_single
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.text.vocabulary_tokenizer import VocabularyTokenizer


@keras.saving.register_keras_serializable(package="keras_attention")
class WordTokenizer(VocabularyTokenizer):
    """Whatever stands between white space is a token; punctuation too, if split.

    With `split="whitespace"` a sequence of phones such as `"K AE1 T"` comes back
    from `detokenize` as it was. With `split="words"` marks stand apart in the
    output (`"don ' t"`), and `separator` is all that detokenising knows.

    Args:
        vocabulary: The words that have ids of their own, special ones not
            included; others are unknown.
        split: `"words"` (at white space, and around every punctuation mark or
            symbol), `"whitespace"`, or a character that, like white space, stands
            between words.
        separator: What `detokenize` puts between words.
        normalization: None, `"NFC"`, `"NFKC"`, `"NFD"` or `"NFKD"`.
        lowercase: Lower-case the text, after normalisation.
        max_length: Most tokens of a text, the end symbol included. What follows
            is cut off; of a text, `64 * max_length` bytes are read.

    Raises:
        ValueError: An argument out of range; a word that no text has after
            normalisation, lower-casing and splitting.
        TypeError: `vocabulary` is a single string.

    Example:

    >>> tokenizer = WordTokenizer(["K", "AE1", "T"], split="whitespace")
    >>> tokenizer.tokenize(["K AE1 T"]).numpy()
    array([[4, 5, 6, 2]], dtype=int32)
    >>> tokenizer.detokenize([[4, 5, 6, 2]]).numpy()
    array([b'K AE1 T'], dtype=object)
    >>> WordTokenizer(["N", "PL"], split=";").tokenize(["N;PL"]).numpy()
    array([[4, 5, 2]], dtype=int32)
    """

    unit = "words"

    def __init__(
        self,
        vocabulary: Sequence[str] | Vocabulary,
        split: str = "words",
        separator: str = " ",
        normalization: str | None = "NFC",
        lowercase: bool = False,
        max_length: int = DEFAULT_MAX_LENGTH,
    ) -> None:
        refuse_single("vocabulary", vocabulary)
        if split not in SPLITS and len(split) != 1:
            raise ValueError(
                f"`split` must be one of {SPLITS} or a single character. "
                f"Received: split={split!r}"
            )
        self.split = split
        self.separator = separator
        super().__init__(vocabulary, normalization, lowercase, max_length)

    def split_points(self, points: CodePoints, at_most: int) -> Pieces:
        return words(points, self.split, at_most)

    def get_config(self) -> Config:
        return super().get_config() | {
            "split": self.split,
            "separator": self.separator,
        }
