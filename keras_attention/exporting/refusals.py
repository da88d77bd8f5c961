"""Requests that a graph refuses, with INVALID_ARGUMENT and a reason.

TensorFlow writes the reason into the error after `assertion failed: `.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

# Characters of what was received; a server cuts messages of more than 1024 bytes.
_SHOWN = 100


class Problem(NamedTuple):
    """Something that may be wrong with each row.

    Attributes:
        bad: `[B]` booleans.
        expected: What every row must be.
        received: Gives what the rows are, `[B]` strings; called while the graph
            is built, run only when something is wrong.
    """

    bad: Any
    expected: str
    received: Callable[[], Any]


def refuse_rows(problems: Sequence[Problem]) -> Any:
    """An op that fails at the first row of the first problem that there is."""
    bad = tf.stack([problem.bad for problem in problems])  # [C, B]

    def message(place: Any) -> Any:
        problem, row = place // tf.shape(bad)[1], place % tf.shape(bad)[1]
        received = tf.stack([problem.received() for problem in problems])  # [C, B]
        return tf.strings.join(
            [
                tf.gather([problem.expected for problem in problems], problem),
                ". Received: ",
                _shown(received[problem, row]),
                " in row ",
                tf.strings.as_string(row),
            ]
        )

    return _refuse(tf.reshape(bad, [-1]), message)


def refuse_sizes(tensors: Mapping[str, Any], rows: Any, or_one: bool) -> Any:
    """An op that fails where a tensor has another number of rows.

    Args:
        tensors: By name.
        rows: B.
        or_one: Whether a single row will do too.
    """
    sizes = tf.stack([tf.shape(tensor)[0] for tensor in tensors.values()])  # [C]
    bad = tf.not_equal(sizes, rows)
    if or_one:
        bad &= tf.not_equal(sizes, 1)

    def message(place: Any) -> Any:
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


def _shown(text: Any) -> Any:
    """The beginning of a text, fit for a message: requests can hold anything."""
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=True
    )
    return tf.strings.substr(text, 0, _SHOWN, unit="UTF8_CHAR")


def _refuse(bad: Any, message: Callable[[Any], Any]) -> Any:
    def complain() -> Any:
        first = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32)
        # Not tf.debugging.Assert, which evaluates a constant while it traces.
        return tf.raw_ops.Assert(condition=False, data=[message(first)], summarize=1)

    return tf.cond(tf.reduce_any(bad), complain, tf.no_op).op
