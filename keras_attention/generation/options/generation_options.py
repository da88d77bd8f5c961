"""Options of generation, as a user gives them."""

from dataclasses import dataclass

import numpy as np

from keras_attention.generation.options.checks import (
    check_value,
    lengths,
    numbers,
    rows_of,
)
from keras_attention.generation.options.option import Contradiction, Option, Rows
from keras_attention.generation.options.option_table import (
    CONTRADICTIONS,
    OPTIONS,
    OptionTable,
)


@dataclass(frozen=True)
class GenerationOptions(OptionTable):
    r"""How to generate. Every number is a scalar or has one value per row, `[B]`.

    Inside a graph the values may be tensors of it. Ids are a list for all rows or a
    list of lists; inside a graph a tensor `[B, M]`, with -1 in empty places.

    Attributes:
        {options}

    Raises:
        ValueError: Out of range, not a number or contradictory; the message names
            the option and the row.
        TypeError: A value of the wrong type.

    References:
        Wu et al. 2016, arXiv 1609.08144, equation 14 (length and coverage penalty);
        Vijayakumar et al. 2016, arXiv 1610.02424 (groups of a beam); Keskar et al.
        2019, arXiv 1909.05858, section 4.1 (repetition penalty); Fan et al. 2018,
        arXiv 1805.04833 (`top_k`); Holtzman et al. 2019, arXiv 1904.09751 (`top_p`).

    Example:

    >>> import keras_attention as ka
    >>> ka.GenerationOptions(beam_size=5, length_penalty=[0.6, 1.0]).beam_size
    5
    """

    def __post_init__(self) -> None:
        for option in OPTIONS.values():
            check_value(option, getattr(self, option.name))
        for option, rule in CONTRADICTIONS:
            self._check_contradiction(option, rule)

    def check_rows(self, batch_size: int | None) -> None:
        """Raise ValueError for an option with another number of rows than B."""
        if not isinstance(batch_size, int):
            return
        for name in OPTIONS:
            size = rows_of(name, getattr(self, name))
            if size not in (None, batch_size):
                raise ValueError(
                    f"`{name}` must be one for all rows or one per row. "
                    f"Expected: {batch_size} rows. Received: {size}"
                )

    def known(self, name: str) -> np.ndarray | None:
        """An option's numbers, or how many ids it has; None for tensors of a graph."""
        ids = OPTIONS[name].kind == "ids"
        return (lengths if ids else numbers)(getattr(self, name))

    def known_rows(self, rows: Rows) -> np.ndarray | None:
        """Which rows these are, if that is known."""
        if rows == "all":
            return np.array(True)
        sample = numbers(self.sample)
        if sample is None:
            return None
        sample = sample.astype(bool)  # No rows have no dtype.
        return sample if rows == "sampling" else ~sample

    def _check_contradiction(self, option: Option, rule: Contradiction) -> None:
        one, other = self.known(option.name), self.known(rule.other)
        counts = self.known_rows(rule.rows)
        if one is None or other is None or counts is None:
            return
        try:
            one, other, counts = np.broadcast_arrays(one, other, counts)
        except ValueError:
            return  # Different numbers of rows: `check_rows` says so.
        bad = rule.broken(one, other) & counts
        for row in np.flatnonzero(np.atleast_1d(bad))[:1]:
            values = (np.atleast_1d(value)[row] for value in (one, other))
            raise ValueError(
                f"{rule.expected(option)}. Received: "
                + rule.received(option).format(*values)
                + (f" in row {row}" if bad.ndim else "")
            )


if GenerationOptions.__doc__:
    GenerationOptions.__doc__ = GenerationOptions.__doc__.replace(
        "{options}",
        "\n        ".join(
            f"{option.name}: {option.doc} (default: {option.shown_default()})."
            for option in OPTIONS.values()
        ),
    )
