"""What a user may ask of generation, checked in one place."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from keras_attention.generation.options.validation import (
    LISTS,
    RANGES,
    check_lists,
    check_range,
    is_nested,
    numbers,
    rows_of,
)

_Number = Any  # A scalar or one value per row.
_MAY_BE_NONE = ("max_length", "max_length_ratio")


@dataclass(frozen=True)
class GenerationOptions:
    """How to generate. Every number is a scalar or has one value per row, `[B]`.

    Inside a graph the values may be tensors of it.

    Attributes:
        beam_size: Hypotheses kept alive; 1 is greedy.
        alternatives: Hypotheses returned per row, best first (samples when
            `sample` is on), at most the beam size. Everything but the plain
            number 1 adds axis 1 to the result, as long as the largest; a row's
            places beyond its own number are empty.
        max_length: Most target tokens, end included. None allows
            `max_length_ratio * source length + 10`.
        max_length_ratio: Also bounds by the row's own source length, its end
            included; None is 2 where `max_length` is None, otherwise no bound.
        min_length: Fewest target tokens, end included.
        length_penalty, length_power, word_bonus, coverage_penalty: Terms of the
            rank score; see `ka.generation.ranking`.
        beam_groups: The beam is divided into so many groups, which are kept from
            choosing the same tokens; 1 is off. Divides the beam size.
            Vijayakumar et al. 2016, arXiv 1610.02424.
        diversity_penalty: What a group's rank scores lose for every hypothesis
            of an earlier group that chose the same token at this step.
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
            Inside a graph a tensor `[B, M]`, with -1 in empty places.
        prefix: Ids that the output starts with, given in the same way; neither
            padding nor anything after the end.

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
    alternatives: _Number = 1
    max_length: _Number = None
    max_length_ratio: _Number = None
    min_length: _Number = 1
    length_penalty: _Number = 0.0
    length_power: _Number = 0.0
    word_bonus: _Number = 0.0
    coverage_penalty: _Number = 0.0
    beam_groups: _Number = 1
    diversity_penalty: _Number = 0.0
    sample: _Number = False
    temperature: _Number = 1.0
    top_k: _Number = 0
    top_p: _Number = 1.0
    seed: _Number = 0
    repetition_penalty: _Number = 1.0
    no_repeat_ngram: _Number = 0
    banned_tokens: Any = ()
    prefix: Any = ()

    def __post_init__(self) -> None:
        for option in RANGES:
            value = getattr(self, option)
            if value is not None or option not in _MAY_BE_NONE:
                check_range(option, value)
        for option in LISTS:
            check_lists(option, getattr(self, option))
        not_searched = numbers(self.sample)
        self._check(
            ("alternatives", "beam_size"),
            "`alternatives` must not exceed `beam_size`",
            lambda few, many: few > many,
            unless=not_searched,
        )
        self._check(
            ("beam_groups", "beam_size"),
            "`beam_size` must be a multiple of `beam_groups`",
            lambda groups, beams: beams % groups != 0,
            unless=not_searched,
        )
        self._check(
            ("min_length", "max_length"),
            "`min_length` must not exceed `max_length`",
            lambda low, high: low > high,
        )
        self._check_prefix()

    def check_rows(self, batch_size: Any) -> None:
        """Raise ValueError for an option with another number of rows than B."""
        if not isinstance(batch_size, int):
            return
        for field in fields(self):
            size = rows_of(field.name, getattr(self, field.name))
            if size not in (None, batch_size):
                raise ValueError(
                    f"`{field.name}` must be one for all rows or one per row. "
                    f"Expected: {batch_size} rows. Received: {size}"
                )

    def _check(
        self,
        options: tuple[str, str],
        rule: str,
        broken: Callable[[np.ndarray, np.ndarray], np.ndarray],
        unless: Any = False,
    ) -> None:
        one, other = (numbers(getattr(self, option)) for option in options)
        if one is None or other is None or unless is None:
            return
        try:
            bad = broken(one, other) & ~np.asarray(unless, bool)
        except ValueError:
            return  # Different numbers of rows: `check_rows` says so.
        if bad.any():
            row = int(np.flatnonzero(np.atleast_1d(bad))[0])
            received = ", ".join(f"{name}={getattr(self, name)!r}" for name in options)
            raise ValueError(
                f"{rule}. Received: {received}" + (f" (row {row})" if bad.ndim else "")
            )

    def _check_prefix(self) -> None:
        limits = numbers(self.max_length)
        if limits is None or not isinstance(self.prefix, (list, tuple, np.ndarray)):
            return
        if not len(self.prefix):
            return
        lengths = np.array(
            [len(ids) for ids in self.prefix]
            if is_nested(self.prefix)
            else len(self.prefix)
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
