"""Options as tensors: one value per row, in the graph."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.generation.options import GenerationOptions, _values


class RowOptions(NamedTuple):
    """Every option of the search as a tensor with first dimension B.

    Attributes:
        beam_size, limit, min_length, top_k, seed, no_repeat_ngram: `[B]` int32.
        length_penalty, length_power, word_bonus, coverage_penalty, temperature,
            top_p, repetition_penalty: `[B]` float32.
        sample: `[B]` booleans.
        banned: `[B, V]` booleans.
        prefix: `[B, P]` int32, -1 where free.
    """

    beam_size: Any
    limit: Any
    min_length: Any
    length_penalty: Any
    length_power: Any
    word_bonus: Any
    coverage_penalty: Any
    sample: Any
    temperature: Any
    top_k: Any
    top_p: Any
    seed: Any
    repetition_penalty: Any
    no_repeat_ngram: Any
    banned: Any
    prefix: Any


class Features(NamedTuple):
    """What can happen at all, known before the graph is built.

    An option that is a plain number at its neutral value costs nothing; one that
    is a tensor may be anything.
    """

    beams: int
    coverage: bool
    sample: bool
    repetition: bool
    ngrams: int


_FLOATS = (
    "length_penalty",
    "length_power",
    "word_bonus",
    "coverage_penalty",
    "temperature",
    "top_p",
    "repetition_penalty",
)
_INTEGERS = ("beam_size", "min_length", "top_k", "seed", "no_repeat_ngram")


def features(options: GenerationOptions, max_beam_size: int | None = None) -> Features:
    """Which parts of the search are needed.

    Args:
        options: The user's.
        max_beam_size: Slots per row where `beam_size` is a tensor of a graph.

    Raises:
        ValueError: `beam_size` is a tensor without value and there is no maximum.
    """

    def largest(option: str, unknown: Any) -> Any:
        values = _values(getattr(options, option))
        if values is None:
            return unknown
        return values.max() if values.size else 1

    beams = largest("beam_size", max_beam_size)
    if beams is None:
        raise ValueError(
            "`beam_size` is a tensor of a graph: expected `max_beam_size`, which "
            "bounds it. Received: None"
        )
    if max_beam_size is not None and beams > max_beam_size:
        raise ValueError(
            f"`beam_size` must be at most {max_beam_size}. Received: {beams}"
        )
    sample = bool(largest("sample", True))
    slots = int(beams)
    if sample:
        slots = max(slots, options.alternatives)
    return Features(
        beams=slots,
        coverage=bool(largest("coverage_penalty", 1) > 0),
        sample=sample,
        repetition=_any_differs(options.repetition_penalty, 1),
        ngrams=int(largest("no_repeat_ngram", 4)),
    )


def is_greedy(options: GenerationOptions) -> bool:
    """Whether the fast path serves: every option but the length is neutral."""
    plain = GenerationOptions(
        max_length=options.max_length, max_length_ratio=options.max_length_ratio
    )
    neutral = True
    for field in fields(options):
        if field.name in ("max_length", "max_length_ratio"):
            continue
        mine, theirs = getattr(options, field.name), getattr(plain, field.name)
        if field.name in ("banned_tokens", "prefix"):
            neutral = neutral and len(mine) == 0
        elif field.name not in ("temperature", "top_k", "top_p", "seed"):
            neutral = neutral and not _any_differs(mine, theirs)
    return neutral


def row_limits(
    options: GenerationOptions, batch_size: Any, source_length: Any = None
) -> Any:
    """Most tokens of each row, `[B]` int32."""
    options.check_rows(batch_size)
    return _limit(options, _spreader(batch_size), source_length)


def row_options(
    options: GenerationOptions,
    batch_size: Any,
    vocabulary_size: int,
    source_length: Any = None,
) -> RowOptions:
    """Spread the options over the rows.

    Args:
        options: The user's.
        batch_size: B.
        vocabulary_size: V.
        source_length: `[B]` valid source positions, for limits that depend on it.

    Raises:
        ValueError: Numbers of rows differ, or an id is not in the vocabulary.
    """
    options.check_rows(batch_size)
    spread = _spreader(batch_size)
    values = {name: spread(getattr(options, name), "float32") for name in _FLOATS}
    values |= {name: spread(getattr(options, name), "int32") for name in _INTEGERS}
    return RowOptions(
        limit=_limit(options, spread, source_length),
        sample=spread(options.sample, "bool"),
        banned=_banned(options.banned_tokens, batch_size, vocabulary_size),
        prefix=_prefix(options.prefix, batch_size, vocabulary_size),
        **values,
    )


def _spreader(batch_size: Any) -> Callable[[Any, str], Any]:
    def spread(value: Any, dtype: str) -> Any:
        tensor = ops.cast(ops.convert_to_tensor(value), dtype)
        if len(tensor.shape) == 1:
            return tensor
        return ops.broadcast_to(tensor, (batch_size,))

    return spread


def _limit(options: GenerationOptions, spread: Any, source_length: Any) -> Any:
    ratio = options.max_length_ratio
    if options.max_length is None and ratio is None:
        ratio = 2.0
    limits = []
    if options.max_length is not None:
        limits.append(spread(options.max_length, "int32"))
    if ratio is not None:
        if source_length is None:
            raise ValueError(
                "`max_length` has a default only where the length of the source is "
                "known: expected a positive integer or one per row. Received: "
                f"max_length={options.max_length!r}"
            )
        length = ops.cast(source_length, "float32")
        extra = 10.0 if options.max_length is None else 0.0
        bound = ops.floor(spread(ratio, "float32") * length) + extra
        limits.append(ops.cast(bound, "int32"))
    limit = limits[0]
    for other in limits[1:]:
        limit = ops.minimum(limit, other)
    return ops.maximum(limit, 1)


def _banned(ids: Any, batch_size: Any, vocabulary_size: int) -> Any:
    if ops.is_tensor(ids):
        return ops.cast(ids, "bool")  # Already [B, V].
    nested = len(ids) and isinstance(ids[0], (list, tuple, np.ndarray))
    rows = ids if nested else [ids]
    table = np.zeros((len(rows), vocabulary_size), bool)
    for row, numbers in enumerate(rows):
        _check_known("banned_tokens", numbers, vocabulary_size, row)
        table[row, list(numbers)] = True
    if nested:
        return ops.convert_to_tensor(table)
    return ops.broadcast_to(ops.convert_to_tensor(table), (batch_size, vocabulary_size))


def _prefix(ids: Any, batch_size: Any, vocabulary_size: int) -> Any:
    if ops.is_tensor(ids):
        return ops.cast(ids, "int32")  # Already [B, P].
    nested = len(ids) and isinstance(ids[0], (list, tuple, np.ndarray))
    rows = ids if nested else [ids]
    width = max([1, *(len(row) for row in rows)])
    table = np.full((len(rows), width), -1, np.int32)
    for row, numbers in enumerate(rows):
        _check_known("prefix", numbers, vocabulary_size, row)
        table[row, : len(numbers)] = numbers
    if nested:
        return ops.convert_to_tensor(table)
    return ops.broadcast_to(ops.convert_to_tensor(table), (batch_size, width))


def _check_known(option: str, ids: Any, vocabulary_size: int, row: int) -> None:
    for number in ids:
        if not 0 <= number < vocabulary_size:
            raise ValueError(
                f"`{option}` must hold ids below {vocabulary_size}. "
                f"Received: {number} in row {row}"
            )


def _any_differs(value: Any, neutral: float) -> bool:
    values = _values(value)
    return values is None or bool((values != neutral).any())
