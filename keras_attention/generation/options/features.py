"""Which parts of the search are needed, as early as that can be known.

Options that are plain numbers are looked at before a graph is made, and what none of
them needs is not in it. Options that are tensors are looked at when the graph runs:
what no row needs is then skipped there.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.options.validation import LISTS, dtype_of, numbers


class Features(NamedTuple):
    """What the options say before the graph runs; None where that has to tell.

    Attributes:
        places: N, the places for answers.
        several: Whether the answers have an axis of their own.
        slots: K, hypotheses of a row side by side.
        groups: The most beam groups of a row.
        group_slots: The most slots of a group.
        greedy: Whether every row is greedy and asks for one answer.
        beam: Whether a row searches.
        grouped: Whether a row has several beam groups.
        sample: Whether a row samples.
        truncated: Whether a row that samples leaves out unlikely tokens.
        coverage, repetition, ngrams: Whether a row has the option on.
    """

    places: int
    several: bool
    slots: int | None
    groups: int | None
    group_slots: int | None
    greedy: bool | None
    beam: bool | None
    grouped: bool | None
    sample: bool | None
    truncated: bool | None
    coverage: bool | None
    repetition: bool | None
    ngrams: bool | None


class Needs(NamedTuple):
    """`Features` with everything settled: numbers, booleans, or scalars of the graph.

    `history` says whether the tokens so far are needed.
    """

    places: int
    slots: Any
    groups: Any
    group_slots: Any
    beam: Any
    grouped: Any
    sample: Any
    truncated: Any
    coverage: Any
    repetition: Any
    ngrams: Any
    history: Any


# The same expressions for arrays and for tensors of any backend.
_NEEDED: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "beam": (("sample",), lambda sample: ~sample),
    "grouped": (("beam_groups", "sample"), lambda n, sample: (n > 1) & ~sample),
    "sample": (("sample",), lambda sample: sample),
    "truncated": (
        ("top_k", "top_p", "sample"),
        lambda k, p, sample: ((k > 0) | (p < 1)) & sample,
    ),
    "coverage": (("coverage_penalty",), lambda beta: beta > 0),
    "repetition": (("repetition_penalty",), lambda theta: theta != 1),
    "ngrams": (("no_repeat_ngram",), lambda n: n > 0),
}
_SIZES: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
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
_NOT_GREEDY: dict[str, Callable[[Any], Any]] = {
    "beam_size": lambda k: k != 1,
    "alternatives": lambda n: n != 1,
    "min_length": lambda length: length > 1,
    "length_penalty": lambda alpha: alpha != 0,
    "length_power": lambda rho: rho != 0,
    "word_bonus": lambda gamma: gamma != 0,
    "coverage_penalty": lambda beta: beta != 0,
    "sample": lambda sample: sample,
    "repetition_penalty": lambda theta: theta != 1,
    "no_repeat_ngram": lambda n: n != 0,
}


def features(
    options: GenerationOptions,
    max_beam_size: int | None = None,
    fixed_sizes: bool = True,
) -> Features:
    """What can be known of the options before a graph runs.

    Args:
        options: The user's.
        max_beam_size: Slots and places per row where tensors of a graph say how many.
        fixed_sizes: Whether K has to be a number (otherwise it may be a tensor).

    Raises:
        ValueError: The number of slots or places must be known, and is not.
    """
    beams, alternatives = numbers(options.beam_size), numbers(options.alternatives)
    if beams is not None and max_beam_size is not None:
        if beams.max(initial=1) > max_beam_size:
            raise ValueError(
                f"`beam_size` must be at most {max_beam_size}. Received: {beams.max()}"
            )
    if alternatives is None:
        places = _bound("alternatives", max_beam_size)
    else:
        places = int(alternatives.max(initial=1))
    slots = _largest(options, "slots")
    if slots is None and fixed_sizes:
        slots = max(_bound("beam_size", max_beam_size), places)
    needed = {
        name: _any(options, names, rule) for name, (names, rule) in _NEEDED.items()
    }
    groups, group_slots = (
        _largest(options, name) for name in ("groups", "group_slots")
    )
    if needed["grouped"] is False:
        groups, group_slots = 1, slots
    elif fixed_sizes:
        groups = slots if groups is None else groups
        group_slots = slots if group_slots is None else group_slots
    return Features(
        places=places,
        several=alternatives is None or alternatives.ndim > 0 or places > 1,
        slots=slots,
        groups=groups,
        group_slots=group_slots,
        greedy=_greedy(options),
        **needed,
    )


def settled(features: Features, rows: RowOptions) -> Needs:
    """The same where the rows' options are at hand."""

    def any_row(name: str) -> Any:
        known = getattr(features, name)
        if known is not None:
            return known
        names, rule = _NEEDED[name]
        return ops.any(rule(*(getattr(rows, option) for option in names)))

    def largest(name: str) -> Any:
        known = getattr(features, name)
        if known is not None:
            return known
        names, rule = _SIZES[name]
        values = (ops.cast(getattr(rows, option), "int32") for option in names)
        return ops.max(ops.concatenate([rule(*values), ops.ones((1,), "int32")]))

    needed = {name: any_row(name) for name in _NEEDED}
    slots = largest("slots")
    return Needs(
        places=features.places,
        slots=slots,
        groups=largest("groups"),
        group_slots=largest("group_slots"),
        history=_either(needed["repetition"], needed["ngrams"]),
        **needed,
    )


def all_greedy(values: Mapping[str, Any], rows: RowOptions) -> Any:
    """Whether no row needs the search, a boolean scalar of the graph.

    Args:
        values: The options, to see which of them only the graph knows.
        rows: The same as tensors.
    """
    needed = [
        rule(getattr(rows, name))
        for name, rule in _NOT_GREEDY.items()
        if numbers(values[name]) is None
    ]  # [B] each
    needed += [ops.any(getattr(rows, name) >= 0, axis=1) for name in LISTS]
    return ops.logical_not(ops.any(functools.reduce(ops.logical_or, needed)))


def when(needed: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` where it is needed: decided now if that is known, else in the graph."""
    if isinstance(needed, bool):
        return then() if needed else otherwise()
    return ops.cond(needed, then, otherwise)


def _greedy(options: GenerationOptions) -> bool | None:
    known: bool | None = True
    for name, rule in _NOT_GREEDY.items():
        needed = _any(options, (name,), rule)
        if needed:
            return False
        known = None if needed is None else known
    for name in LISTS:
        ids = getattr(options, name)
        array = numbers(ids) if ops.is_tensor(ids) else None
        if ops.is_tensor(ids) and array is None:
            known = None
        elif (array >= 0).any() if array is not None else len(ids):
            return False
    return known


def _any(options: GenerationOptions, names: Any, rule: Any) -> bool | None:
    arrays = [_known(options, name) for name in names]
    if names[-1] == "sample" and len(names) > 1 and arrays[-1] is not None:
        # What only rows that sample (or search) have, whatever the rest says.
        relevant = arrays[-1] if "top_k" in names else ~arrays[-1]
        if not relevant.any():
            return False
    if any(array is None for array in arrays):
        return None
    return bool(np.any(rule(*arrays)))


def _largest(options: GenerationOptions, name: str) -> int | None:
    names, rule = _SIZES[name]
    arrays = [_known(options, option) for option in names]
    if any(array is None for array in arrays):
        return None
    sizes = rule(*(np.asarray(array, np.int64) for array in arrays))
    return int(sizes.max(initial=1))


def _known(options: GenerationOptions, name: str) -> np.ndarray | None:
    array = numbers(getattr(options, name))
    # No rows have no dtype.
    return array if array is None or array.size else array.astype(dtype_of(name))


def _bound(option: str, max_beam_size: int | None) -> int:
    if max_beam_size is None:
        raise ValueError(
            f"`{option}` is a tensor of a graph: expected `max_beam_size`, which "
            "bounds it. Received: None"
        )
    return max_beam_size


def _either(one: Any, other: Any) -> Any:
    if isinstance(one, bool) and isinstance(other, bool):
        return one or other
    if one is True or other is True:
        return True
    return ops.logical_or(one, other)
