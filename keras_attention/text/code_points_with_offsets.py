"""Code points of texts, which remember where in the bytes they came from."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from keras_attention.layer_support.types import Tensor

# No cased letter lies beyond the two lowest planes.
_CASED_BELOW = 0x20000


class CodePoints(NamedTuple):
    """Code points of a batch of texts; C is the number of them in a row.

    Attributes:
        codes: Ragged `[B, (C)]` int32.
        start: Ragged `[B, (C)]` int64, first byte in the text as it was given.
        end: Ragged `[B, (C)]` int64, the byte after the last.
    """

    codes: Tensor
    start: Tensor
    end: Tensor


def code_points(
    text: Tensor, normalization: str | None, lowercase: bool, max_bytes: int
) -> CodePoints:
    """Decode, normalise and lower-case, keeping byte offsets.

    A byte that is not UTF-8 becomes U+FFFD. Where normalisation makes several
    code points of one, or of a group, each has the span of the whole.

    Lower-casing maps code point to code point: no context (a final sigma stays
    like the others) and no expansion.

    Args:
        text: `[B]` strings.
        normalization: None, `"NFC"`, `"NFKC"`, `"NFD"` or `"NFKD"`.
        lowercase: Whether to lower-case, after normalisation.
        max_bytes: Bytes of each text that are read; what follows is ignored.
    """
    text = tf.ensure_shape(text, [None])
    # FindSourceOffsets crashes the process on a batch of zero rows.
    text = tf.concat([tf.strings.substr(text, 0, max_bytes), [""]], axis=0)
    if normalization is not None:
        text, offsets_map = tf_text.normalize_utf8_with_offsets_map(text, normalization)
    codes, offsets = tf.strings.unicode_decode_with_offsets(
        text, "UTF-8", errors="replace"
    )
    # By their places: an operation of ragged tensors is a hundred nodes of a graph.
    splits, count = offsets.row_splits, tf.size(offsets.flat_values)  # [B + 2], C
    row = tf.searchsorted(splits, tf.range(count, dtype=tf.int64), side="right") - 1
    rows = tf.range(tf.size(text))  # [B + 1]
    # The bounds of a row are its offsets and its length.
    here = tf.range(count) + row  # [C]
    last = tf.cast(splits[1:], tf.int32) + rows  # [B + 1]
    lengths = tf.cast(tf.strings.length(text), tf.int64)
    flat = tf.dynamic_stitch([here, last], [offsets.flat_values, lengths])
    if normalization is not None:
        bounds = tf.RaggedTensor.from_row_lengths(
            flat, splits[1:] - splits[:-1] + 1, validate=False
        )
        flat = tf_text.find_source_offsets(offsets_map, bounds).flat_values
    start, end = tf.gather(flat, here), tf.gather(flat, here + 1)  # [C]
    if normalization is not None:
        start = _group_starts(start, end, row)
    found = codes.flat_values
    if lowercase:
        found = _lower(found)
    # The last row has no code points.
    return CodePoints(
        *(
            tf.RaggedTensor.from_row_splits(part, splits[:-1], validate=False)
            for part in (found, start, end)
        )
    )


def _group_starts(start: Tensor, end: Tensor, row: Tensor) -> Tensor:
    """Give code points inside a replaced group the group's start.

    ICU maps every offset inside a group to the group's end, so only its first
    code point has a span that is not empty.
    """
    new_row = tf.concat([[True], tf.not_equal(row[1:], row[:-1])], axis=0)
    leads = new_row[: tf.size(row)] | (end > start)
    group = tf.cumsum(tf.cast(leads, tf.int32)) - 1
    return tf.gather(tf.gather(start, tf.where(leads)[:, 0]), group)


def _lower(codes: Tensor) -> Tensor:
    upper, lower = _lower_case_table()
    place = tf.minimum(tf.searchsorted(upper, codes), len(upper) - 1)
    return tf.where(
        tf.equal(tf.gather(upper, place), codes), tf.gather(lower, place), codes
    )


@functools.cache
def _lower_case_table() -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        (code, ord(chr(code).lower()[0]))
        for code in range(_CASED_BELOW)
        if chr(code).lower() != chr(code)
    ]
    upper, lower = np.array(pairs, np.int32).T
    return upper, lower
