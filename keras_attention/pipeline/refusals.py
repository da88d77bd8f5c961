"""Refusal of requests by a graph, with INVALID_ARGUMENT and a reason.

TensorFlow writes the reason into the error after `assertion failed: `.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from keras_attention.layer_support.types import Mask, Tensor

# Characters of what was received; a server cuts messages of more than 1024 bytes.
_SHOWN = 100


class Problem(NamedTuple):
    """Something that may be wrong with each row, or C such things together.

    Attributes:
        bad: `[B]` booleans, or `[C, B]`.
        expected: What every row must be, or C of these.
        received: Gives what a row is: a string, or `[C]`; called while the graph is
            built, run only when something is wrong.
    """

    bad: Mask
    expected: str | Sequence[str]
    received: Callable[[Tensor], Tensor]


def refuse_rows(problems: Sequence[Problem]) -> Tensor:
    """An op that fails at the first row of the first problem that there is."""
    expected: list[str] = []
    flags = []
    for problem in problems:
        if isinstance(problem.expected, str):
            expected.append(problem.expected)
            flags.append([problem.bad])
        else:
            expected += problem.expected
            flags.append(problem.bad)
    bad = tf.concat(flags, axis=0)  # [C, B]

    def message(place: Tensor) -> Tensor:
        rows = tf.shape(bad)[1]
        row = place % rows
        received = [tf.reshape(problem.received(row), [-1]) for problem in problems]
        return tf.strings.join(
            [
                tf.gather(expected, place // rows),
                ". Received: ",
                _shown(tf.gather(tf.concat(received, axis=0), place // rows)),  # [C]
                " in row ",
                tf.strings.as_string(row),
            ]
        )

    return _refuse(tf.reshape(bad, [-1]), message)


def refuse_sizes(tensors: Mapping[str, Tensor], rows: Tensor, or_one: bool) -> Tensor:
    """An op that fails where a tensor has another number of rows.

    Args:
        tensors: By name.
        rows: B.
        or_one: Whether a single row will do too.
    """
    shapes = [(tensor.shape.rank, tf.shape(tensor)) for tensor in tensors.values()]
    sizes = tf.concat([x if rank == 1 else x[:1] for rank, x in shapes], 0)  # [C]
    bad = tf.not_equal(sizes, rows)
    if or_one:
        bad &= tf.not_equal(sizes, 1)

    def message(place: Tensor) -> Tensor:
        return tf.strings.join(
            [
                "`",
                tf.gather([*tensors], place),
                f"` must have one value per row{' or one for all' if or_one else ''}. "
                "Expected: ",
                tf.strings.as_string(rows),
                " rows. Received: ",
                tf.strings.as_string(sizes[place]),
            ]
        )

    return _refuse(bad, message)


def _shown(text: Tensor) -> Tensor:
    """The beginning of a text, fit for a message: requests can hold anything."""
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=True
    )
    return tf.strings.substr(text, 0, _SHOWN, unit="UTF8_CHAR")


def _refuse(bad: Tensor, message: Callable[[Tensor], Tensor]) -> Tensor:
    def complain() -> Tensor:
        first = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32)
        # Not tf.debugging.Assert, which evaluates a constant while it traces.
        return tf.raw_ops.Assert(condition=False, data=[message(first)], summarize=1)

    return tf.cond(tf.reduce_any(bad), complain, tf.no_op).op
