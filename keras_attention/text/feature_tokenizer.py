"""Tokenizer of a text and features of it, such as a lemma and what form is wanted."""

from collections.abc import Sequence

import keras

from keras_attention.layer_support.types import Config
from keras_attention.text.code_points_with_offsets import CodePoints
from keras_attention.text.piece_tokenizer import DEFAULT_MAX_LENGTH
from keras_attention.text.splitting import Pieces, characters_and_features
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.text.vocabulary_tokenizer import VocabularyTokenizer


@keras.saving.register_keras_serializable(package="keras_attention")
class FeatureTokenizer(VocabularyTokenizer):
    r"""Characters of a text, and after a tab whole features.

    The features of `"kitap\tN;ACC;PL"` are tokens `"\tN"`, `"\tACC"` and `"\tPL"`,
    which no character is; so are language tags. A text without a tab has none.

    Args:
        vocabulary: The characters, and the features with a tab before each.
        separator: The character that stands between features, as a tab does.
        normalization, lowercase, max_length: As `CharacterTokenizer` says.

    Raises:
        ValueError: An argument out of range; a symbol that no text has.
        TypeError: A symbol that is no string.

    Relative to the literature: reading features as symbols of the source is how
    Kann & Schütze 2016 (P16-2090) do it for inflection, and Johnson et al. 2017
    (Q17-1024) for languages.

    Example:

    >>> tokenizer = FeatureTokenizer(["a", "b", "\tN", "\tPL"])
    >>> tokenizer.tokenize(["ab\tN;PL", "a"]).numpy()
    array([[4, 5, 6, 7, 2],
           [4, 2, 0, 0, 0]], dtype=int32)
    """

    unit = "characters or features"

    def __init__(
        self,
        vocabulary: Sequence[str] | Vocabulary,
        separator: str = ";",
        normalization: str | None = "NFC",
        lowercase: bool = False,
        max_length: int = DEFAULT_MAX_LENGTH,
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                "`separator` must be a single character. "
                f"Received: separator={separator!r}"
            )
        self.feature_separator = separator
        super().__init__(vocabulary, normalization, lowercase, max_length)

    def split_points(self, points: CodePoints, at_most: int) -> Pieces:
        return characters_and_features(points, self.feature_separator, at_most)

    def get_config(self) -> Config:
        return super().get_config() | {"separator": self.feature_separator}
