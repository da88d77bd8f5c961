"""Lists of likely tokens: learned from attention or counts, kept, put on a model."""

import numpy as np
import pytest

import keras_attention as ka
from keras_attention.models.lexical_shortlist.expected_counts import expected_counts
from tests.generation import models
from tests.layers.gradients import to_numpy
from tests.reference import shortlists

ROWS, T = 6, 5


def batches(model_name="bahdanau", rows=ROWS, size=4):
    """Pairs as `model.fit` takes them, in batches of different widths."""
    random = np.random.default_rng(7)
    source = models.sources(rows)
    labels = random.integers(3, models.V, size=(rows, T)).astype("int32")
    lengths = 1 + np.arange(rows) % T
    labels[np.arange(rows), lengths - 1] = 2
    labels[np.arange(T) >= lengths[:, None]] = 0
    shifted = np.concatenate([np.ones((rows, 1), "int32"), labels[:, :-1]], axis=1)
    shifted[labels == 0] = 0
    for first in range(0, rows, size):
        here = slice(first, first + size)
        yield {"source_ids": source[here], "target_ids": shifted[here]}, labels[here]


def reference_counts(model):
    weights, sources, targets = [], [], []
    for inputs, labels in batches():
        found = to_numpy(model(inputs)["weights"])
        weights += list(found.mean(axis=1) if found.ndim == 4 else found)
        sources += list(inputs["source_ids"])
        targets += list(labels)
    return shortlists.counts(weights, sources, targets)


@pytest.mark.parametrize("name", ["bahdanau", "luong"])
def test_expected_counts_are_those_of_the_attention(name):
    model = models.model(name)
    wanted = reference_counts(model)
    found = expected_counts(model, batches())
    pairs = list(zip(*found, strict=True))
    assert len(pairs) == sum(len(row) for row in wanted.values()) > 20
    assert len({(s, t) for s, t, _ in pairs}) == len(pairs)
    for s, t, count in pairs:
        np.testing.assert_allclose(count, wanted[s][t], rtol=1e-4, atol=1e-6)
    # Every target token has one unit of attention to give.
    tokens = sum(int((labels != 0).sum()) for _, labels in batches())
    np.testing.assert_allclose(found.counts.sum(), tokens, rtol=1e-4)


@pytest.mark.parametrize("threshold", [0.0, 0.15])
def test_learned_lists_are_the_references(threshold):
    model = models.model("luong")
    wanted = reference_counts(model)
    for row in wanted.values():
        for special in (0, 1, 2):
            row.pop(special, None)
    learned = ka.Shortlist.learn(
        model, batches(), candidates=3, frequent=2, threshold=threshold
    )
    assert learned.table.shape == (models.V, 3)
    for token in range(models.V):
        best = shortlists.best(wanted, token, 3, threshold) if token in wanted else []
        row = learned.table[token]
        assert row.tolist() == best + [-1] * (3 - len(best))
    assert learned.frequent.tolist() == shortlists.frequent(wanted, 2)
    assert (learned.table[0] == -1).all()


def test_from_counts():
    shortlist = ka.Shortlist.from_counts(
        source_ids=[3, 3, 3, 5, 5, 3, 4],
        target_ids=[6, 4, 5, 4, 9, 6, 7],
        counts=[1, 2, 2, 0.5, 0, 2, 0],
        source_vocabulary_size=6,
        target_vocabulary_size=10,
        candidates=2,
        frequent=2,
    )
    # 6 has 1 + 2 counts; 4 and 5 have two each, and the lower id comes first.
    table = np.full((6, 2), -1)
    table[3], table[5, 0] = [6, 4], 4
    assert shortlist.table.tolist() == table.tolist()
    assert shortlist.frequent.tolist() == [6, 4]
    assert shortlist.target_vocabulary_size == 10
    assert "candidates=2" in repr(shortlist)


def test_counts_in_pieces_are_the_counts():
    random = np.random.default_rng(0)
    source, target = random.integers(20, size=(2, 5000))
    counts = random.uniform(size=5000)
    sizes = {"source_vocabulary_size": 20, "target_vocabulary_size": 20}
    whole = np.zeros((20, 20))
    np.add.at(whole, (source, target), counts)
    for given in (
        (source, target, counts),
        (*np.nonzero(whole), whole[np.nonzero(whole)]),
    ):
        shortlist = ka.Shortlist.from_counts(*given, **sizes, candidates=4, frequent=5)
        assert shortlist.table.tolist() == np.argsort(-whole, axis=1)[:, :4].tolist()
        assert shortlist.frequent.tolist() == np.argsort(-whole.sum(0))[:5].tolist()


def test_nothing_is_candidate_of_what_was_never_seen():
    shortlist = ka.Shortlist.from_counts(
        [], [], [], source_vocabulary_size=4, target_vocabulary_size=5, candidates=2
    )
    assert (shortlist.table == -1).all() and shortlist.frequent.shape == (0,)


def test_file(tmp_path):
    shortlist = ka.Shortlist(np.array([[3, -1], [4, 5]]), np.array([6]), 8)
    shortlist.save(tmp_path / "lists.npz")
    again = ka.Shortlist.load(tmp_path / "lists.npz")
    assert again.table.tolist() == [[3, -1], [4, 5]]
    assert again.frequent.tolist() == [6]
    assert again.target_vocabulary_size == 8


def test_coverage():
    table = np.full((6, 2), -1)
    table[3], table[4] = [5, 6], [7, -1]
    shortlist = ka.Shortlist(table, np.array([8]), 10)
    source = np.array([[3, 2, 0], [4, 2, 0]])
    labels = np.array([[5, 6, 8, 2], [5, 7, 2, 0]])
    # All but the 5 of the second row, of seven tokens that are no padding.
    assert shortlist.coverage([({"source_ids": source}, labels)]) == 6 / 7


SIZES = {"source_vocabulary_size": 5, "target_vocabulary_size": 6}
BAD = {
    "rank of the table": (
        lambda: ka.Shortlist(np.zeros(3, int), np.zeros(3, int), 5),
        ValueError,
        ["table", "rank 2", "(3,)"],
    ),
    "ids of the table": (
        lambda: ka.Shortlist(np.full((2, 2), 5), np.zeros(3, int), 5),
        ValueError,
        ["table", "below 5", "5"],
    ),
    "frequent ids": (
        lambda: ka.Shortlist(np.zeros((2, 2), int), np.array([-1]), 5),
        ValueError,
        ["frequent", "-1"],
    ),
    "floats": (
        lambda: ka.Shortlist(np.zeros((2, 2)), np.zeros(3, int), 5),
        TypeError,
        ["table", "float64"],
    ),
    "lengths of the counts": (
        lambda: ka.Shortlist.from_counts([1, 2], [1], [1], **SIZES),
        ValueError,
        ["as long as", "(2,)", "(1,)"],
    ),
    "source ids": (
        lambda: ka.Shortlist.from_counts([5], [1], [1], **SIZES),
        ValueError,
        ["source_ids", "below 5", "5"],
    ),
    "float ids": (
        lambda: ka.Shortlist.from_counts([1.5], [1], [1], **SIZES),
        TypeError,
        ["source_ids", "float64"],
    ),
    "target ids": (
        lambda: ka.Shortlist.from_counts([1], [-1], [1], **SIZES),
        ValueError,
        ["target_ids", "-1"],
    ),
    "negative counts": (
        lambda: ka.Shortlist.from_counts([1], [1], [-2], **SIZES),
        ValueError,
        ["counts", "-2"],
    ),
    "no number": (
        lambda: ka.Shortlist.from_counts([1], [1], [np.nan], **SIZES),
        ValueError,
        ["counts", "nan"],
    ),
    "candidates": (
        lambda: ka.Shortlist.from_counts([1], [1], [1], **SIZES, candidates=-1),
        ValueError,
        ["candidates", "-1"],
    ),
    "threshold": (
        lambda: ka.Shortlist.from_counts([1], [1], [1], **SIZES, threshold=2),
        ValueError,
        ["threshold", "2"],
    ),
    "no pairs": (
        lambda: ka.Shortlist.learn(models.model("luong"), []),
        ValueError,
        ["batches", "none"],
    ),
    "another source vocabulary": (
        lambda: ka.Shortlist(np.zeros((4, 1), int), np.array([3]), 11).restrict(
            models.model("luong")
        ),
        ValueError,
        ["table", "11", "4 rows"],
    ),
    "another target vocabulary": (
        lambda: ka.Shortlist(np.full((11, 1), 12), np.array([3]), 13).restrict(
            models.model("luong")
        ),
        ValueError,
        ["below 11", "12"],
    ),
    "no model": (
        lambda: ka.Shortlist(np.zeros((4, 1), int), np.array([3]), 11).restrict(3),
        TypeError,
        ["ka.Seq2Seq", "encode"],
    ),
    "restricted twice": (
        lambda: restricted().restrict(restricted().restrict(models.model("luong"))),
        TypeError,
        ["candidates"],
    ),
}


def restricted():
    return ka.Shortlist(np.zeros((models.V, 1), int), np.array([3]), models.V)


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    action, error, parts = BAD[name]
    with pytest.raises(error) as raised:
        action()
    for part in parts:
        assert part in str(raised.value), raised.value
