"""The interface of every tokenizer, and the batches of tokens that one makes."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.layer_support.types import Config, Ids, Tensor


class TokenizedText(NamedTuple):
    """A batch of texts as ids, each row ending in the end symbol, then padding.

    Attributes:
        ids: `[B, S]` int32, S >= 1.
        length: `[B]` int32, the end symbol included.
        tokens: `[B, S]` strings, the pieces of the text as normalised, then
            `"</s>"`; `""` at padding.
        start: `[B, S]` int32, first byte of each token in the text as given. The
            end symbol has an empty span at the end of the text.
        end: `[B, S]` int32, the byte after the last.
    """

    ids: Ids
    length: Tensor
    tokens: Tensor
    start: Tensor
    end: Tensor


class Tokenizer(tf.Module, abc.ABC):
    """Text to ids and back, inside a graph.

    A tokenizer uses only ops that TF Serving links, gives an answer for any
    bytes, and rebuilds itself from its configuration. Ids 0 to 3 are padding,
    start, end and unknown.

    Write another one by implementing the abstract methods and registering the
    class with `keras.saving.register_keras_serializable`.
    """

    @property
    @abc.abstractmethod
    def vocabulary_size(self) -> int:
        """Number of ids, special ones included."""

    @abc.abstractmethod
    def tokenize_with_offsets(self, text: Tensor) -> TokenizedText:
        """Tokenize `[B]` strings; see `TokenizedText`."""

    @abc.abstractmethod
    def tokens(self, ids: Ids) -> Tensor:
        """One string for each id of `[B, T]`; `""` for padding."""

    @abc.abstractmethod
    def ids(self, tokens: Tensor) -> Ids:
        """Ids int32 of tokens of any shape: the inverse of `tokens`.

        Tokens are taken as they are, without normalisation. `""`, `"<s>"`,
        `"</s>"` and `"<unk>"` are the special tokens, whatever the vocabulary
        holds; what is not in it is unknown, as `"<unk>"` is.
        """

    @abc.abstractmethod
    def detokenize(self, ids: Ids, unknown: Tensor = None) -> Tensor:
        """Text `[B]`, valid UTF-8, of ids `[B, T]`, up to the end symbol.

        Args:
            ids: `[B, T]`.
            unknown: `[B, T]` strings to write where the id is that of unknown
                symbols, `""` for nothing; by default U+FFFD.
        """

    @abc.abstractmethod
    def get_config(self) -> Config:
        """Everything the constructor needs, as JSON can hold it."""

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The tokenizer that `get_config` described."""
        return cls(**config)

    def tokenize(self, text: Tensor) -> Ids:
        """Ids `[B, S]` int32 of `[B]` strings, padded with 0 after the end."""
        return self.tokenize_with_offsets(text).ids

    def check_tokens(self, argument: str, tokens: Sequence[str]) -> None:
        """Refuse tokens that no text has; here, where none is known, nothing.

        Raises:
            ValueError: Names the argument and the first of them.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.get_config(),)
