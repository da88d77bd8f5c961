"""Batches: little padding, every row once an epoch, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_attention.text import CharacterTokenizer, batches, encode

pytestmark = pytest.mark.tensorflow_only

ROWS = 6400


def sequences(number=ROWS):
    """Sides whose first id names the row, of log-normal lengths that go together."""
    random = np.random.default_rng(4)
    source = random.lognormal(3.0, 0.55, number)
    target = source * random.lognormal(0.0, 0.1, number)
    sides = []
    for lengths in (source, target):
        rows = []
        for name, length in enumerate(np.maximum(lengths.round(), 2).astype(int)):
            row = np.full(length, 3, np.int32)
            row[0], row[-1] = name + 10, 2
            rows.append(row)
        sides.append(rows)
    return sides


def epoch(dataset):
    return [
        (inputs["source_ids"], inputs["target_ids"], labels)
        for inputs, labels in dataset.as_numpy_iterator()
    ]


def names(found):
    return [row for source, _, _ in found for row in (source[:, 0] - 10).tolist()]


def useful(found):
    arrays = [array for source, _, labels in found for array in (source, labels)]
    return sum((a != 0).sum() for a in arrays) / sum(a.size for a in arrays)


@pytest.fixture(scope="module")
def two_epochs():
    dataset = batches(*sequences(), batch_size=64)
    return epoch(dataset), epoch(dataset)


def test_most_of_a_batch_is_not_padding(two_epochs):
    for found in two_epochs:
        assert useful(found) >= 0.84
    # What the pools are for: without them two thirds are padding.
    assert useful(epoch(batches(*sequences(640), batch_size=64, pool=1))) < 0.4


def test_every_row_once_an_epoch(two_epochs):
    for found in two_epochs:
        assert sorted(names(found)) == list(range(ROWS))
        assert len(found) == ROWS // 64


def test_another_order_in_every_epoch(two_epochs):
    first, second = two_epochs
    assert names(first) != names(second)
    # Other batches too, not only the same ones in another order.
    companies = [{frozenset(names([b])) for b in found} for found in two_epochs]
    assert len(companies[0] & companies[1]) < len(first) // 10
    widths = [source.shape[1] for source, _, _ in first]
    assert widths != sorted(widths)


def test_the_seed_decides(two_epochs):
    def orders(seed):
        dataset = batches(*sequences(300), batch_size=16, pool=5, seed=seed)
        return [names(epoch(dataset)) for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1)[0] != orders(2)[0]


def test_without_shuffling_sorted_and_always_the_same():
    source, target = sequences(200)
    dataset = batches(source, target, batch_size=32, shuffle=False)
    first, second = names(epoch(dataset)), names(epoch(dataset))
    assert first == second
    assert sorted(first) == list(range(200))
    lengths = [(len(source[row]), len(target[row])) for row in first]
    assert lengths == sorted(lengths)


def test_inputs_are_labels_moved_by_one():
    source, target = sequences(100)
    for ids, inputs, labels in epoch(batches(source, target, batch_size=8)):
        assert ids.dtype == inputs.dtype == labels.dtype == np.int32
        for name, one, shifted, label in zip(
            names([(ids, inputs, labels)]), ids, inputs, labels, strict=True
        ):
            wanted = target[name]
            size = len(wanted)
            assert np.array_equal(one[: len(source[name])], source[name])
            assert not one[len(source[name]) :].any()
            assert np.array_equal(label[:size], wanted)
            assert not label[size:].any()
            assert shifted[0] == 1
            assert np.array_equal(shifted[1:size], wanted[:-1])
            assert not shifted[size:].any()


def test_tokens_per_batch():
    source, target = sequences(500)
    found = epoch(batches(source, target, batch_size=50, tokens_per_batch=600, pool=4))
    assert sorted(names(found)) == list(range(500))
    sizes = Counter()
    for ids, _, labels in found:
        rows, tokens = len(ids), ids.size + labels.size
        assert rows <= 50
        assert rows == 1 or tokens <= 600
        sizes[rows] += 1
    assert len(sizes) > 2


def test_a_row_longer_than_the_bound_is_a_batch_of_its_own():
    rows = [np.array([5, 2]), np.array([6] * 40 + [2]), np.array([7, 2])]
    found = epoch(batches(rows, rows, tokens_per_batch=20, shuffle=False))
    assert [len(ids) for ids, _, _ in found] == [2, 1]


def test_number_of_batches_is_known():
    source, target = sequences(70)
    assert batches(source, target, batch_size=32).cardinality().numpy() == 3
    assert epoch(batches([], [])) == []


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("tokens", [None, 90])
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(rows=st.integers(0, 60), size=st.integers(1, 9), replicas=st.integers(1, 5))
def test_replicas_share_every_batch_but_what_is_left(
    shuffle, tokens, rows, size, replicas
):
    assume(replicas <= size and (replicas <= rows or not rows))
    source, target = sequences(rows)
    dataset = batches(
        source, target, size, tokens, pool=2, shuffle=shuffle, replicas=replicas
    )
    for _ in range(2):
        found = epoch(dataset)
        assert sorted(names(found)) == list(range(rows))
        sizes = [len(ids) for ids, _, _ in found]
        left = sizes.pop() if rows % replicas else 0
        assert left == rows % replicas
        assert not any(number % replicas for number in sizes)
        assert max(sizes, default=0) <= size
        if tokens is None:
            assert dataset.cardinality().numpy() == len(found)
            assert len(sizes) == -(-(rows - left) // (size - size % replicas))
        else:
            for ids, _, labels in found:
                assert len(ids) <= replicas or ids.size + labels.size <= tokens
    if not shuffle:
        lengths = [(len(source[row]), len(target[row])) for row in names(found)]
        assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (9, {"batch_size": 3, "replicas": 4}, "`batch_size`.*at least 4.*Received: 3"),
        (2, {"replicas": 3}, "`source_ids`.*at least 3 rows. Received: 2"),
        (2, {"replicas": 0}, "replicas=0"),
    ],
)
def test_fewer_rows_than_replicas(rows, arguments, message):
    with pytest.raises(ValueError, match=message):
        batches(*sequences(rows), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"pool": 0}, "pool=0"),
        ({"tokens_per_batch": -1}, "tokens_per_batch=-1"),
    ],
)
def test_wrong_arguments(arguments, message):
    rows = [np.array([2])]
    with pytest.raises(ValueError, match=message):
        batches(rows, rows, **arguments)


def test_sides_of_different_number():
    with pytest.raises(ValueError, match="Received: 1 and 2"):
        batches([np.array([2])] * 2, [np.array([2])])


def test_encode():
    letters = CharacterTokenizer(["a", "b"])
    texts = ["ab" * (row % 5) for row in range(1500)] + ["?", b"\xff"]
    found = encode(letters, iter(texts))
    assert [row.tolist() for row in found[:3]] == [[2], [4, 5, 2], [4, 5, 4, 5, 2]]
    assert [len(row) for row in found[:-2]] == [2 * (r % 5) + 1 for r in range(1500)]
    assert [row.tolist() for row in found[-2:]] == [[3, 2], [3, 2]]
    assert {row.dtype for row in found} == {np.dtype("int32")}
    assert encode(letters, []) == []
