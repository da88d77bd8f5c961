"""The interface of every tokenizer, and the batches of tokens that it makes."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.layer_support.types import Config, Ids, Tensor
from keras_attention.text.special_symbols import END_ID, END_TOKEN, PAD_ID
from keras_attention.text.splitting import Pieces

DEFAULT_MAX_LENGTH = 1024

# Longest text that is read, in bytes for each token that may come of it.
_BYTES_PER_TOKEN = 64


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

    def __reduce__(self) -> tuple[Callable[[Config], Any], tuple[Config]]:
        return type(self).from_config, (self.get_config(),)


def check_max_length(max_length: int) -> int:
    """Most tokens of a text, the end symbol included."""
    if not isinstance(max_length, int) or max_length < 1:
        raise ValueError(
            "`max_length` must be a positive integer. "
            f"Received: max_length={max_length!r}"
        )
    return max_length


def max_bytes(max_length: int) -> int:
    """Bytes of a text that are looked at, so that none can hold up a server."""
    return _BYTES_PER_TOKEN * max_length


def with_end(pieces: Pieces, ids: Ids, text: Tensor) -> TokenizedText:
    """Append the end symbol to every row and pad.

    Args:
        pieces: Ragged `[B, (S-1)]`.
        ids: Ragged `[B, (S-1)]`.
        text: `[B]` strings that the pieces came from.
    """
    splits = ids.row_splits
    length = tf.cast(splits[1:] - splits[:-1], tf.int32)  # [B]
    # A batch of zero rows still has one column: models need S >= 1.
    width = tf.reduce_max(tf.concat([length, [0]], axis=0)) + 1
    is_end = tf.equal(tf.range(width), length[:, tf.newaxis])  # [B, S]
    shape = tf.stack([-1, width])

    # Not `tf.concat` of ragged tensors, nor their `to_tensor`: some hundred nodes each.
    def dense(values: Tensor, last: Tensor, padding: int | str) -> Tensor:
        rows = tf.raw_ops.RaggedTensorToTensor(
            shape=shape,
            values=values,
            default_value=tf.constant(padding, values.dtype),
            row_partition_tensors=[splits],
            row_partition_types=["ROW_SPLITS"],
        )
        return tf.where(is_end, last, rows)  # [B, S]

    text_length = tf.strings.length(text)[:, tf.newaxis]  # [B, 1]
    start, end = (tf.cast(x.flat_values, tf.int32) for x in pieces[1:])
    return TokenizedText(
        ids=dense(ids.flat_values, END_ID, PAD_ID),
        length=length + 1,
        tokens=dense(pieces.symbols.flat_values, END_TOKEN, ""),
        start=dense(start, text_length, 0),
        end=dense(end, text_length, 0),
    )
