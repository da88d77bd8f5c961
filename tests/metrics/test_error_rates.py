"""Error rates: known distances, the metric's laws, several references."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.metrics.error_rates import (
    edit_distance,
    sequence_error_rate,
    token_error_rate,
)

words = st.text(alphabet="abc", max_size=7)


def recursive_distance(first, second):
    """The definition, without the table that the package keeps."""

    @functools.cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        if first[i - 1] == second[j - 1]:
            return distance(i - 1, j - 1)
        return 1 + min(distance(i - 1, j), distance(i, j - 1), distance(i - 1, j - 1))

    return distance(len(first), len(second))


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("intention", "execution", 5),
        ("saturday", "sunday", 3),
        (["K", "AE", "T"], ["K", "AH", "T", "S"], 2),
        ([1, 2, 3], [3, 2, 1], 2),
    ],
)
def test_known_distances(first, second, expected):
    assert edit_distance(first, second) == expected


@given(words, words)
def test_distance_is_the_recursive_definition(first, second):
    assert edit_distance(first, second) == recursive_distance(first, second)


@given(words, words, words)
def test_distance_is_a_metric(a, b, c):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_any_listed_reference_counts():
    references = [[["AH"], ["EY"]], [["DH", "AH"], ["DH", "IY"]], [["AE", "N"]]]
    hypotheses = [["EY"], ["DH", "AH"], ["AH", "N"]]
    assert sequence_error_rate(references, hypotheses) == pytest.approx(1 / 3)
    assert token_error_rate(references, hypotheses) == pytest.approx(1 / 5)


def test_nearest_reference_sets_edits_and_length():
    # One edit to either reference: the longer one divides.
    assert token_error_rate([["ab", "abcd"]], ["abc"]) == pytest.approx(1 / 4)
    # Fewer edits win over greater length.
    assert token_error_rate([["ab", "abcdef"]], ["abc"]) == pytest.approx(1 / 2)


def test_rate_can_exceed_one():
    assert token_error_rate([["a"]], ["bcd"]) == 3.0


def test_tuples_and_lists_are_equal_sequences():
    assert sequence_error_rate([[("a", "b")]], [["a", "b"]]) == 0.0


@pytest.mark.parametrize("rate", [sequence_error_rate, token_error_rate])
class TestErrors:
    def test_flat_references(self, rate):
        with pytest.raises(TypeError, match=r"references\[1\]='cat'"):
            rate([["dog"], "cat"], ["dog", "cat"])

    def test_item_without_reference(self, rate):
        with pytest.raises(ValueError, match=r"references\[0\]=\[\]"):
            rate([[]], ["dog"])

    def test_numbers_differ(self, rate):
        with pytest.raises(ValueError, match="2 and 1 entries"):
            rate([["dog"], ["cat"]], ["dog"])

    def test_nothing(self, rate):
        with pytest.raises(ValueError, match="0 and 0 entries"):
            rate([], [])


def test_only_empty_references():
    with pytest.raises(ValueError, match="at least one token"):
        token_error_rate([[""]], ["a"])
