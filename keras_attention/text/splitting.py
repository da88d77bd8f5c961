"""Pieces of texts: single characters, or words."""

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.layer_support.types import Tensor
from keras_attention.text.code_points_with_offsets import CodePoints

SPLITS = ("words", "whitespace")

_WORD, _SPACE, _PUNCTUATION = 0, 1, 2
# Neither spaces nor punctuation lie beyond the two lowest planes.
_CLASSIFIED_BELOW = 0x20000


class Pieces(NamedTuple):
    """The parts a text is split into; all ragged `[B, (S)]`.

    Attributes:
        symbols: Strings, valid UTF-8.
        start: int64, first byte in the text as it was given.
        end: int64, the byte after the last.
    """

    symbols: Tensor
    start: Tensor
    end: Tensor


def characters(points: CodePoints, at_most: int) -> Pieces:
    """Every code point is a piece; those past the first `at_most` are dropped."""
    codes, start, end = (part[:, :at_most] for part in points)
    symbols = tf.strings.unicode_encode(codes.flat_values[:, tf.newaxis], "UTF-8")
    return Pieces(codes.with_flat_values(symbols), start, end)


def words(points: CodePoints, split: str, at_most: int) -> Pieces:
    """Pieces between white space, which is dropped.

    Args:
        points: What to split.
        split: `"whitespace"`, or `"words"`, where every punctuation mark or
            symbol (Unicode categories P and S) is also a piece of its own.
        at_most: Pieces of each row that are kept.
    """
    codes = points.codes.flat_values  # [N], all code points of all rows
    rows = points.codes.value_rowids()
    bounds, classes = _character_classes()
    kind = tf.gather(classes, tf.searchsorted(bounds, codes, side="right") - 1)
    if split == "whitespace":
        kind = tf.where(tf.equal(kind, _PUNCTUATION), _WORD, kind)
    kept = tf.not_equal(kind, _SPACE)
    is_word = tf.equal(kind, _WORD)
    # Whether the same word goes on from each code point to the next, [N - 1].
    joined = is_word[1:] & is_word[:-1] & tf.equal(rows[1:], rows[:-1])
    none = tf.zeros([tf.minimum(tf.shape(codes)[0], 1)], tf.bool)
    begins = kept & ~tf.concat([none, joined], axis=0)
    ends = kept & ~tf.concat([joined, none], axis=0)

    piece = tf.boolean_mask(tf.cumsum(tf.cast(begins, tf.int64)) - 1, kept)
    grouped = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(codes, kept),
        piece,
        nrows=tf.reduce_sum(tf.cast(begins, tf.int64)),
        validate=False,
    )
    symbols = tf.strings.unicode_encode(grouped, "UTF-8")

    def by_row(values: Tensor) -> Tensor:
        return tf.RaggedTensor.from_value_rowids(
            values,
            tf.boolean_mask(rows, begins),
            nrows=points.codes.nrows(),
            validate=False,
        )[:, :at_most]

    return Pieces(
        by_row(symbols),
        by_row(tf.boolean_mask(points.start.flat_values, begins)),
        by_row(tf.boolean_mask(points.end.flat_values, ends)),
    )


@functools.cache
def _character_classes() -> tuple[np.ndarray, np.ndarray]:
    """Where a run of code points of one class begins, and its class."""
    classes = np.array([_class(chr(c)) for c in range(_CLASSIFIED_BELOW)], np.int32)
    classes = np.append(classes, np.int32(_WORD))
    bounds = np.flatnonzero(np.diff(classes, prepend=-1)).astype(np.int32)
    return bounds, classes[bounds]


def _class(character: str) -> int:
    if character.isspace():
        return _SPACE
    # U+FFFD stands for bytes that could not be read: nothing to split at.
    if unicodedata.category(character)[0] in "PS" and character != "\ufffd":
        return _PUNCTUATION
    return _WORD
