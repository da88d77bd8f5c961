"""Vocabularies and lexicons hold what texts can have, or are refused by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_attention as ka
from keras_attention.text import CharacterTokenizer, UnknownWords, WordTokenizer, encode
from tests.text.texts import quick, texts

pytestmark = pytest.mark.tensorflow_only

NFD = "e\u0301"


@pytest.mark.parametrize(
    ("kind", "vocabulary", "arguments", "message"),
    [
        (WordTokenizer, ["a", NFD], {}, f"Expected: 'é'. Received: '{NFD}' at 1"),
        (WordTokenizer, ["\u212b"], {}, "Expected: 'Å'. Received"),
        (WordTokenizer, ["ﬁn"], {"normalization": "NFKC"}, "Expected: 'fin'."),
        (WordTokenizer, ["the", "The"], {"lowercase": True}, "'the'.*'The' at 1"),
        (WordTokenizer, ["New York"], {}, "Expected: 'New', 'York'. Received"),
        (WordTokenizer, ["New York"], {"split": "whitespace"}, "Expected: 'New', 'Yo"),
        (WordTokenizer, ["don't"], {}, "Expected: 'don', \"'\", 't'. Received"),
        (WordTokenizer, [" a"], {}, "Expected: 'a'. Received: ' a' at 0"),
        (WordTokenizer, ["a", "\n"], {}, r"Expected: some text. Received: '\\n' at 1"),
        (CharacterTokenizer, ["\u212b"], {}, "Expected: 'Å'. Received"),
        (CharacterTokenizer, ["a", "É"], {"lowercase": True}, "'é'. Received: 'É' at"),
        (CharacterTokenizer, ["ﬁ"], {"normalization": "NFKC"}, "Expected: 'f', 'i'."),
        (CharacterTokenizer, [NFD], {"normalization": None}, "Expected: 'e', "),
    ],
)
def test_symbols_that_no_text_has(kind, vocabulary, arguments, message):
    with pytest.raises(ValueError, match=f"^`vocabulary` must hold single .*{message}"):
        kind(vocabulary, **arguments)
    # A file of an older version may have some: ids are places in the vocabulary.
    old = kind([], **arguments).get_config() | {"vocabulary": vocabulary}
    stored = {"class_name": f"keras_attention>{kind.__name__}", "config": old}
    assert keras.saving.deserialize_keras_object(stored).get_config() == old


@pytest.mark.parametrize(
    ("kind", "vocabulary", "arguments"),
    [
        (
            WordTokenizer,
            ["don't", "</s>", NFD],
            {"split": "whitespace", "normalization": None},
        ),
        (WordTokenizer, ["'", "The", "\u0301", "\ufffd"], {"split": "words"}),
        (WordTokenizer, ["x" * 999], {"max_length": 2}),
        (CharacterTokenizer, [" ", "\n", "\u0301", "É", "\x00"], {}),
        (CharacterTokenizer, "abc", {"max_length": 1}),
    ],
)
def test_symbols_that_texts_have(kind, vocabulary, arguments):
    assert kind(vocabulary, **arguments).vocabulary_size == 4 + len(vocabulary)


@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
@pytest.mark.parametrize("form", ["NFC", "NFKC", "NFD"])
@settings(quick, max_examples=8)
@given(batch=st.lists(texts, min_size=3, max_size=8))
def test_what_texts_have_is_never_refused(kind, form, batch):
    batch = [text.replace("\ufffd", "") for text in batch]
    arguments = {"normalization": form, "lowercase": True}
    tokenizer = kind.from_texts(batch, **arguments)
    again = kind.from_config(tokenizer.get_config())
    assert not (again.tokenize(batch).numpy() == 3).any()


@pytest.mark.parametrize("text", ["one string", b"one string"])
@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
def test_one_text_is_no_list_of_texts(kind, text):
    with pytest.raises(TypeError, match=r"`texts` must be a list.*write \[text\]"):
        kind.from_texts(text)
    with pytest.raises(TypeError, match=r"`texts` must be a list.*write \[text\]"):
        encode(kind([]), text)
    with pytest.raises(TypeError, match=r"`vocabulary` must be a list.*write \[text\]"):
        WordTokenizer(text)
    for wrong in ([3], ["a", None]):
        with pytest.raises(TypeError, match="`texts` must hold strings. Received"):
            kind.from_texts(wrong)
        with pytest.raises(TypeError, match="`texts` must hold strings. Received"):
            encode(kind([]), wrong)


def test_lists_of_every_kind():
    letters = CharacterTokenizer.from_texts(text for text in ("ab", b"a", "\ud800"))
    assert letters.get_config()["vocabulary"] == ["a", "b"]
    dataset = tf.data.Dataset.from_tensor_slices(["ab", "b"])
    for given_texts in (dataset, tf.constant(["ab", "b"]), np.array(["ab", "b"])):
        found = [row.tolist() for row in encode(letters, given_texts)]
        assert found == [[4, 5, 2], [5, 2]]
        assert CharacterTokenizer.from_texts(given_texts).vocabulary_size == 6


def make_model(source, target):
    return ka.Seq2Seq(
        ka.RecurrentEncoder(3),
        ka.AttentionDecoder(keras.layers.GRUCell(4), ka.BahdanauAttention(3)),
        source_vocabulary_size=source.vocabulary_size,
        target_vocabulary_size=target.vocabulary_size,
        embedding_dim=2,
    )


def test_lexicons_with_tokens_that_no_source_has(tmp_path):
    source = WordTokenizer(["é", "york"], lowercase=True)
    model = make_model(source, source)
    for key, wanted in (
        (NFD, "'é'"),
        ("York", "'york'"),
        ("new york", "'new', 'york'"),
        ("don't", "'don'"),
        (" ", "some text"),
    ):
        with pytest.raises(ValueError, match=f"^`replace_unknown`.*Expected: {wanted}"):
            ka.TextToText(model, source, source, replace_unknown={"ok": "", key: "x"})
    ka.TextToText(model, source, source, {"nowhere": "x", "'": "", "é": "y"})
    # One of an older file is kept.
    old = ka.TextToText(model, source, source, UnknownWords({"York": "x"}))
    old.save(tmp_path / "old")
    loaded = ka.TextToText.load(tmp_path / "old")
    assert loaded.unknown_words.get_config() == {"lexicon": {"York": "x"}}


@pytest.mark.parametrize("lexicon", [{"": "x"}, {"\ud800": "x"}])
def test_lexicons_with_strings_that_are_none(lexicon):
    with pytest.raises(ValueError, match="`lexicon` must hold .*Received"):
        UnknownWords(lexicon)
