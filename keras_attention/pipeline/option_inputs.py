"""Inputs of a signature for the options of generation, each `[B]`.

Names, defaults, ranges and contradictions are those of the table of options. What may
be None there is 0 here; lists of ids are strings of tokens (`token_lists.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.generation.options.option import Contradiction, Option, bounds
from keras_attention.generation.options.option_table import (
    CONTRADICTIONS,
    LISTS,
    OPTIONS,
)
from keras_attention.layer_support.types import Tensor
from keras_attention.pipeline import token_lists
from keras_attention.pipeline.refusals import Problem, refuse_rows, refuse_sizes
from keras_attention.text import Tokenizer

Tensors = dict[str, Tensor]

# Most tokens of an answer, however long a request wants it.
LONGEST = 4096
# Bounded by the largest beam of an export.
_BEAMS = ("beam_size", "alternatives")


class OptionInput(NamedTuple):
    """An input of a signature.

    Attributes:
        dtype: TensorFlow's.
        default: What the server takes when it is not sent.
    """

    dtype: tf.DType
    default: Any

    def array(self) -> np.ndarray:
        """The default as the server needs it, of shape `[1]`."""
        return np.array([self.default], self.dtype.as_numpy_dtype)


def option_inputs(
    max_beam_size: int, alternatives: bool = False
) -> dict[str, OptionInput]:
    """Every option by name.

    Args:
        max_beam_size: The largest beam of the export.
        alternatives: Whether several answers can be asked for: then there is an
            option for it, and the largest beam is the default.
    """
    inputs = {
        name: OptionInput(tf.string, b"")
        if option.kind == "ids"
        else OptionInput(tf.dtypes.as_dtype(option.dtype), option.default or 0)
        for name, option in OPTIONS.items()
    }
    if alternatives:
        for name in _BEAMS:
            inputs[name] = inputs[name]._replace(default=max_beam_size)
    else:
        del inputs["alternatives"]
    return inputs


def spread(inputs: Mapping[str, Tensor], rows: Tensor) -> Tensors:
    """Options of one row or of B, as B rows each."""
    with tf.control_dependencies([refuse_sizes(inputs, rows, or_one=True)]):
        shape = tf.stack([rows])
        return {name: tf.broadcast_to(value, shape) for name, value in inputs.items()}


def read(
    options: Mapping[str, Tensor], tokenizer: Tokenizer, max_beam_size: int
) -> Tensors:
    """Options of B rows each, checked.

    Args:
        options: By name, `[B]`; `alternatives` among them.
        tokenizer: Of the target.
        max_beam_size: The largest beam.

    Returns:
        The options, lists as ids `[B, M]` int32 with -1 in empty places; none exists
        before every row has passed.
    """
    numbers = {name: value for name, value in options.items() if name not in LISTS}
    numbers["alternatives"] = _all_there_are(numbers, max_beam_size)
    # All lists together, and all numbers of a type: the fewer nodes.
    found = token_lists.parse(tokenizer, tf.concat([options[n] for n in LISTS], 0))
    problems, within, tables = [], dict(numbers), {}
    for kind in ("integer", "number"):
        names = tuple(name for name in numbers if OPTIONS[name].kind == kind)
        tables[names] = tf.stack([numbers[name] for name in names])  # [C, B]
        ranges = [_range(OPTIONS[name], max_beam_size) for name in names]
        problems.append(_out_of_range(names, tables[names], ranges))
        # Out of range is the first problem; then these are not looked at.
        low = np.array(ranges, tables[names].dtype.as_numpy_dtype)[:, :1]
        lifted = tf.unstack(tf.maximum(tables[names], low), len(names))  # [B] each
        within |= zip(names, lifted, strict=True)
    within |= zip(LISTS, tf.split(found.lengths, len(LISTS)), strict=True)
    problems += [
        token_lists.unknown_tokens(found, LISTS),
        token_lists.tokens_after_end(found, LISTS, "prefix"),
        *(_contradiction(*pair, within) for pair in CONTRADICTIONS),
    ]
    with tf.control_dependencies([refuse_rows(problems)]):
        for names, table in tables.items():
            values = tf.unstack(tf.identity(table), len(names))  # [B] each
            numbers |= zip(names, values, strict=True)
        numbers["sample"] = tf.identity(numbers["sample"])
        ids = tf.split(tf.identity(found.table), len(LISTS))  # [B, P] each
    return numbers | dict(zip(LISTS, ids, strict=True))


def bounded_ratio(ratio: Tensor, source_length: Tensor) -> Tensor:
    """`max_length_ratio` `[B]` that allows no more than `LONGEST` tokens.

    But always what the default allows; 0 is still 0, not given.
    """
    length = tf.cast(source_length, tf.float32)
    return tf.minimum(ratio, tf.maximum(LONGEST / length, 2.0))


def _all_there_are(numbers: Mapping[str, Tensor], max_beam_size: int) -> Tensor:
    """Alternatives `[B]`, where the largest number means: all that the beam has."""
    asked = numbers["alternatives"]
    all_of_beam = tf.equal(asked, max_beam_size) & ~numbers["sample"]
    return tf.where(all_of_beam, tf.minimum(asked, numbers["beam_size"]), asked)


def _range(option: Option, max_beam_size: int) -> tuple[float, float]:
    """Of an input: as in the table, but for 0, which is None, and bounds of our own."""
    low = 0 if option.default is None else option.low
    high = {"max_length": LONGEST} | dict.fromkeys(_BEAMS, max_beam_size)
    return low, high.get(option.name, option.high)


def _out_of_range(
    names: Sequence[str], table: Tensor, ranges: Sequence[tuple[float, float]]
) -> Problem:
    """Whether options `[C, B]` of one type are within their ranges."""
    low, high = np.array(ranges, table.dtype.as_numpy_dtype).T
    # NaN is neither.
    inside = (table >= low[:, np.newaxis]) & (table <= high[:, np.newaxis])
    return Problem(
        ~inside,
        [
            f"`{name}` must be {bounds(*ends)}"
            for name, ends in zip(names, ranges, strict=True)
        ],
        lambda row: _text(table[:, row]),
    )


def _contradiction(
    option: Option, rule: Contradiction, values: Mapping[str, Tensor]
) -> Problem:
    """Whether an option is contradicted, from values within their ranges."""
    one, other = values[option.name], values[rule.other]  # [B]
    bad = rule.broken(one, other)
    if rule.rows != "all":
        bad &= values["sample"] if rule.rows == "sampling" else ~values["sample"]
    first, between, last = rule.received(option).split("{}")

    def received(row: Tensor) -> Tensor:
        shown = [_text(value[row]) for value in (one, other)]
        return tf.strings.join([first, shown[0], between, shown[1], last])

    return Problem(bad, rule.expected(option), received)


def _text(numbers: Tensor) -> Tensor:
    return tf.strings.as_string(numbers, shortest=numbers.dtype.is_floating)
