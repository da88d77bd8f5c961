"""Calibration: whether what a model gives probability p to is right p of the time."""

from typing import Any, NamedTuple

import numpy as np


class Calibration(NamedTuple):
    r"""How probabilities compare with what was right, in bins $B_1, ..., B_M$.

    Attributes:
        edges: Of the bins `[M + 1]`, from 0 to 1.
        confidence: The mean probability in each bin `[M]`; nan where it is empty.
        accuracy: The share that was right in each `[M]`; nan where it is empty.
        counts: How many are in each `[M]`.
        error: The expected calibration error
            $\sum_m \frac{|B_m|}{N} \, |\mathrm{accuracy}_m - \mathrm{confidence}_m|$.
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def calibration(log_probs: Any, right: Any, bins: int = 10) -> Calibration:
    """How well log-probabilities say what is right.

    Args:
        log_probs: Natural logarithms `[N]` of the probabilities of what was chosen, of
            tokens (`ka.ScoredText.token_log_probs`) or of whole answers.
        right: Whether each was right `[N]`.
        bins: M, of equal width.

    Raises:
        ValueError: They are no two lists of one length with something in them, or a
            probability is above 1.

    References:
        Guo et al. 2017, arXiv 1706.04599, section 2; Naeini et al. 2015.

    Example:

    >>> found = calibration(np.log([0.9, 0.9, 0.2, 0.6]), [True, False, False, True])
    >>> found.error
    0.35
    """
    probabilities = np.exp(np.asarray(log_probs, "float64"))
    right = np.asarray(right, bool)
    # The sum of a float32 softmax may be a rounding above 1.
    if (
        probabilities.ndim != 1
        or probabilities.shape != right.shape
        or not right.size
        or not (probabilities <= 1 + 1e-5).all()
    ):
        raise ValueError(
            "`log_probs` and `right` must be two lists of one length, the first of "
            f"numbers up to 0. Received: shapes {probabilities.shape}, {right.shape}, "
            f"largest probability {probabilities.max(initial=0)}"
        )
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.ceil(probabilities * bins).astype(int) - 1, 0, bins - 1)  # [N]
    counts = np.bincount(bin_of, minlength=bins)  # [M]
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(bin_of, probabilities, bins) / counts
        accuracy = np.bincount(bin_of, right, bins) / counts
    gaps = np.where(counts > 0, np.abs(accuracy - confidence), 0)
    error = float(counts @ gaps / counts.sum())
    return Calibration(edges, confidence, accuracy, counts, error)
