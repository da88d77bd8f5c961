"""A tokenizer whose tokens are code points."""

import keras

from keras_attention.text.code_points_with_offsets import CodePoints
from keras_attention.text.splitting import Pieces, characters
from keras_attention.text.vocabulary_tokenizer import VocabularyTokenizer


@keras.saving.register_keras_serializable(package="keras_attention")
class CharacterTokenizer(VocabularyTokenizer):
    """Every code point of the normalised text is a token.

    Args:
        vocabulary: The characters that have ids of their own, special ones not
            included; others are unknown.
        normalization: None, `"NFC"`, `"NFKC"`, `"NFD"` or `"NFKD"`.
        lowercase: Lower-case the text, after normalisation.
        max_length: Most tokens of a text, the end symbol included. What follows
            is cut off; of a text, `64 * max_length` bytes are read.

    Raises:
        ValueError: An argument out of range; a symbol that is no single character,
            or that no text has after normalisation and lower-casing.

    Example:

    >>> tokenizer = CharacterTokenizer(vocabulary=["a", "b"])
    >>> tokenizer.tokenize(["ab", "?"]).numpy()
    array([[4, 5, 2],
           [3, 2, 0]], dtype=int32)
    >>> tokenizer.detokenize([[5, 4, 2]]).numpy()
    array([b'ba'], dtype=object)
    """

    unit = "characters"

    def split_points(self, points: CodePoints, at_most: int) -> Pieces:
        return characters(points, at_most)
