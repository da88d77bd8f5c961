"""Lists of target tokens that travel as strings.

Tokens stand between single spaces (U+0020), which is the only separator, so that a
tab or a line feed can be a token. A space that is part of a token is written as
U+2581 (`▁`); a token of the vocabulary that has a U+2581 itself is found first.
"""

from typing import NamedTuple

import tensorflow as tf

from keras_attention.layer_support.types import Ids, Mask, Tensor
from keras_attention.pipeline.refusals import Problem
from keras_attention.text import Tokenizer
from keras_attention.text.special_symbols import END_ID, SPECIAL_TOKENS, UNKNOWN_ID

SPACE = "\u2581"


class TokenLists(NamedTuple):
    """The tokens of L lists, one list after the other.

    Not ragged tensors: of their operations each is some dozens of nodes.

    Attributes:
        tokens: `[N]` strings.
        lists: `[N]` int32, the list that each belongs to.
        lengths: `[L]` int32.
        table: `[L, P]` int32, P >= 1, the ids, -1 after the last.
        unknown: `[N]` booleans, tokens that the vocabulary does not have.
    """

    tokens: Tensor
    lists: Tensor
    lengths: Tensor
    table: Ids
    unknown: Mask


def parse(tokenizer: Tokenizer, lists: Tensor) -> TokenLists:
    """Split `[L]` strings and look their tokens up. `<unk>` by its name is known."""
    split = tf.raw_ops.StringSplitV2(input=lists, sep=" ")
    found = tf.where(tf.not_equal(split.values, ""))[:, 0]  # [N]
    tokens = tf.gather(split.values, found)
    number = tf.cast(tf.gather(split.indices, found)[:, 0], tf.int32)  # [N]
    ids = tokenizer.ids(tokens)
    named = tf.equal(tokens, SPECIAL_TOKENS[UNKNOWN_ID])
    spaced = tokenizer.ids(tf.strings.regex_replace(tokens, SPACE, " "))
    ids = tf.where(tf.equal(ids, UNKNOWN_ID) & ~named, spaced, ids)

    count = tf.size(lists)
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(number), number, count)  # [L]
    first = tf.gather(tf.cumsum(lengths, exclusive=True), number)  # [N]
    place = tf.stack([number, tf.range(tf.size(tokens)) - first], axis=1)  # [N, 2]
    width = tf.reduce_max(tf.concat([lengths, [0]], axis=0)) + 1
    table = tf.fill(tf.stack([count, width]), -1)
    return TokenLists(
        tokens,
        number,
        lengths,
        tf.tensor_scatter_nd_update(table, place, ids),
        tf.equal(ids, UNKNOWN_ID) & ~named,
    )


def unknown_tokens(found: TokenLists, options: tuple[str, ...]) -> Problem:
    """Tokens that the vocabulary does not have, where C options have B lists each."""
    count = tf.size(found.lengths)
    unknown = tf.cast(found.unknown, tf.int32)
    bad = tf.math.unsorted_segment_sum(unknown, found.lists, count) > 0
    rows = tf.stack([len(options), count // len(options)])

    def received(row: Tensor) -> Tensor:
        each = [number * rows[1] + row for number in range(len(options))]
        return tf.stack([_joined(found, number, found.unknown) for number in each])

    return Problem(
        tf.reshape(bad, rows),
        [f"`{option}` must hold tokens of the target vocabulary" for option in options],
        received,
    )


def tokens_after_end(
    found: TokenLists, options: tuple[str, ...], option: str
) -> Problem:
    """Something after the end symbol in the lists of an option, where C have B each."""
    place = options.index(option)
    first = place * (tf.size(found.lengths) // len(options))
    ids = tf.split(found.table, len(options))[place]  # [B, P]
    ended = tf.cumsum(tf.cast(tf.equal(ids, END_ID), tf.int32), axis=1, exclusive=True)
    return Problem(
        tf.reduce_any((ended > 0) & (ids >= 0), axis=1),
        f"`{option}` must hold nothing after {SPECIAL_TOKENS[END_ID]}",
        lambda row: _joined(found, first + row, tf.ones_like(found.unknown)),
    )


def _joined(found: TokenLists, number: Tensor, chosen: Mask) -> Tensor:
    """Some tokens of one list, a scalar."""
    places = tf.where(chosen & tf.equal(found.lists, number))[:, 0]
    return tf.strings.reduce_join(tf.gather(found.tokens, places), separator=" ")
