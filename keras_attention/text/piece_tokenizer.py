"""Tokenizers that look the pieces of a text up in a vocabulary, whatever cuts it."""

import abc

import tensorflow as tf

from keras_attention.layer_support.types import Ids, Tensor
from keras_attention.text.special_symbols import END_ID, END_TOKEN, PAD_ID
from keras_attention.text.splitting import Pieces
from keras_attention.text.tokenizer import TokenizedText, Tokenizer
from keras_attention.text.vocabulary import Vocabulary

DEFAULT_MAX_LENGTH = 1024

# Longest text that is read, in bytes for each token that may come of it: none can
# hold up a server.
_BYTES_PER_TOKEN = 64


class PieceTokenizer(Tokenizer):
    """A tokenizer whose pieces have their ids in a vocabulary. Abstract.

    Subclasses set the attributes, and define `_pieces` and `detokenize`.

    Attributes:
        max_length: Most tokens of a text, the end symbol included.
    """

    max_length: int
    _vocabulary: Vocabulary

    @property
    def max_bytes(self) -> int:
        """How much of a text is read."""
        return _BYTES_PER_TOKEN * self.max_length

    @property
    def vocabulary_size(self) -> int:
        return len(self._vocabulary)

    def tokenize_with_offsets(self, text: Tensor) -> TokenizedText:
        text = tf.ensure_shape(text, [None])
        pieces = self._pieces(text)
        return _with_end(pieces, self._vocabulary.ids(pieces.symbols), text)

    def tokens(self, ids: Ids) -> Tensor:
        return self._vocabulary.tokens(tf.convert_to_tensor(ids, tf.int32))

    def ids(self, tokens: Tensor) -> Ids:
        return self._vocabulary.token_ids(tf.convert_to_tensor(tokens, tf.string))

    @abc.abstractmethod
    def _pieces(self, text: Tensor) -> Pieces:
        """The first `max_length - 1` pieces of each text `[B]`."""


def _with_end(pieces: Pieces, ids: Ids, text: Tensor) -> TokenizedText:
    """Pieces and their ids, ragged `[B, (S-1)]`, with the end symbol and padding."""
    splits = ids.row_splits
    length = tf.cast(splits[1:] - splits[:-1], tf.int32)  # [B]
    # A batch of zero rows still has one column: models need S >= 1.
    width = tf.reduce_max(tf.concat([length, [0]], axis=0)) + 1
    is_end = tf.equal(tf.range(width), length[:, tf.newaxis])  # [B, S]
    shape = tf.stack([-1, width])

    def dense(values: Tensor, last: Tensor, padding: int | str) -> Tensor:
        return tf.where(is_end, last, padded(values, splits, shape, padding))  # [B, S]

    text_length = tf.strings.length(text)[:, tf.newaxis]  # [B, 1]
    start, end = (tf.cast(x.flat_values, tf.int32) for x in pieces[1:])
    return TokenizedText(
        ids=dense(ids.flat_values, END_ID, PAD_ID),
        length=length + 1,
        tokens=dense(pieces.symbols.flat_values, END_TOKEN, ""),
        start=dense(start, text_length, 0),
        end=dense(end, text_length, 0),
    )


def padded(values: Tensor, splits: Tensor, shape: Tensor, padding: int | str) -> Tensor:
    """Rows of values `[N]` by their splits `[B + 1]`, padded to `shape`, `[B, S]`."""
    # Not `tf.concat` of ragged tensors, nor their `to_tensor`: some hundred nodes each.
    return tf.raw_ops.RaggedTensorToTensor(
        shape=shape,
        values=values,
        default_value=tf.constant(padding, values.dtype),
        row_partition_tensors=[splits],
        row_partition_types=["ROW_SPLITS"],
    )
