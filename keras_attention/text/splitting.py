"""Pieces of texts: single characters, words, or characters and then features."""

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.layer_support.types import Tensor
from keras_attention.text.code_points_with_offsets import CodePoints

_WORD, _SPACE, _PUNCTUATION = 0, 1, 2
_TAB = 9
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
    bounds, classes = _character_classes()
    kind = tf.gather(classes, tf.searchsorted(bounds, codes, side="right") - 1)
    if split == "whitespace":
        kind = tf.where(tf.equal(kind, _PUNCTUATION), _WORD, kind)
    kept = tf.not_equal(kind, _SPACE)
    is_word = tf.equal(kind, _WORD)
    joined = is_word[1:] & is_word[:-1] & _same_row(points)
    return _grouped(points, kept, joined, at_most)


def characters_and_features(points: CodePoints, separator: str, at_most: int) -> Pieces:
    """Every code point before the first tab, then what tabs and separators part.

    A feature's symbol begins with a tab, so that none is a character's; features
    without a character are dropped.

    Args:
        points: What to split.
        separator: A character that, like a tab, stands between features.
        at_most: Pieces of each row that are kept.
    """
    codes = points.codes.flat_values  # [N], all code points of all rows
    is_tab = tf.equal(codes, _TAB)
    tabs = tf.cumsum(tf.cast(is_tab, tf.int32))  # [N], of this and all rows before
    before_row = tf.gather(tf.pad(tabs, [[1, 0]]), points.codes.row_starts())  # [B]
    is_feature = tabs > tf.gather(before_row, points.codes.value_rowids())
    begins = is_tab | (is_feature & tf.equal(codes, ord(separator)))
    joined = is_feature[:-1] & ~begins[1:] & _same_row(points)
    kept = ~begins | tf.pad(joined, [[0, 1]])[: tf.size(codes)]
    codes = points.codes.with_flat_values(tf.where(begins, _TAB, codes))
    return _grouped(points._replace(codes=codes), kept, joined, at_most)


def _same_row(points: CodePoints) -> Tensor:
    """Whether each code point and the next are of one row `[N - 1]`."""
    rows = points.codes.value_rowids()
    return tf.equal(rows[1:], rows[:-1])


def _grouped(points: CodePoints, kept: Tensor, joined: Tensor, at_most: int) -> Pieces:
    """Pieces of the code points that are kept.

    Args:
        points: All of them, N.
        kept: `[N]`.
        joined: `[N - 1]`, whether a piece goes on from each to the next.
        at_most: Pieces of each row.
    """
    codes, rows = points.codes.flat_values, points.codes.value_rowids()
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
