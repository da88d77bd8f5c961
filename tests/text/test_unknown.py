"""Unknown words, replaced by what was looked at."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.text import CharacterTokenizer, UnknownWords, WordTokenizer

pytestmark = pytest.mark.tensorflow_only

SOURCE = WordTokenizer(["the", "in"], split="whitespace")
TARGET = WordTokenizer(["le", "dans"], split="whitespace")
TEXTS = ["the Oslo in Xanten", "", "Oslo"]
LEXICON = {"Xanten": "Sainte Xanten", "in": "", "the": "le"}
IDS = np.array(
    [
        [3, 4, 3, 3, 2, 3],
        [3, 2, 0, 0, 0, 0],
        [5, 3, 3, 3, 3, 2],
    ]
)


def oracle(tokens, ids, weights, lexicon):
    """Word by word, from what the class says of itself."""
    words = []
    for number, row in zip(ids, weights, strict=True):
        if number == 2:
            break
        if number == 3 and not tokens:
            words.append("\ufffd")
        elif number == 3:
            best = max(range(len(tokens)), key=lambda s: row[s])
            words.append(lexicon.get(tokens[best], tokens[best]))
        elif number > 3:
            words.append(["le", "dans"][number - 4])
    return " ".join(word for word in words if word)


@pytest.mark.parametrize("lexicon", [None, {}, LEXICON])
def test_equals_the_oracle(lexicon):
    source = SOURCE.tokenize_with_offsets(TEXTS)
    weights = np.random.default_rng(0).random((3, 6, 5)).astype("float32")
    # Padding and the end symbol hold most of it, and are not taken.
    weights[:, :, 4] += 2
    unknown = UnknownWords(lexicon).replacements(source, tf.constant(weights))
    texts = TARGET.detokenize(IDS, unknown).numpy()
    wanted = [
        oracle(text.split(), ids, rows, lexicon or {})
        for text, ids, rows in zip(TEXTS, IDS.tolist(), weights, strict=True)
    ]
    assert [text.decode() for text in texts] == wanted
    assert wanted[1] == "\ufffd" and len(set(wanted)) == 3
    assert "Oslo" in wanted[0] and "Oslo Oslo" in wanted[2]


def test_the_first_of_equals_is_taken():
    source = CharacterTokenizer(["a"]).tokenize_with_offsets(["xyz"])
    unknown = UnknownWords().replacements(source, tf.fill([1, 2, 4], 0.25))
    assert unknown.numpy().tolist() == [[b"x", b"x"]]


def test_no_rows():
    source = SOURCE.tokenize_with_offsets(tf.constant([], tf.string))
    unknown = UnknownWords().replacements(source, tf.zeros([0, 3, 1]))
    assert unknown.shape == (0, 3)
    assert TARGET.detokenize(tf.zeros([0, 3], tf.int32), unknown).shape == (0,)


@pytest.mark.parametrize("lexicon", [None, LEXICON, {"class_name": "x", "config": "y"}])
def test_configuration(lexicon):
    words = UnknownWords(lexicon)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(words)
    )
    assert again.get_config() == words.get_config() == {"lexicon": lexicon or {}}
    assert list(again.get_config()["lexicon"]) == list(lexicon or {})


@pytest.mark.parametrize("lexicon", [["a"], {"a": 1}, {b"a": "b"}, "ab", 3])
def test_what_is_no_lexicon(lexicon):
    with pytest.raises(TypeError, match="map strings to strings. Received"):
        UnknownWords(lexicon)
