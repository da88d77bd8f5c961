"""Numbers of an alignment: how sharp, how monotonic, how much of the source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

Link = tuple[int, int]


class AlignmentNumbers(NamedTuple):
    r"""Numbers of weights $a$ `[T, S]`; nan where there is nothing to measure.

    Attributes:
        entropy: $-\frac{1}{T} \sum_{t,s} a_{ts} \ln a_{ts}$ in nats, each row divided
            by its sum first: 0 looks at one token, $\ln S$ at all alike (Ghader & Monz
            2017, arXiv 1710.03348).
        focus: The mean over rows of the largest weight, as weighted: near 1 where each
            target token looks at one source token (after the focus rate of Ren et al.
            2019, arXiv 1905.09263).
        monotonicity: The share of steps at which the expected position
            $\sum_s s \, a_{ts} / \sum_s a_{ts}$ does not go back (Rios et al. 2021,
            arXiv 2104.03945).
        coverage_deviation: $\frac{1}{S} \sum_s \ln(1 + (1 - \sum_t a_{ts})^2)$: 0 where
            each source token gets 1 in all (Rikters & Fishel 2017, arXiv 1710.03743).
    """

    entropy: float
    focus: float
    monotonicity: float
    coverage_deviation: float


def alignment_numbers(weights: Any) -> AlignmentNumbers:
    """Numbers of one alignment. Rows without weight count in the coverage alone.

    Args:
        weights: Attention weights `[T, S]`, not negative; their rows need not sum to
            one (sigmoid, hard, local-p).

    Raises:
        ValueError: `weights` is no matrix, or has a negative or infinite weight.

    Example:

    >>> found = alignment_numbers([[1.0, 0.0], [0.5, 0.5]])
    >>> found.entropy, found.focus, found.monotonicity
    (0.35, 0.75, 1.0)
    """
    weights = np.asarray(weights, "float64")
    if weights.ndim != 2 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            "`weights` must be a matrix [T, S] of one sequence and one head, finite "
            f"and not negative. Received: weights of shape {weights.shape}"
        )
    sums = weights.sum(axis=1, keepdims=True)  # [T, 1]
    kept = weights[sums[:, 0] > 0]  # [T', S]
    shares = kept / sums[sums[:, 0] > 0]
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    places = shares @ np.arange(weights.shape[1])  # [T']
    deviation = np.log1p((1 - weights.sum(axis=0)) ** 2)  # [S]
    return AlignmentNumbers(
        abs(_mean(-(shares * logs).sum(axis=1))),
        _mean(kept.max(axis=1, initial=0)),
        # One of float64's roundings is no step back.
        _mean(np.diff(places) > -1e-9),
        _mean(deviation),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def links(weights: Any) -> set[Link]:
    """The links of weights `[T, S]`: each target token's most weighted source token.

    Returns:
        Pairs of a source and a target position. A row without weight has no link.

    Example:

    >>> sorted(links([[0.1, 0.9], [0.8, 0.2], [0.0, 0.0]]))
    [(0, 1), (1, 0)]
    """
    weights = np.asarray(weights)
    return {
        (int(row.argmax()), target) for target, row in enumerate(weights) if row.any()
    }


def alignment_error_rate(
    found: Iterable[Link], sure: Iterable[Link], possible: Iterable[Link] = ()
) -> float:
    r"""AER of links against gold ones: 0 is right, 1 shares nothing.

    $$ 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}, \quad S \subseteq P $$

    Args:
        found: Pairs of a source and a target position, as of `links`. For many
            sentences, triples with the number of the sentence in front.
        sure: The gold links that have to be found.
        possible: Further gold links, which may be found.

    Raises:
        ValueError: There is no link at all.

    References:
        Och & Ney 2003, "A Systematic Comparison of Various Statistical Alignment
        Models", section 5.1.

    Example:

    >>> alignment_error_rate({(0, 0), (1, 2)}, sure={(0, 0)}, possible={(1, 1)})
    0.33
    """
    found, sure = set(found), set(sure)
    allowed = sure | set(possible)
    if not found and not sure:
        raise ValueError(
            "`found` and `sure` must hold a link. Expected: pairs of positions. "
            "Received: none in either"
        )
    return 1 - (len(found & sure) + len(found & allowed)) / (len(found) + len(sure))
