"""Calibration against loops, and what the charts draw."""

import math

import numpy as np
import pytest

from keras_attention.metrics import calibration
from keras_attention.visualize import plot_calibration, plot_error_by_length


def test_calibration_is_the_mean_gap_of_the_bins():
    random = np.random.default_rng(0)
    probabilities = random.random(300)
    right = random.random(300) < probabilities**2
    found = calibration(np.log(probabilities), right, bins=7)
    error = 0.0
    for place in range(7):
        held = [
            (p, good)
            for p, good in zip(probabilities, right, strict=True)
            if place / 7 < p <= (place + 1) / 7
        ]
        mean, share = np.mean(held, axis=0)
        assert found.counts[place] == len(held)
        assert found.confidence[place] == pytest.approx(mean)
        assert found.accuracy[place] == pytest.approx(share)
        error += len(held) / 300 * abs(mean - share)
    assert found.error == pytest.approx(error)
    axes = plot_calibration(found)
    assert [bar.get_height() for bar in axes.patches] == found.accuracy.tolist()


def test_certain_tokens_and_empty_bins():
    found = calibration([0.0, -math.inf, 1e-6], [True, False, True])
    assert found.error == pytest.approx(0, abs=1e-5)
    assert found.counts.tolist() == [1, *[0] * 8, 2]
    assert np.isnan(found.accuracy[1:9]).all()
    assert len(plot_calibration(found).patches) == 2


@pytest.mark.parametrize(
    "log_probs, right", [([], []), ([0.0], [True, False]), ([1.0], [True])]
)
def test_what_are_no_log_probabilities_is_refused(log_probs, right):
    with pytest.raises(ValueError, match="`log_probs` and `right`.*Received"):
        calibration(log_probs, right)


def test_errors_by_length_in_order():
    axes = plot_error_by_length({"one": {10: 0.5, 2: 0.1}, "two": {2: 1.0}})
    assert axes.lines[0].get_xdata().tolist() == [2, 10]
    assert axes.lines[0].get_ydata().tolist() == [10, 50]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
