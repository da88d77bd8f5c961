"""Copies by configuration: pickle, copy, another process."""

import copy
import multiprocessing
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from keras_attention.text import (
    CharacterTokenizer,
    FeatureTokenizer,
    UnknownWords,
    WordTokenizer,
)
from keras_attention.text.vocabulary import Vocabulary

pytestmark = pytest.mark.tensorflow_only

FEATURES = FeatureTokenizer(["a", "b", "\tN"], separator="|", normalization="NFD")
LETTERS = CharacterTokenizer(["a", "b", "é"], lowercase=True, max_length=9)
WORDS = WordTokenizer(["K", "AE", "T"], split="whitespace", separator="_")
OLD = CharacterTokenizer.from_config({"vocabulary": ["A", "a"], "lowercase": True})
TEXTS = ["ab", "", "É bad"]


@keras.saving.register_keras_serializable(package="tests")
class Reversed(CharacterTokenizer):
    """One of somebody's own, with an attribute."""

    def detokenize(self, ids, unknown=None):
        return super().detokenize(ids[:, ::-1], unknown)


def make_model():
    return ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(keras.layers.GRUCell(6), ka.BahdanauAttention(5)),
        source_vocabulary_size=LETTERS.vocabulary_size,
        target_vocabulary_size=WORDS.vocabulary_size,
        embedding_dim=4,
    )


def pickled(value):
    return pickle.loads(pickle.dumps(value))


WAYS = pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])


@WAYS
@pytest.mark.parametrize(
    "tokenizer", [LETTERS, WORDS, FEATURES, OLD, Reversed(["a", "b"])]
)
def test_tokenizers(tokenizer, copied):
    again = copied(tokenizer)
    assert type(again) is type(tokenizer)
    assert again.get_config() == tokenizer.get_config()
    for one, other in zip(
        tokenizer.tokenize_with_offsets(TEXTS),
        again.tokenize_with_offsets(TEXTS),
        strict=True,
    ):
        assert np.array_equal(one.numpy(), other.numpy())
    ids = np.array([[4, 3, 5, 2]])
    assert again.detokenize(ids).numpy() == tokenizer.detokenize(ids).numpy()


@WAYS
def test_vocabulary_and_unknown_words(copied):
    symbols = copied(Vocabulary(["x", "é"]))
    assert symbols.ids(tf.constant(["é", "?"])).numpy().tolist() == [5, 3]
    lexicon = {"x": "EX", "é": ""}
    assert copied(UnknownWords(lexicon)).get_config() == {"lexicon": lexicon}


@pytest.fixture(scope="module")
def pipeline():
    keras.utils.set_random_seed(2)
    model = make_model()
    model.compile("adam", loss=ka.losses.MaskedCrossentropy())
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(7)
    return ka.TextToText(model, LETTERS, WORDS, replace_unknown={"b": "T"})


def answers(pipeline, method="predict"):
    texts = (TEXTS, ["K"] * len(TEXTS)) if method == "score" else (TEXTS,)
    return [
        (answer.log_prob, answer.tokens, answer.alignment.tolist())
        for answer in getattr(pipeline, method)(*texts)
    ]


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
def test_pipelines(pipeline, copied):
    pipeline.predict(["a"])  # Graphs that there are do not stand in the way.
    again = copied(pipeline)
    assert again.model is not pipeline.model
    assert answers(again) == answers(pipeline)
    assert answers(again, "score") == answers(pipeline, "score")
    assert again.unknown_words.get_config() == {"lexicon": {"b": "T"}}
    assert int(again.model.optimizer.iterations) == 7
    assert isinstance(again.model.loss, ka.losses.MaskedCrossentropy)
    # What becomes of one is nothing to the other.
    again.model.output_layer.bias.assign_add([9.0, 0, 0, 0, 0, 0, 0])
    assert answers(copied(again)) != answers(pipeline)


def ensemble():
    return ka.Ensemble([make_model(), make_model()])


def restricted():
    table = np.full((LETTERS.vocabulary_size, 1), 4)
    return ka.Shortlist(table, np.array([5]), WORDS.vocabulary_size).restrict(
        make_model()
    )


@pytest.mark.parametrize("made", [ensemble, restricted])
def test_other_models(made):
    pipeline = ka.TextToText(made(), LETTERS, WORDS)
    assert answers(pickled(pipeline)) == answers(pipeline)


def test_another_process_gives_the_same_answers(pipeline):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(pipeline.predict, (TEXTS,))
        ids = pool.apply(LETTERS.ids, (["a", "é"],))
    assert ids.numpy().tolist() == [4, 6]
    for one, other in zip(found, pipeline.predict(TEXTS), strict=True):
        assert (one.text, one.log_prob) == (other.text, other.log_prob)
        assert np.array_equal(one.alignment, other.alignment)
