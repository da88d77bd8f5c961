"""Numbers of alignments against loops written from the papers."""

import math

import numpy as np
import pytest

from alignment_report import alignment_error_rate, alignment_numbers, links


def by_hand(weights):
    targets, sources = len(weights), len(weights[0])
    rows = [row for row in weights if sum(row)]
    entropies, places = [], []
    for row in rows:
        shares = [weight / sum(row) for weight in row]
        entropies.append(-sum(p * math.log(p) for p in shares if p))
        places.append(sum(place * p for place, p in enumerate(shares)))
    steps = [b >= a - 1e-9 for a, b in zip(places, places[1:], strict=False)]
    sums = [sum(weights[t][s] for t in range(targets)) for s in range(sources)]
    return (
        sum(entropies) / len(rows),
        sum(max(row) for row in rows) / len(rows),
        sum(steps) / len(steps),
        sum(math.log(1 + (1 - total) ** 2) for total in sums) / sources,
    )


@pytest.mark.parametrize("kind", ["softmax", "sparse", "sigmoid", "hard", "a zero row"])
def test_numbers_of_any_kind_of_weights(kind):
    weights = np.random.default_rng(0).random((5, 4))
    if kind == "softmax":
        weights /= weights.sum(axis=1, keepdims=True)
    if kind == "sparse":
        weights[weights < 0.5] = 0
        weights[:, 0] += 0.1
    if kind == "hard":
        weights = np.eye(4)[[0, 2, 2, 1, 3]]
    if kind == "a zero row":
        weights[2] = 0
    np.testing.assert_allclose(alignment_numbers(weights), by_hand(weights.tolist()))


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 0), (0, 0), (500, 500)])
def test_numbers_of_any_size(shape):
    found = alignment_numbers(np.zeros(shape))
    assert math.isnan(found.entropy) and math.isnan(found.monotonicity)
    assert math.isnan(found.coverage_deviation) == (shape[1] == 0)


@pytest.mark.parametrize("bad", [[1.0], [[-0.1]], [[math.nan]], [[math.inf]]])
def test_what_are_no_weights_is_refused(bad):
    with pytest.raises(ValueError, match=r"`weights` must be.* Received: "):
        alignment_numbers(bad)


def test_alignment_error_rate():
    # Och & Ney: recall of the sure ones, precision of the possible ones.
    found = links([[0.1, 0.7, 0.2], [0.0, 0.0, 0.0], [0.3, 0.3, 0.4]])
    assert found == {(1, 0), (2, 2)}
    assert alignment_error_rate(found, sure=found) == 0
    assert alignment_error_rate(found, {(0, 0)}) == 1
    # |A & S| = 1, |A & P| = 2, |A| = 2, |S| = 2
    rate = alignment_error_rate(found, {(1, 0), (0, 1)}, possible={(2, 2)})
    assert rate == pytest.approx(1 - 3 / 4)
    with pytest.raises(ValueError, match=r"must hold a link.*Received: none"):
        alignment_error_rate([], [])
