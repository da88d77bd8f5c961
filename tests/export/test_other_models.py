"""Ensembles, shortlists and unknown words in a pipeline: saved, exported, served."""

import keras
import numpy as np
import pytest

import keras_attention as ka
import serving
from keras_attention.text import CharacterTokenizer
from serving.server import Server, ServerOptions
from tests.export.conftest import TEXTS
from tests.export.test_graph import assert_portable, graph_of
from tests.export.test_stepwise import check

pytestmark = pytest.mark.tensorflow_only

LETTERS = CharacterTokenizer.from_texts(["desserts stressed drawer"])
SIZE = LETTERS.vocabulary_size


def member(attention, seed, tie_embeddings=False, **decoder):
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(6, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(12), attention, **decoder),
        source_vocabulary_size=SIZE,
        target_vocabulary_size=SIZE,
        embedding_dim=5,
        name="model",
        tie_embeddings=tie_embeddings,
    )
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return model


def ensemble():
    options = {"tie_embeddings": True, "output_units": 5, "bridge": "mean_context"}
    second = member(ka.LuongAttention("general", num_heads=2), 5, **options)
    return ka.Ensemble([member(ka.BahdanauAttention(8), 1), second], [2, 1])


def shortlist():
    random = np.random.default_rng(2)
    table = random.integers(4, SIZE, size=(SIZE, 2))
    return ka.Shortlist(table, np.array([5]), SIZE)


MODELS = {
    "ensemble": ensemble,
    "restricted": lambda: shortlist().restrict(member(ka.BahdanauAttention(8), 1)),
    "restricted_ensemble": lambda: shortlist().restrict(ensemble()),
}


def assert_same(one, other):
    for field in ("text", "tokens", "source_tokens", "source_offsets"):
        assert list(getattr(one, field)) == list(getattr(other, field))
    np.testing.assert_allclose(one.log_prob, other.log_prob, rtol=1e-5)
    np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-5)


# What is written for unknown words; "" leaves them out.
LEXICON = {"s": "S!", "t": "", "ξ": "xi"}
# Members and a list of candidates in one model: each alone is a part of this.
ALL_IN_ONE = "restricted_ensemble"


@pytest.fixture(scope="module")
def pipelines():
    return {
        name: ka.TextToText(
            make(), LETTERS, LETTERS, LEXICON if name == ALL_IN_ONE else False
        )
        for name, make in MODELS.items()
    }


@pytest.fixture(scope="module")
def pipeline(pipelines):
    return pipelines[ALL_IN_ONE]


@pytest.fixture(scope="module")
def client(pipeline, tmp_path_factory):
    """The model, served."""
    folder = tmp_path_factory.mktemp("others") / "model"
    version = pipeline.export(folder)
    assert_portable(version)
    # Nothing is compiled whose shapes depend on values, as those of candidates do.
    assert "compiled_default" not in graph_of(version).signature_def
    options = ServerOptions(host="127.0.0.1", port=0, threads=4, poll_seconds=0)
    with Server({"model": folder}, options) as server:
        target = f"127.0.0.1:{server.port}"
        with serving.Client(target, model="model", timeout=120) as connected:
            yield connected


@pytest.mark.parametrize("name", MODELS)
def test_saved_with_the_pipeline(pipelines, name, tmp_path):
    pipelines[name].save(tmp_path / "pipeline")
    again = ka.TextToText.load(tmp_path / "pipeline")
    wanted = pipelines[name].predict(TEXTS)
    assert len({prediction.text for prediction in wanted}) > 2
    for one, other in zip(again.predict(TEXTS, batch_size=2), wanted, strict=True):
        assert_same(one, other)


@pytest.mark.slow
def test_served(pipeline, client):
    answers = client.align(TEXTS)
    for one, other in zip(answers, pipeline.predict(TEXTS), strict=True):
        assert_same(one, other)
    assert client.align([]) == []


def test_searched(pipeline, client):
    options = {"beam_size": [4, 1, 3, 2, 4, 5, 1], "length_penalty": 0.6}
    wanted = pipeline.predict(TEXTS, ka.GenerationOptions(**options))
    for one, other in zip(client.align(TEXTS, options), wanted, strict=True):
        assert_same(one, other)


def test_one_step_at_a_time(client):
    # The memory holds the lists of candidates, and a step chooses among them.
    check(client, TEXTS)


def test_unknown_words_are_replaced(pipeline, client):
    texts = ["ξένος", "star", "", "stressed ñ"]
    prefix = ["<unk> d <unk>", "<unk>", "<unk> <unk>", "r <unk>"]
    ids = [LETTERS.ids(one.split()).numpy().tolist() for one in prefix]
    options = {"beam_size": 2, "max_length": 8}
    answers = client.align(texts, options | {"prefix": prefix})
    wanted = pipeline.predict(texts, ka.GenerationOptions(prefix=ids, **options))
    plain = client.predict(texts, options | {"prefix": prefix})
    assert [answer.text for answer in plain] == [answer.text for answer in answers]
    for text, one, other in zip(texts, answers, wanted, strict=True):
        assert_same(one, other)
        written = ""
        for token, weights in zip(one.tokens, one.alignment, strict=True):
            if token == "<unk>":
                token = text[weights[:-1].argmax()] if text else "\ufffd"
                token = LEXICON.get(token, token)
            written += "" if token in ("<s>", "</s>") else token
        assert one.text == written
    assert len({answer.text for answer in answers}) == len(texts)
