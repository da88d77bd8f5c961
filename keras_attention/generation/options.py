"""What a user may ask of generation, checked in one place."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

_Number = Any  # A scalar or one value per row.


@dataclass(frozen=True)
class GenerationOptions:
    """How to generate. Every number is a scalar or has one value per row, `[B]`.

    Attributes:
        beam_size: Hypotheses kept alive; 1 is greedy.
        alternatives: Hypotheses returned per row, best first (samples when
            `sample` is on). More than 1 adds axis 1 to the result. At most the
            beam size.
        max_length: Most target tokens, end included. None allows
            `max_length_ratio * source length + 10`.
        max_length_ratio: Also bounds by the row's own source length, its end
            included; None is 2 where `max_length` is None, otherwise no bound.
        min_length: Fewest target tokens, end included.
        length_penalty, length_power, word_bonus, coverage_penalty: Terms of the
            rank score; see `ka.generation.ranking`.
        sample: Draw tokens instead of searching.
        temperature: Divides the logits of samples.
        top_k: Samples come from the k most probable tokens; 0 from all.
        top_p: Samples come from the fewest tokens that together have this
            probability; 1 from all.
        seed: Of the samples. A row's samples depend on its own seed and input
            alone, not on the batch around it.
        repetition_penalty: Logits of tokens that the hypothesis already has are
            divided (positive) or multiplied (negative) by it; 1 is off.
            Keskar et al. 2019 (CTRL), section 4.1.
        no_repeat_ngram: No n-gram of this size occurs twice; 0 is off.
        banned_tokens: Ids never chosen: a list for all rows, or a list of lists.
        prefix: Ids that the output starts with: a list, or a list of lists.

    Raises:
        ValueError: Out of range, not a number or contradictory; the message names
            the option and the row.
        TypeError: A value of the wrong type.

    Example:

    >>> import keras_attention as ka
    >>> ka.GenerationOptions(beam_size=5, length_penalty=[0.6, 1.0]).beam_size
    5
    """

    beam_size: _Number = 1
    alternatives: int = 1
    max_length: _Number = None
    max_length_ratio: _Number = None
    min_length: _Number = 1
    length_penalty: _Number = 0.0
    length_power: _Number = 0.0
    word_bonus: _Number = 0.0
    coverage_penalty: _Number = 0.0
    sample: _Number = False
    temperature: _Number = 1.0
    top_k: _Number = 0
    top_p: _Number = 1.0
    seed: _Number = 0
    repetition_penalty: _Number = 1.0
    no_repeat_ngram: _Number = 0
    banned_tokens: Sequence[Any] = ()
    prefix: Sequence[Any] = ()

    def __post_init__(self) -> None:
        for option, (kind, low, high) in _RANGES.items():
            value = getattr(self, option)
            if value is not None or option not in _MAY_BE_NONE:
                _check_range(option, value, kind, low, high)
        if not isinstance(self.alternatives, int) or isinstance(
            self.alternatives, bool
        ):
            raise TypeError(
                "`alternatives` must be one integer for all rows. Received: "
                f"alternatives={self.alternatives!r}"
            )
        for option in ("banned_tokens", "prefix"):
            _check_ids(option, getattr(self, option))
        self._check_pair("alternatives", "beam_size", unless=self.sample)
        self._check_pair("min_length", "max_length")
        self._check_prefix()

    def check_rows(self, batch_size: Any) -> None:
        """Raise ValueError for an option with another number of rows than B."""
        if not isinstance(batch_size, int):
            return
        for field in fields(self):
            size = _rows_of(field.name, getattr(self, field.name))
            if size not in (None, batch_size):
                raise ValueError(
                    f"`{field.name}` must be one for all rows or one per row. "
                    f"Expected: {batch_size} rows. Received: {size}"
                )

    def _check_pair(self, low: str, high: str, unless: Any = False) -> None:
        small, large = _values(getattr(self, low)), _values(getattr(self, high))
        skip = _values(unless)
        if small is None or large is None or skip is None:
            return
        try:
            bad = (small > large) & ~skip.astype(bool)
        except ValueError:
            return  # Different numbers of rows: `check_rows` says so.
        if bad.any():
            row = int(np.flatnonzero(np.atleast_1d(bad))[0])
            raise ValueError(
                f"`{low}` must not exceed `{high}`. Received: {low}="
                f"{getattr(self, low)!r}, {high}={getattr(self, high)!r}"
                + (f" (row {row})" if bad.ndim else "")
            )

    def _check_prefix(self) -> None:
        limits = _values(self.max_length)
        if limits is None or not len(self.prefix):
            return
        nested = isinstance(self.prefix[0], (list, tuple, np.ndarray))
        lengths = np.array(
            [len(p) for p in self.prefix] if nested else len(self.prefix)
        )
        if lengths.ndim and limits.ndim and lengths.shape != limits.shape:
            return  # Different numbers of rows: `check_rows` says so.
        lengths, limits = map(np.atleast_1d, np.broadcast_arrays(lengths, limits))
        for row, (length, limit) in enumerate(zip(lengths, limits, strict=True)):
            if length > limit:
                raise ValueError(
                    "`prefix` must not be longer than `max_length`. Received: "
                    f"{length} ids in row {row}, max_length={limit}"
                )


_MAY_BE_NONE = ("max_length", "max_length_ratio")
_INT32 = 2**31 - 1
_LARGEST = 100.0  # Of a penalty: beyond it the rank score leaves float32.
_RANGES: dict[str, tuple[str, float, float]] = {
    "beam_size": ("integer", 1, _INT32),
    "alternatives": ("integer", 1, _INT32),
    "max_length": ("integer", 1, _INT32),
    "max_length_ratio": ("number", 0, 1e4),
    "min_length": ("integer", 0, _INT32),
    "length_penalty": ("number", 0, _LARGEST),
    "length_power": ("number", 0, _LARGEST),
    "word_bonus": ("number", -_LARGEST, _LARGEST),
    "coverage_penalty": ("number", 0, _LARGEST),
    "sample": ("boolean", 0, 1),
    "temperature": ("number", 1e-6, 1e6),
    "top_k": ("integer", 0, _INT32),
    "top_p": ("number", 1e-6, 1),
    "seed": ("integer", -(2**31), 2**31 - 1),
    "repetition_penalty": ("number", 1e-6, 1e6),
    "no_repeat_ngram": ("integer", 0, _INT32),
}
_KINDS = {"integer": "iu", "number": "iuf", "boolean": "b"}


def _values(value: Any) -> np.ndarray | None:
    """The numbers, or None for nothing and for tensors of a graph being traced."""
    if value is None:
        return None
    try:
        return np.asarray(value)
    except (NotImplementedError, TypeError, RuntimeError):
        return None
    except ValueError:  # Rows of different lengths.
        return np.array(None)


def _check_range(option: str, value: Any, kind: str, low: float, high: float) -> None:
    array = np.array(None) if value is None else _values(value)
    if array is None or (array.size == 0 and array.ndim == 1):
        return
    if array.dtype.kind not in _KINDS[kind]:
        raise TypeError(
            f"`{option}` must be {'an' if kind == 'integer' else 'a'} {kind} or one "
            f"per row. Received: {option}={value!r}"
        )
    if array.ndim > 1:
        raise ValueError(
            f"`{option}` must be a scalar or have one value per row. "
            f"Received: shape {array.shape}"
        )
    inside = (array >= low) & (array <= high) & np.isfinite(array)
    for row in np.flatnonzero(~np.atleast_1d(inside)):
        bounds = f"at least {low:g}" if high == _INT32 else f"in [{low:g}, {high:g}]"
        raise ValueError(
            f"`{option}` must be {bounds}. Received: {np.atleast_1d(array)[row]}"
            + (f" in row {row}" if array.ndim else "")
        )


def _check_ids(option: str, value: Any) -> None:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(
            f"`{option}` must be a list of ids, or one list per row. "
            f"Received: {option}={value!r}"
        )
    nested = [isinstance(row, (list, tuple, np.ndarray)) for row in value]
    if any(nested) and not all(nested):
        raise TypeError(
            f"`{option}` must be a list of ids, or one list per row, not both. "
            f"Received: {option}={value!r}"
        )
    for row in value:
        ids = row if isinstance(row, (list, tuple, np.ndarray)) else [row]
        for number in ids:
            if isinstance(number, (bool, np.bool_)) or not isinstance(
                number, (int, np.integer)
            ):
                raise TypeError(
                    f"`{option}` must hold integer ids. Received: {number!r}"
                )


def _rows_of(option: str, value: Any) -> int | None:
    if option in ("banned_tokens", "prefix"):
        nested = len(value) and isinstance(value[0], (list, tuple, np.ndarray))
        return len(value) if nested else None
    if value is None:
        return None
    shape = getattr(value, "shape", None)
    if shape is None:
        shape = np.shape(value)
    return int(shape[0]) if len(shape) == 1 and shape[0] is not None else None
