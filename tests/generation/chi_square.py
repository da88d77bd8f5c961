"""Pearson's chi-square test of counts against probabilities."""

import numpy as np


def assert_plausible(counts, probabilities, deviations=3.9):
    """Fails where counts this far off come once in 20000 draws, or rarer.

    The quantile is Wilson & Hilferty's (1931): the cube root of chi-square / df is
    nearly normal with mean ``1 - 2 / (9 df)`` and variance ``2 / (9 df)``.
    """
    counts, probabilities = np.asarray(counts), np.asarray(probabilities)
    possible = probabilities > 0
    assert (counts[~possible] == 0).all()
    expected = counts.sum() * probabilities[possible]
    assert expected.min() > 5, "too few draws for the test to mean anything"
    statistic = np.sum((counts[possible] - expected) ** 2 / expected)
    df = possible.sum() - 1
    spread = 2 / (9 * df)
    assert statistic < df * (1 - spread + deviations * np.sqrt(spread)) ** 3
