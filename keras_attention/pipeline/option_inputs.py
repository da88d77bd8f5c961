"""The options of generation as inputs of a signature, each `[B]`.

Names, defaults and ranges are those of `ka.GenerationOptions`. What may be None
there is 0 here; lists of ids are strings of tokens (`token_lists.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.generation import GenerationOptions
from keras_attention.generation.options.validation import INT32, LISTS, RANGES, dtype_of
from keras_attention.pipeline import token_lists
from keras_attention.pipeline.refusals import Problem, refuse_rows, refuse_sizes
from keras_attention.text import Tokenizer

Tensors = dict[str, Any]

# Most tokens of an answer, however long a request wants it.
LONGEST = 4096


class Option(NamedTuple):
    """An input of a signature.

    Attributes:
        dtype: TensorFlow's.
        default: What the server takes when it is not sent.
    """

    dtype: Any
    default: Any

    def array(self) -> np.ndarray:
        """The default as the server needs it, of shape `[1]`."""
        return np.array([self.default], self.dtype.as_numpy_dtype)


def option_inputs(max_beam_size: int, alternatives: bool = False) -> dict[str, Option]:
    """Every option by name.

    Args:
        max_beam_size: The largest beam of the export.
        alternatives: Whether several answers can be asked for: then there is an
            option for it, and the largest beam is the default.
    """
    inputs = {}
    for field in fields(GenerationOptions):
        if field.name in LISTS:
            inputs[field.name] = Option(tf.string, b"")
        else:
            dtype = tf.dtypes.as_dtype(dtype_of(field.name))
            inputs[field.name] = Option(dtype, field.default or 0)
    if alternatives:
        for name in ("beam_size", "alternatives"):
            inputs[name] = inputs[name]._replace(default=max_beam_size)
    else:
        del inputs["alternatives"]
    return inputs


def spread(inputs: Mapping[str, Any], rows: Any) -> Tensors:
    """Options of one row or of B, as B rows each."""
    with tf.control_dependencies([refuse_sizes(inputs, rows, or_one=True)]):
        shape = tf.stack([rows])
        return {name: tf.broadcast_to(value, shape) for name, value in inputs.items()}


class Choice(NamedTuple):
    """Options that have been read.

    Attributes:
        numbers: `[B]` each.
        banned: Ids `[B, M]` int32, -1 in empty places.
        prefix: Ids `[B, P]` int32, likewise.
    """

    numbers: Tensors
    banned: Any
    prefix: Any


def read(
    options: Mapping[str, Any], tokenizer: Tokenizer, max_beam_size: int
) -> Choice:
    """Options of B rows each, checked.

    Args:
        options: By name, `[B]`; `alternatives` among them.
        tokenizer: Of the target.
        max_beam_size: The largest beam.

    Returns:
        A `Choice` that does not exist before every row has passed.
    """
    numbers = {name: value for name, value in options.items() if name not in LISTS}
    # Both lists together, as 2B rows.
    found = token_lists.parse(tokenizer, tf.concat([options[n] for n in LISTS], 0))
    rows = tf.size(options[LISTS[0]])
    numbers["alternatives"] = _all_there_are(numbers, max_beam_size)
    kinds = [
        tuple(name for name, value in numbers.items() if value.dtype == dtype)
        for dtype in (tf.int32, tf.float32)
    ]
    tables = [tf.stack([numbers[name] for name in names]) for names in kinds]
    problems = [
        *(
            _out_of_range(names, table, max_beam_size)
            for names, table in zip(kinds, tables, strict=True)
        ),
        token_lists.unknown_tokens(found, LISTS),
        token_lists.tokens_after_end(found, "prefix", rows),
        *_contradictions(numbers, found.lengths[rows:]),
    ]
    with tf.control_dependencies([refuse_rows(problems)]):
        for names, table in zip(kinds, tables, strict=True):
            values = tf.unstack(tf.identity(table), len(names))  # [B] each
            numbers |= zip(names, values, strict=True)
        numbers["sample"] = tf.identity(numbers["sample"])
        ids = tf.identity(found.table)  # [2B, P]
    return Choice(numbers, ids[:rows], ids[rows:])


def bounded_ratio(ratio: Any, source_length: Any) -> Any:
    """`max_length_ratio` `[B]` that allows no more than `LONGEST` tokens.

    But always what the default allows; 0 is still 0, not given.
    """
    length = tf.cast(source_length, tf.float32)
    return tf.minimum(ratio, tf.maximum(LONGEST / length, 2.0))


def _all_there_are(numbers: Mapping[str, Any], max_beam_size: int) -> Any:
    """Alternatives `[B]`, where the largest number means: all that the beam has."""
    asked = numbers["alternatives"]
    all_of_beam = tf.equal(asked, max_beam_size) & ~numbers["sample"]
    return tf.where(all_of_beam, tf.minimum(asked, numbers["beam_size"]), asked)


def _out_of_range(names: Sequence[str], table: Any, max_beam_size: int) -> Problem:
    """Whether options `[C, B]` of one type are within their ranges."""
    ranges = {name: RANGES[name][1:] for name in names}
    for name in ranges.keys() & {"beam_size", "alternatives"}:
        ranges[name] = (1, max_beam_size)
    if "max_length" in ranges:
        ranges["max_length"] = (0, LONGEST)  # 0: not given.
    low, high = np.array(list(ranges.values()), table.dtype.as_numpy_dtype).T
    # NaN is neither.
    inside = (table >= low[:, np.newaxis]) & (table <= high[:, np.newaxis])
    return Problem(
        ~inside,
        [f"`{name}` must be {_bounds(*ranges[name])}" for name in names],
        lambda row: tf.strings.as_string(
            table[:, row], shortest=table.dtype.is_floating
        ),
    )


def _bounds(low: float, high: float) -> str:
    return f"at least {low:g}" if high == INT32 else f"in [{low:g}, {high:g}]"


def _contradictions(numbers: Mapping[str, Any], prefix_length: Any) -> list[Problem]:
    limited = numbers["max_length"] > 0
    pairs = [
        ("min_length", "max_length", limited),
        ("alternatives", "beam_size", ~numbers["sample"]),
    ]
    problems = [
        Problem(
            (numbers[small] > numbers[large]) & counts,
            f"`{small}` must not exceed `{large}`",
            _pair(numbers, small, large),
        )
        for small, large, counts in pairs
    ]
    groups, beams = numbers["beam_groups"], numbers["beam_size"]
    uneven = Problem(
        # Groups out of range are another problem, which comes first.
        tf.not_equal(beams % tf.maximum(groups, 1), 0) & ~numbers["sample"],
        "`beam_size` must be a multiple of `beam_groups`",
        _pair(numbers, "beam_groups", "beam_size"),
    )
    too_long = Problem(
        (prefix_length > numbers["max_length"]) & limited,
        "`prefix` must not be longer than `max_length`",
        lambda row: tf.strings.join(
            [
                tf.strings.as_string(prefix_length[row]),
                " tokens, max_length=",
                tf.strings.as_string(numbers["max_length"][row]),
            ]
        ),
    )
    return [*problems, uneven, too_long]


def _pair(numbers: Mapping[str, Any], one: str, other: str) -> Any:
    return lambda row: tf.strings.join(
        [
            f"{one}=",
            tf.strings.as_string(numbers[one][row]),
            f", {other}=",
            tf.strings.as_string(numbers[other][row]),
        ]
    )
