"""Offsets lead back to the bytes that a token came from."""

import itertools
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given

from tests.text.texts import KINDS, quick, rows, texts, tokenize

pytestmark = pytest.mark.tensorflow_only

FORMS = [None, "NFC", "NFKC", "NFD"]


def normalized(text, form):
    return text if form is None else unicodedata.normalize(form, text)


def tokens_of(kind, text, **arguments):
    function, _ = tokenize(kind, **arguments)
    data = text.encode()
    result = function(tf.constant([data]))
    (found,) = rows(result)
    size = result.length.numpy()[0]
    assert result.start.numpy()[0, size - 1] == len(data)
    assert result.end.numpy()[0, size - 1] == len(data)
    return data, found


@pytest.mark.parametrize("form", FORMS)
@quick
@given(text=texts)
def test_characters_are_those_of_the_normalised_text(form, text):
    _, found = tokens_of("characters", text, normalization=form)
    assert b"".join(token for token, _, _ in found) == normalized(text, form).encode()


@pytest.mark.parametrize("form", FORMS)
@quick
@given(text=texts)
def test_spans_of_characters_cut_the_text_into_pieces(form, text):
    """Tokens of one span are what normalisation makes of the bytes in it."""
    data, found = tokens_of("characters", text, normalization=form)
    place = 0
    for (start, end), group in itertools.groupby(found, key=lambda t: t[1:]):
        assert start == place < end
        made = b"".join(token for token, _, _ in group)
        assert made == normalized(data[start:end].decode(), form).encode()
        place = end
    assert place == len(data)


@pytest.mark.parametrize(
    ("kind", "form"),
    [("words", None), ("words", "NFC"), ("whitespace", "NFC"), ("whitespace", "NFKC")],
)
@quick
@given(text=texts)
def test_spans_of_words(form, kind, text):
    data, found = tokens_of(kind, text, normalization=form)
    for (_, start, end), (_, following, _) in itertools.pairwise(found):
        assert start < end
        # A character that falls apart into several words is the span of each.
        assert start <= following
    if form is None:
        assert [token for token, _, _ in found] == [data[s:e] for _, s, e in found]
    if kind == "whitespace":
        assert [token.decode() for token, _, _ in found] == normalized(
            text, form
        ).split()


@pytest.mark.parametrize("kind", KINDS)
def test_lower_case_keeps_the_spans(kind):
    text = "\u212bN\u0303 İ E\u0301t\u00c9 ΣΑΣ"
    _, plain = tokens_of(kind, text)
    _, lower = tokens_of(kind, text, lowercase=True)
    assert [spans[1:] for spans in plain] == [spans[1:] for spans in lower]
    joined = b"".join(token for token, _, _ in lower).decode()
    assert joined.replace(" ", "") == "åñiétéσασ"


@quick
@given(text=texts)
def test_lower_case_is_pythons_for_single_letters(text):
    _, found = tokens_of("characters", text, normalization=None, lowercase=True)
    assert [token.decode() for token, _, _ in found] == [c.lower()[0] for c in text]


def test_offsets_are_bytes_of_the_text_as_given():
    _, found = tokens_of("words", "Cafe\u0301, ﬁn", normalization="NFKC")
    assert found == [
        ("Café".encode(), 0, 6),
        (b",", 6, 7),
        (b"fin", 8, 12),
    ]
