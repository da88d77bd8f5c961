"""Whatever bytes come, every row has an answer, and it is valid UTF-8."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.text.texts import (
    AWKWARD,
    KINDS,
    KINDS_AND_FORMS,
    quick,
    rows,
    texts,
    tokenize,
)

pytestmark = pytest.mark.tensorflow_only

junk = st.lists(st.binary(max_size=12) | texts.map(str.encode), max_size=5)


def assert_sound(kind, batch, **arguments):
    function, tokenizer = tokenize(kind, **arguments)
    result = function(tf.constant(batch, tf.string))
    ids, lengths = result.ids.numpy(), result.length.numpy()
    assert len(ids) == len(batch)
    assert ids.shape[1] == max(lengths, default=1) >= 1
    assert ids.dtype == lengths.dtype == np.int32
    for row, size in zip(ids, lengths, strict=True):
        assert row[size - 1] == 2
        assert not row[size:].any()
        assert not set(row[: size - 1]) & {0, 1, 2}
        assert row.max(initial=0) < tokenizer.vocabulary_size
    for found, text in zip(rows(result), batch, strict=True):
        for token, start, end in found:
            assert token.decode()
            assert 0 <= start < end <= len(text)
    outputs = tokenizer.detokenize(ids).numpy()
    assert len(outputs) == len(batch)
    for text in outputs:
        text.decode()
    return result


@pytest.mark.parametrize(("kind", "form"), KINDS_AND_FORMS)
@quick
@given(batch=junk)
def test_junk(kind, form, batch):
    assert_sound(kind, batch, normalization=form)


@pytest.mark.parametrize(("kind", "form"), KINDS_AND_FORMS)
def test_awkward_texts_do_not_depend_on_their_company(kind, form):
    together = assert_sound(kind, AWKWARD, normalization=form)
    for row, text in enumerate(AWKWARD):
        alone = assert_sound(kind, [text], normalization=form)
        size = int(alone.length[0])
        for one, many in zip(alone, together, strict=True):
            one, many = one.numpy()[0], many.numpy()[row]
            if one.ndim:
                assert not any(many[size:])
                many = many[:size]
            assert np.array_equal(one, many)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_not_utf_8_are_unknown(kind):
    result = assert_sound(kind, [b"a \xff"])
    assert result.ids.numpy()[0, -2] == 3
    assert result.tokens.numpy()[0, -2] == "\ufffd".encode()


@pytest.mark.parametrize("text", [b"a" * 200_000, b"\xff" * 200_000, b"a " * 100_000])
@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_are_cut(kind, text):
    result = assert_sound(kind, [text, b"a"])
    assert result.ids.shape[1] <= 1024
    assert result.length.numpy()[1] == 2
    # The end symbol stands at the end of the text, not of what was read.
    assert result.end.numpy()[0, result.length.numpy()[0] - 1] == len(text)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(batch=junk)
def test_max_length_keeps_the_beginning(kind, batch):
    cut = assert_sound(kind, batch, max_length=3)
    assert cut.ids.shape[1] <= 3
    whole = assert_sound(kind, batch)
    assert rows(cut) == [found[:2] for found in rows(whole)]


@pytest.mark.parametrize("kind", KINDS)
def test_max_length_of_the_end_alone(kind):
    ids = KINDS[kind](["a"], max_length=1).tokenize(["a a", "", "a"])
    assert ids.numpy().tolist() == [[2], [2], [2]]


@pytest.mark.parametrize("wrong", ["a", [["a"]], [["a", "b"], ["c", "d"]]])
@pytest.mark.parametrize("kind", KINDS)
def test_only_rank_1(kind, wrong):
    _, tokenizer = tokenize(kind)
    errors = (ValueError, tf.errors.InvalidArgumentError)
    with pytest.raises(errors, match="[Ss]hape"):
        tokenizer.tokenize_with_offsets(tf.constant(wrong))


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_only_rank_1_where_a_graph_does_not_know_it(kind):
    _, tokenizer = tokenize(kind)
    anything = tf.function(
        tokenizer.tokenize_with_offsets, [tf.TensorSpec(None, tf.string)]
    )
    for shape in ([], [2, 1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="shape"):
            anything(tf.fill(shape, "a"))


@pytest.mark.parametrize("kind", KINDS)
def test_ids_out_of_range_are_unknown(kind):
    _, tokenizer = tokenize(kind)
    ids = [[tokenizer.vocabulary_size, 2**31 - 1, 3, 2, 4, 0]]
    assert tokenizer.tokens(ids).numpy()[0].tolist() == [
        *[b"<unk>"] * 3,
        b"</s>",
        b"a",
        b"",
    ]
    separator = getattr(tokenizer, "separator", "")
    text = tokenizer.detokenize(ids).numpy()[0].decode()
    assert text == separator.join(["\ufffd"] * 3)
