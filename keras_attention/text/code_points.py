"""Text to code points that remember where in the bytes they came from."""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

FORMS = (None, "NFC", "NFKC")

# No cased letter lies beyond the two lowest planes.
_CASED_BELOW = 0x20000


class CodePoints(NamedTuple):
    """Code points of a batch of texts; C is the number of them in a row.

    Attributes:
        codes: Ragged `[B, (C)]` int32.
        start: Ragged `[B, (C)]` int64, first byte in the text as it was given.
        end: Ragged `[B, (C)]` int64, the byte after the last.
    """

    codes: Any
    start: Any
    end: Any


def check_normalization(normalization: str | None) -> str | None:
    """The argument itself, if it is one of `FORMS`."""
    if normalization not in FORMS:
        raise ValueError(
            f"`normalization` must be one of {FORMS}. "
            f"Received: normalization={normalization!r}"
        )
    return normalization


def code_points(
    text: Any, normalization: str | None, lowercase: bool, max_bytes: int
) -> CodePoints:
    """Decode, normalise and lower-case, keeping byte offsets.

    A byte that is not UTF-8 becomes U+FFFD. Where normalisation makes several
    code points of one, or of a group, each has the span of the whole.

    Lower-casing maps code point to code point: no context (a final sigma stays
    like the others) and no expansion.

    Args:
        text: `[B]` strings.
        normalization: None, `"NFC"` or `"NFKC"`.
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
    lengths = tf.cast(tf.strings.length(text), tf.int64)
    bounds = tf.concat([offsets, lengths[:, tf.newaxis]], axis=1)  # [B+1, (C+1)]
    if normalization is not None:
        bounds = tf_text.find_source_offsets(offsets_map, bounds)
    start, end = bounds[:, :-1], bounds[:, 1:]
    if normalization is not None:
        start = start.with_flat_values(_group_starts(start, end))
    if lowercase:
        codes = codes.with_flat_values(_lower(codes.flat_values))
    return CodePoints(*(_without_last(part) for part in (codes, start, end)))


def _without_last(rows: Any) -> Any:
    """All rows but the last, which is empty: `rows[:-1]` in fewer nodes of a graph."""
    return tf.RaggedTensor.from_row_splits(
        rows.flat_values, rows.row_splits[:-1], validate=False
    )


def _group_starts(start: Any, end: Any) -> Any:
    """Give code points inside a replaced group the group's start.

    ICU maps every offset inside a group to the group's end, so only its first
    code point has a span that is not empty.
    """
    rows = start.value_rowids()
    new_row = tf.concat([[True], tf.not_equal(rows[1:], rows[:-1])], axis=0)
    leads = new_row[: tf.shape(rows)[0]] | (end.flat_values > start.flat_values)
    group = tf.cumsum(tf.cast(leads, tf.int64)) - 1
    return tf.gather(tf.boolean_mask(start.flat_values, leads), group)


def _lower(codes: Any) -> Any:
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
