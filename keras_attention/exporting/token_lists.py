"""Lists of target tokens that travel as strings.

Tokens stand between single spaces (U+0020), which is the only separator, so that a
tab or a line feed can be a token. A space that is part of a token is written as
U+2581 (`▁`); a token of the vocabulary that has a U+2581 itself is found first.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.exporting.refusals import Problem
from keras_attention.text import Tokenizer
from keras_attention.text.special import END_ID, SPECIAL_TOKENS, UNKNOWN_ID

SPACE = "\u2581"


class TokenList(NamedTuple):
    """Tokens of each row, ragged `[B, (P)]`, and their ids."""

    tokens: Any
    ids: Any

    @property
    def lengths(self) -> Any:
        """Tokens of each row, `[B]` int32."""
        return tf.cast(self.ids.row_lengths(), tf.int32)


def parse(tokenizer: Tokenizer, lists: Any) -> TokenList:
    """Split `[B]` strings and look their tokens up."""
    tokens = tf.strings.split(lists, " ")  # [B, (P)]
    tokens = tf.ragged.boolean_mask(tokens, tf.not_equal(tokens, ""))
    flat = tokens.flat_values
    ids = tokenizer.ids(flat)
    spaced = tf.strings.regex_replace(flat, SPACE, " ")
    ids = tf.where(_is_unknown(flat, ids), tokenizer.ids(spaced), ids)
    return TokenList(tokens, tokens.with_flat_values(ids))


def unknown_tokens(option: str, found: TokenList) -> Problem:
    """Tokens that the vocabulary does not have. `<unk>` by its name is one of it."""
    flat = _is_unknown(found.tokens.flat_values, found.ids.flat_values)
    unknown = found.tokens.with_flat_values(flat)  # [B, (P)]
    return Problem(
        tf.reduce_any(unknown, axis=1),
        f"`{option}` must hold tokens of the target vocabulary",
        lambda: tf.strings.reduce_join(
            tf.ragged.boolean_mask(found.tokens, unknown), axis=-1, separator=" "
        ),
    )


def tokens_after_end(option: str, found: TokenList) -> Problem:
    """Something after the end symbol."""
    ids = dense(found)
    ended = tf.cumsum(tf.cast(tf.equal(ids, END_ID), tf.int32), axis=1, exclusive=True)
    return Problem(
        tf.reduce_any((ended > 0) & (ids >= 0), axis=1),
        f"`{option}` must hold nothing after {SPECIAL_TOKENS[END_ID]}",
        lambda: tf.strings.reduce_join(found.tokens, axis=-1, separator=" "),
    )


def dense(found: TokenList) -> Any:
    """Ids `[B, P]`, P >= 1, -1 after the last."""
    return tf.pad(found.ids.to_tensor(-1), [[0, 0], [0, 1]], constant_values=-1)


def _is_unknown(tokens: Any, ids: Any) -> Any:
    named = tf.equal(tokens, SPECIAL_TOKENS[UNKNOWN_ID])
    return tf.equal(ids, UNKNOWN_ID) & ~named
