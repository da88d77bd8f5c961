"""Measures against numbers worked out by hand, and their intervals."""

import pytest

from keras_attention.recipes.evaluation import edits
from keras_attention.recipes.measures import better, measure, with_interval

pytestmark = pytest.mark.tensorflow_only

# One symbol alone is no list of its letters.
ACCEPTED = [["K AE T", "K AA T"], ["D AO G"], ["AH"], ["B ER D"]]
WRITTEN = ["K AA T", "D AO", "AH", "B ER T"]


@pytest.mark.parametrize(
    "name, value", [("wer", 50), ("accuracy", 50), ("per", 100 * 2 / 10)]
)
def test_values(name, value):
    assert measure(name, ACCEPTED, WRITTEN).value == pytest.approx(value)


def test_bleu_is_sacrebleu_s():
    sacrebleu = pytest.importorskip("sacrebleu")
    references = [["the cat sat on the mat"], ["a dog barks", "the dog barks"]]
    written = ["the cat sat on a mat", "the dog barks"]
    figure = measure("bleu", references, written)
    streams = [["the cat sat on the mat", "a dog barks"], [None, "the dog barks"]]
    assert figure.value == sacrebleu.corpus_bleu(written, streams).score
    assert "tok:13a" in figure.signature
    assert measure("chrf", references, references[0] + ["a dog barks"]).value == 100


@pytest.mark.parametrize("name", ["wer", "per", "accuracy"])
def test_the_interval_is_that_of_a_share(name):
    accepted = [["a b"]] * 400
    written = ["a b"] * 300 + ["a c"] * 100
    low, high = with_interval(name, accepted, written).interval
    value = measure(name, accepted, written).value
    # 1.96 standard deviations of a share of a quarter over 400 items, in per cent.
    width = 1.96 * 100 * (0.25 * 0.75 / 400) ** 0.5 / (2 if name == "per" else 1)
    assert low == pytest.approx(value - width, abs=0.15 * width + 0.2)
    assert high == pytest.approx(value + width, abs=0.15 * width + 0.2)


def test_what_is_better():
    assert better("wer", 10, 11) and not better("wer", 11, 11)
    assert better("bleu", 11, 10) and better("bleu", 0, None)


@pytest.mark.parametrize(
    "reference, written, expected",
    [
        ("abc", "abc", []),
        ("abc", "axc", [("b", "x")]),
        ("", "ab", [("", "a"), ("", "b")]),
        ("ab", "", [("a", ""), ("b", "")]),
    ],
)
def test_edits(reference, written, expected):
    assert edits(reference, written) == expected
