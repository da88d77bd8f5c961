"""Text to ids and back, and a tokenizer to its configuration and back."""

import json
import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text import CharacterTokenizer, WordTokenizer
from tests.text.texts import KINDS, quick, texts

pytestmark = pytest.mark.tensorflow_only

_LETTERS = "abÅß ש한🙂\n.-</s>"
_PHONES = [
    "N",
    "AH0",
    "K",
    "AE1",
    "T",
    "ZH",
    "don't",
    "x.y",
    "é",
    "한",
    "</s>",
    "<unk>",
]

letters = CharacterTokenizer(sorted(set(_LETTERS)))
phones = WordTokenizer(_PHONES, split="whitespace")


def there_and_back(tokenizer, batch):
    ids = tokenizer.tokenize(tf.constant(batch, tf.string))
    return [text.decode() for text in tokenizer.detokenize(ids).numpy()]


@quick
@given(batch=st.lists(st.text(_LETTERS, max_size=20), max_size=4))
def test_known_characters_come_back(batch):
    wanted = [unicodedata.normalize("NFC", text) for text in batch]
    assert there_and_back(letters, batch) == wanted


@quick
@given(batch=st.lists(st.lists(st.sampled_from(_PHONES), max_size=8), max_size=4))
def test_known_words_come_back(batch):
    wanted = [" ".join(words) for words in batch]
    assert there_and_back(phones, wanted) == wanted


def test_phones():
    tokenizer = WordTokenizer.from_texts(["N AH0 K"], split="whitespace")
    assert there_and_back(tokenizer, ["N AH0 K", " K\tN\n"]) == ["N AH0 K", "K N"]


@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
@settings(quick, max_examples=12)
@given(batch=st.lists(texts, min_size=3, max_size=8))
def test_no_text_is_unknown_to_its_own_vocabulary(kind, batch):
    batch = [text.replace("\ufffd", "") for text in batch]
    tokenizer = kind.from_texts(batch)
    ids = tokenizer.tokenize(tf.constant(batch)).numpy()
    assert not (ids == 3).any()
    assert set(ids.ravel()) - {0, 2} == set(range(4, tokenizer.vocabulary_size))
    if kind is CharacterTokenizer:
        wanted = [unicodedata.normalize("NFC", text) for text in batch]
        assert there_and_back(tokenizer, batch) == wanted


def test_unknown_symbols():
    assert there_and_back(letters, ["a?b"]) == ["a\ufffdb"]
    assert there_and_back(phones, ["N x K"]) == ["N \ufffd K"]
    assert phones.tokenize(["N x K"]).numpy().tolist() == [[4, 3, 6, 2]]


def test_text_that_looks_special_is_ordinary():
    assert there_and_back(letters, ["</s>a"]) == ["</s>a"]
    assert phones.tokenize(["</s> <unk> <s>"]).numpy().tolist() == [[14, 15, 3, 2]]


def test_detokenize_stops_at_the_end_and_skips_what_is_silent():
    a, b = letters.tokenize(["ab"]).numpy()[0, :2]
    ids = [[1, a, 0, b, 2, a, b]]
    assert letters.detokenize(ids).numpy().tolist() == [b"ab"]
    assert letters.detokenize(np.zeros((0, 3), "int32")).shape == (0,)


def test_words_stand_apart_from_marks():
    tokenizer = WordTokenizer.from_texts(["don't: 3$ ok."], separator="_")
    assert there_and_back(tokenizer, ["don't: 3$"]) == ["don_'_t_:_3_$"]


def test_most_frequent_symbols_first():
    tokenizer = CharacterTokenizer.from_texts(["banana", "nab"], max_size=2)
    assert tokenizer.get_config()["vocabulary"] == ["a", "n"]
    tokenizer = CharacterTokenizer.from_texts(["banana", "nab"], min_count=2)
    assert tokenizer.get_config()["vocabulary"] == ["a", "n", "b"]
    tokenizer = WordTokenizer.from_texts(["b a", "a", "B"], lowercase=True)
    assert tokenizer.get_config()["vocabulary"] == ["a", "b"]


@pytest.mark.parametrize("form", [None, "NFC", "NFKC", "NFD"])
@pytest.mark.parametrize("kind", KINDS)
def test_configuration(kind, form):
    tokenizer = KINDS[kind](
        ["f", "a", "\u0301", *(["é"] if form != "NFD" else [])],
        normalization=form,
        lowercase=True,
        max_length=7,
    )
    stored = json.dumps(keras.saving.serialize_keras_object(tokenizer))
    again = keras.saving.deserialize_keras_object(json.loads(stored))
    assert type(again) is type(tokenizer)
    assert again.get_config() == tokenizer.get_config()
    batch = ["A\u0301 ﬁ a", "É.a", "a a a a a a a a a a"]
    for one, other in zip(
        tokenizer.tokenize_with_offsets(batch),
        again.tokenize_with_offsets(batch),
        strict=True,
    ):
        assert np.array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"vocabulary": ["a", "a"]}, ValueError, "different.*'a' at 1"),
        ({"vocabulary": [""]}, ValueError, "non-empty"),
        ({"vocabulary": ["\ud800"]}, ValueError, "UTF-8"),
        ({"vocabulary": [3]}, TypeError, "3 at 0"),
        ({"vocabulary": ["a"], "normalization": "NFX"}, ValueError, "'NFX'"),
        ({"vocabulary": ["a"], "max_length": 0}, ValueError, "max_length=0"),
        ({"vocabulary": ["a"], "max_length": 2.0}, ValueError, "max_length=2.0"),
    ],
)
@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
def test_wrong_arguments(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind(**arguments)


def test_wrong_arguments_of_one_kind():
    with pytest.raises(ValueError, match="single characters.*'ab'"):
        CharacterTokenizer(["ab"])
    with pytest.raises(ValueError, match="split='bytes'"):
        WordTokenizer(["ab"], split="bytes")
    with pytest.raises(ValueError, match="max_size=0"):
        WordTokenizer.from_texts(["ab"], max_size=0)
