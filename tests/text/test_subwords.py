"""Subwords of SentencePiece: sound for any bytes, with spans in the text as given."""

import io
import pickle
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import keras_attention as ka
from keras_attention.text import SubwordTokenizer
from tests.export.session import Version
from tests.text.texts import AWKWARD, any_text, quick, rows

pytestmark = pytest.mark.tensorflow_only

WORDS = ("low", "lower", "lowest", "new", "newer", "wide", "é", "schön")
LEARNED = [" ".join(WORDS[place:] + WORDS[:place]) for place in range(len(WORDS))]
SPACE = "\u2581"
_tokenizer = SubwordTokenizer.from_texts(LEARNED, max_size=40)
_tokenize = tf.function(
    _tokenizer.tokenize_with_offsets, [tf.TensorSpec([None], tf.string)]
)


def tokenized(texts):
    return _tokenize(tf.constant(texts, tf.string, [len(texts)]))


@quick
@given(batch=st.lists(st.binary(max_size=12) | any_text.map(str.encode), max_size=5))
def test_any_bytes(batch):
    result = tokenized(batch)
    ids, lengths = result.ids.numpy(), result.length.numpy()
    assert ids.shape == (len(batch), max(lengths, default=1))
    for row, size in zip(ids, lengths, strict=True):
        assert row[size - 1] == 2
        assert not row[size:].any()
        assert not set(row[: size - 1]) & {0, 1, 2}
        assert row.max() < _tokenizer.vocabulary_size
    for found, text in zip(rows(result), batch, strict=True):
        ends = [0, *(end for _, _, end in found)]
        assert ends == sorted(ends)
        assert ends[-1] <= len(text)
        assert all(start <= end for _, start, end in found)
    for text in _tokenizer.detokenize(ids).numpy():
        text.decode()


def test_a_text_does_not_depend_on_its_company():
    together = tokenized(AWKWARD).ids.numpy()
    for row, text in zip(together, AWKWARD, strict=True):
        alone = tokenized([text]).ids.numpy()[0]
        assert np.array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()


@quick
@given(words=st.lists(st.sampled_from(WORDS), max_size=6))
def test_there_and_back_with_spans(words):
    text = "  ".join(words)
    result = tokenized([text.encode()])
    assert _tokenizer.detokenize(result.ids).numpy()[0].decode() == " ".join(words)
    (found,) = rows(result)
    for token, start, end in found:
        said = text.encode()[start:end].decode()
        assert token.decode().strip(SPACE) == said.strip()


def test_unknown_characters_keep_their_span_and_can_be_replaced():
    text = "low 東京"
    result = tokenized([text.encode()])
    (found,) = rows(result)
    token, start, end = found[-1]
    assert token.decode() == text.encode()[start:end].decode() == "東京"
    assert result.ids.numpy()[0, len(found) - 1] == 3
    written = _tokenizer.detokenize(result.ids, unknown=result.tokens)
    assert written.numpy()[0].decode() == text
    assert _tokenizer.detokenize(result.ids).numpy()[0].decode() == "low \ufffd"


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_configuration_and_pickle_give_the_same_ids(kind):
    made = SubwordTokenizer.from_texts(LEARNED, max_size=30, model_type=kind)
    wanted = made.tokenize(LEARNED).numpy()
    for again in (
        SubwordTokenizer.from_config(made.get_config()),
        pickle.loads(pickle.dumps(made)),
    ):
        assert np.array_equal(again.tokenize(LEARNED).numpy(), wanted)


def test_another_seed_forgets_no_model():
    wanted = _tokenizer.tokenize(LEARNED).numpy()
    tf.random.set_seed(3)  # drops every kernel that ran eagerly
    assert np.array_equal(_tokenizer.tokenize(LEARNED).numpy(), wanted)
    assert np.array_equal(tokenized(LEARNED).ids.numpy(), wanted)


def test_case_folds_and_long_texts_are_cut():
    made = SubwordTokenizer.from_texts(LEARNED, 30, lowercase=True, max_length=3)
    assert np.array_equal(made.tokenize(["LOW"]), made.tokenize(["low"]))
    assert made.tokenize(["low " * 100_000]).shape == (1, 3)


@pytest.fixture(scope="module")
def pipeline():
    target = SubwordTokenizer.from_texts(["abc", "cab", "bca"], max_size=9)
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(keras.layers.LSTMCell(4), ka.BahdanauAttention(4)),
        source_vocabulary_size=_tokenizer.vocabulary_size,
        target_vocabulary_size=target.vocabulary_size,
        embedding_dim=3,
    )
    return ka.TextToText(model, _tokenizer, target)


def test_a_pipeline_with_two_of_them_is_saved(pipeline, tmp_path):
    pipeline.save(tmp_path / "two.keras_attention")
    again = ka.TextToText.load(tmp_path / "two.keras_attention")
    found, wanted = again.predict(LEARNED), pipeline.predict(LEARNED)
    assert [one.tokens for one in found] == [one.tokens for one in wanted]
    assert [one.source_offsets for one in found] == [
        one.source_offsets for one in wanted
    ]


@pytest.mark.slow
def test_a_pipeline_with_two_of_them_is_served(pipeline, tmp_path):
    version = Version(pipeline.export(tmp_path / "two", compiled=False))
    texts = [*(text.encode() for text in LEARNED), *AWKWARD]
    served = version.ask("align", text=np.array(texts, object))
    wanted = pipeline.predict(LEARNED)
    assert [text.decode() for text in served["text"][: len(LEARNED)]] == [
        one.text for one in wanted
    ]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": b"no model"}, "must be a serialised SentencePiece model"),
        ({"model": 3}, "must be a serialised SentencePiece model"),
        ({"model": "bm8="}, "must be a serialised SentencePiece model"),
        ({"model": _tokenizer.model, "max_length": 0}, "`max_length`"),
    ],
)
def test_what_is_no_model_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SubwordTokenizer(**arguments)


def test_a_model_with_other_special_ids_is_refused():
    import sentencepiece

    learned = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LEARNED), model_writer=learned, vocab_size=20
    )
    with pytest.raises(ValueError, match="ids 0 to 3. Expected: ids 1 to 3"):
        SubwordTokenizer(learned.getvalue())


@pytest.mark.parametrize("texts, size", [([], 30), ([""], 30), (LEARNED, 3)])
def test_too_little_to_learn_from_is_refused(texts, size):
    with pytest.raises(ValueError, match="SentencePiece learns nothing"):
        SubwordTokenizer.from_texts(texts, size)
    with pytest.raises(TypeError, match="list of strings"):
        SubwordTokenizer.from_texts("one string")


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"sentencepiece.*seq2seq\[tensorflow\]"):
        SubwordTokenizer.from_texts(["a b"])
