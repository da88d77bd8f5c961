"""Features of a search: which parts the options need, as early as that can be known.

Options that are plain numbers are looked at before a graph is made, and what none of
them needs is not in it. Options that are tensors are looked at when the graph runs:
what no row needs is then skipped there.
"""

import functools
import operator
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from keras import ops

from keras_attention.generation.options.checks import numbers
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.option import Option
from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.generation.options.row_options import OptionValues, RowOptions
from keras_attention.layer_support.types import Tensor

Flag: TypeAlias = Tensor
"""A bool, None where only the running graph can tell, or there a boolean scalar."""

Size: TypeAlias = Tensor
"""An int, None where only the running graph can tell, or there an int32 scalar."""


class Features(NamedTuple):
    """What the options of all rows need together.

    Attributes:
        answers: N, the most answers of a row.
        several: Whether the answers have an axis of their own.
        slots: K, hypotheses of a row side by side.
        groups: The most beam groups of a row.
        group_slots: The most slots of a group.
        greedy: Whether every row is greedy and asks for one answer.
        beam: Whether a row searches.
        history: Whether the tokens so far are needed.
        grouped: Whether a row has several beam groups.
        sample: Whether a row samples.
        truncated: Whether a row that samples leaves out unlikely tokens.
        coverage, repetition, ngrams: Whether a row has the option on.
        restricted: Whether any token is ruled out or forced.
        lengths: Whether a row ranks hypotheses by their lengths.
    """

    answers: int
    several: bool
    slots: Size
    groups: Size
    group_slots: Size
    greedy: Flag
    beam: Flag
    history: Flag
    grouped: Flag
    sample: Flag
    truncated: Flag
    coverage: Flag
    repetition: Flag
    ngrams: Flag
    restricted: Flag
    lengths: Flag


# Options of one part act on the same rows.
_PARTS: dict[str, list[Option]] = {}
for _option in OPTIONS.values():
    if _option.needs not in (None, "search", "limit"):
        _PARTS.setdefault(_option.needs, []).append(_option)

# The same expressions for arrays and for tensors of any backend.
_SIZES: dict[str, tuple[tuple[str, ...], Callable[..., Tensor]]] = {
    "slots": (
        ("sample", "alternatives", "beam_size"),
        lambda sample, n, k: sample * n + (1 - sample) * k,
    ),
    "groups": (("beam_groups", "sample"), lambda n, sample: n * (1 - sample)),
    "group_slots": (
        ("beam_size", "beam_groups", "sample"),
        lambda k, n, sample: (k // n) * (1 - sample),
    ),
}


def features(
    options: GenerationOptions,
    max_beam_size: int | None = None,
    fixed_sizes: bool = True,
) -> Features:
    """What can be known of the options before a graph runs.

    Args:
        options: The user's.
        max_beam_size: Slots and answers of a row where tensors of a graph say how many.
        fixed_sizes: Whether K has to be a number (otherwise it may be a tensor).

    Raises:
        ValueError: The number of slots or answers must be known, and is not.
    """
    beams, alternatives = options.known("beam_size"), options.known("alternatives")
    if beams is not None and max_beam_size is not None:
        if beams.max(initial=1) > max_beam_size:
            raise ValueError(
                f"`beam_size` must be at most {max_beam_size}. Received: {beams.max()}"
            )
    if alternatives is None:
        answers = _bound("alternatives", max_beam_size)
    else:
        answers = int(alternatives.max(initial=1))
    sizes = {name: _known_size(options, name) for name in _SIZES}
    if sizes["slots"] is None and fixed_sizes:
        sizes["slots"] = max(_bound("beam_size", max_beam_size), answers)
    on = {name: _known_on(options, option) for name, option in OPTIONS.items()}
    parts = {
        part: _any_of(*(on[option.name] for option in of_part))
        for part, of_part in _PARTS.items()
    }
    parts["restricted"] = _any_of(parts["restricted"], parts["ngrams"])
    if parts["grouped"] is False:
        sizes |= {"groups": 1, "group_slots": 1}  # Not looked at.
    elif fixed_sizes:
        sizes = {
            name: sizes["slots"] if size is None else size
            for name, size in sizes.items()
        }
    searched = _any_of(*(on[name] for name in OPTIONS if OPTIONS[name].beyond_greedy))
    searching = options.known_rows("searching")
    return Features(
        answers=answers,
        several=alternatives is None or alternatives.ndim > 0 or answers > 1,
        greedy=None if searched is None else not searched,
        beam=None if searching is None else bool(searching.any()),
        history=_any_of(parts["repetition"], parts["ngrams"]),
        **sizes,
        **parts,
    )


def settled(features: Features, rows: RowOptions) -> Features:
    """The same where the rows' options are at hand."""

    def any_row(part: str) -> Flag:
        known = getattr(features, part)
        if known is not None:
            return known
        each = [option.is_on(getattr(rows, option.name)) for option in _PARTS[part]]
        on = functools.reduce(operator.or_, each)  # [B]
        for acting in {option.rows for option in _PARTS[part]} - {"all"}:
            on = on & (rows.sample if acting == "sampling" else ~rows.sample)
        return ops.any(on)

    def largest(name: str) -> Size:
        known = getattr(features, name)
        if known is not None:
            return known
        names, rule = _SIZES[name]
        values = (ops.cast(getattr(rows, option), "int32") for option in names)
        return ops.max(ops.concatenate([rule(*values), ops.ones((1,), "int32")]))

    parts = {part: any_row(part) for part in _PARTS}
    parts["restricted"] = _any_of(parts["restricted"], parts["ngrams"])
    beam = ops.any(~rows.sample) if features.beam is None else features.beam
    return features._replace(
        beam=beam,
        history=_any_of(parts["repetition"], parts["ngrams"]),
        **{name: largest(name) for name in _SIZES},
        **parts,
    )


def all_greedy(values: OptionValues, rows: RowOptions) -> Tensor:
    """Whether no row needs the search, a boolean scalar of the graph.

    Args:
        values: The options, to see which of them only the graph knows.
        rows: The same as tensors.
    """
    on = [
        option.is_on(getattr(rows, name))
        for name, option in OPTIONS.items()
        if option.beyond_greedy and numbers(values[name]) is None
    ]  # [B] each
    return ~ops.any(functools.reduce(operator.or_, on))


def _known_on(options: GenerationOptions, option: Option) -> bool | None:
    """Whether an option asks for its part in any of the rows that it is for."""
    value = getattr(options, option.name)
    if option.kind == "ids":
        if not ops.is_tensor(value):
            return len(value) > 0
        table = numbers(value)
        return None if table is None else bool((table >= 0).any())
    values, rows = options.known(option.name), options.known_rows(option.rows)
    if rows is not None and not rows.any():
        return False
    if values is None:
        return None
    on = np.asarray(option.is_on(values), bool)
    if rows is None:
        return None if on.any() else False
    return bool((on & rows).any())


def _known_size(options: GenerationOptions, name: str) -> Size:
    names, rule = _SIZES[name]
    arrays = [options.known(option) for option in names]
    if any(array is None for array in arrays):
        return None
    sizes = rule(*(np.asarray(array, np.int64) for array in arrays))
    return int(sizes.max(initial=1))


def _any_of(*flags: Flag) -> Flag:
    if any(flag is True for flag in flags):
        return True
    unknown = [flag for flag in flags if flag is not False]
    if any(flag is None for flag in unknown):
        return None
    return functools.reduce(operator.or_, unknown) if unknown else False


def _bound(option: str, max_beam_size: int | None) -> int:
    if max_beam_size is None:
        raise ValueError(
            f"`{option}` is a tensor of a graph: expected `max_beam_size`, which "
            "bounds it. Received: None"
        )
    return max_beam_size
