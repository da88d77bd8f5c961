"""Vocabularies: symbols and their ids."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from keras_attention.layer_support.types import Ids, Tensor
from keras_attention.text.special_symbols import (
    END_ID,
    SPECIAL_TEXT,
    SPECIAL_TOKENS,
    START_ID,
    UNKNOWN_ID,
)
from keras_attention.text.splitting import Pieces
from keras_attention.text.text_lists import ROWS_AT_ONCE, at_least_one, encoded


class Vocabulary(tf.Module):
    """A list of symbols; ids 0 to 3 are padding, start, end and unknown.

    A symbol of the list has the id of its place plus 4. Text that happens to look
    like a special token is an ordinary symbol, or unknown.

    Args:
        symbols: The symbols, without special ones.
        argument: What messages call them.

    Raises:
        ValueError: A symbol is empty, occurs twice or cannot be UTF-8.
        TypeError: A symbol is not a string.
    """

    def __init__(self, symbols: Iterable[str], argument: str = "vocabulary") -> None:
        super().__init__()
        encoded: dict[bytes, int] = {}
        for place, symbol in enumerate(symbols):
            received = f"Received: {symbol!r} at {place}"
            if not isinstance(symbol, str):
                raise TypeError(f"`{argument}` must be a list of strings. {received}")
            try:
                key = symbol.encode()
            except UnicodeEncodeError:
                raise ValueError(
                    f"`{argument}` must hold strings that UTF-8 can express. {received}"
                ) from None
            if not symbol or key in encoded:
                raise ValueError(
                    f"`{argument}` must hold different, non-empty strings. {received}"
                )
            encoded[key] = place + len(SPECIAL_TOKENS)
        # A NumPy array, since tf.Module would wrap a list.
        self._encoded = np.array(list(encoded), object)
        # No piece is empty; the entry is there because a table cannot be.
        encoded[b""] = UNKNOWN_ID
        with tf.init_scope():
            self._table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(list(encoded)),
                    tf.constant(list(encoded.values()), tf.int32),
                ),
                default_value=UNKNOWN_ID,
            )

    def __len__(self) -> int:
        """Number of ids, special ones included."""
        return len(SPECIAL_TOKENS) + len(self._encoded)

    @property
    def symbols(self) -> list[str]:
        """The symbols, without special ones."""
        return [symbol.decode() for symbol in self._encoded]

    def ids(self, symbols: Tensor) -> Ids:
        """Ids int32 of strings of any shape, ragged ones too."""
        return self._table.lookup(symbols)

    def tokens(self, ids: Ids) -> Tensor:
        """Strings of ids of any shape; an id out of range is unknown."""
        return self._gather(SPECIAL_TOKENS, ids)

    def token_ids(self, tokens: Tensor) -> Ids:
        """Ids int32 of what `tokens` writes; special tokens come before symbols."""
        ids = self.ids(tokens)
        for special, token in enumerate(SPECIAL_TOKENS):
            ids = tf.where(tf.equal(tokens, token), special, ids)
        return ids

    def join(self, ids: Ids, separator: str, unknown: Tensor = None) -> Tensor:
        """Text `[B]` of ids `[B, T]`, up to the end symbol.

        Args:
            ids: `[B, T]`.
            separator: Stands between symbols.
            unknown: `[B, T]` strings in place of unknown symbols, `""` for none.
        """
        ended = tf.cumsum(
            tf.cast(tf.equal(ids, END_ID), tf.int32), axis=1, exclusive=True
        )
        visible = tf.equal(ended, 0) & (ids > END_ID) & tf.not_equal(ids, START_ID)
        symbols = self._gather(SPECIAL_TEXT, ids)
        if unknown is not None:
            symbols = tf.where(tf.equal(ids, UNKNOWN_ID), unknown, symbols)
            visible &= tf.not_equal(symbols, "")
        if separator:
            count = tf.cumsum(tf.cast(visible, tf.int32), axis=1)
            symbols = tf.where(
                count > 1, tf.strings.join([separator, symbols]), symbols
            )
        return tf.strings.reduce_join(tf.where(visible, symbols, ""), axis=-1)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.symbols,)

    def _gather(self, special: Sequence[str], ids: Ids) -> Tensor:
        strings = tf.constant([*(s.encode() for s in special), *self._encoded])
        in_range = (ids >= 0) & (ids < len(self))
        return tf.gather(strings, tf.where(in_range, ids, UNKNOWN_ID))


def count(
    texts: Iterable[str | bytes], split: Callable[[Tensor], Pieces]
) -> Counter[str]:
    """How often each piece occurs in texts; U+FFFD, which is unknown, does not."""
    rows = encoded("texts", texts)
    counts: Counter[bytes] = Counter()
    for first in range(0, len(rows), ROWS_AT_ONCE):
        chunk = tf.constant(rows[first : first + ROWS_AT_ONCE], tf.string)
        counts.update(split(chunk).symbols.flat_values.numpy().tolist())
    del counts[SPECIAL_TEXT[UNKNOWN_ID].encode()]
    return Counter({symbol.decode(): n for symbol, n in counts.items()})


def most_frequent(
    counts: Counter[str], max_size: int | None = None, min_count: int = 1
) -> list[str]:
    """Symbols by falling count, ties in code point order.

    Args:
        counts: How often each symbol occurs.
        max_size: Most symbols, special ones not counted; None for all.
        min_count: A symbol that occurs less often is left out.

    Example:

    >>> most_frequent(Counter("banana"), max_size=2)
    ['a', 'n']
    """
    at_least_one(max_size=max_size, min_count=min_count)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [symbol for symbol, count in ranked if count >= min_count][:max_size]
