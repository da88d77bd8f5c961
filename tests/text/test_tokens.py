"""Tokens to ids: the inverse of ids to tokens."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.text import CharacterTokenizer, WordTokenizer

pytestmark = pytest.mark.tensorflow_only

TOKENIZERS = [
    CharacterTokenizer([" ", "é", "\t", "a", "\u2581"]),
    WordTokenizer(["K", "AE1", "</s", "s>", "ξένος"], split="whitespace"),
    WordTokenizer([]),
]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_every_id_comes_back(tokenizer):
    ids = np.arange(tokenizer.vocabulary_size, dtype="int32")
    assert np.array_equal(tokenizer.ids(tokenizer.tokens(ids[None]))[0], ids)
    shaped = tokenizer.ids(tf.reshape(tokenizer.tokens(ids[None]), [-1, 1, 1]))
    assert shaped.dtype == tf.int32 and np.array_equal(shaped[:, 0, 0], ids)


def test_special_tokens_come_first():
    tokenizer = WordTokenizer(["</s>", "<unk>", "x"], split="whitespace")
    assert tokenizer.tokenize(["</s> <unk> x"]).numpy().tolist() == [[4, 5, 6, 2]]
    found = tokenizer.ids(["</s>", "<unk>", "x", "", "<s>"])
    assert found.numpy().tolist() == [2, 3, 6, 0, 1]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_what_is_not_there_is_unknown(tokenizer):
    tokens = ["nothing", "É", b"\xff", "é" + "a" * 99, "\ufffd"]
    assert tokenizer.ids(tokens).numpy().tolist() == [3] * 5
    assert tokenizer.ids(tf.constant([], tf.string)).shape == (0,)


def test_tokens_are_not_normalised():
    tokenizer = CharacterTokenizer(["é"], lowercase=True)
    assert tokenizer.ids(["é", "É", "e\u0301"]).numpy().tolist() == [4, 3, 3]
