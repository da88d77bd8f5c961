"""Ensembles and shortlists in a pipeline: saved, exported, asked over gRPC."""

import keras
import numpy as np
import pytest

import keras_attention as ka
import serving
from keras_attention.text import CharacterTokenizer
from serving.embedded import Server, ServerOptions
from tests.export.conftest import TEXTS
from tests.export.test_graph import assert_portable

pytestmark = pytest.mark.tensorflow_only

LETTERS = CharacterTokenizer.from_texts(["desserts stressed drawer"])
SIZE = LETTERS.vocabulary_size


def member(attention, seed):
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(6, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(12), attention),
        source_vocabulary_size=SIZE,
        target_vocabulary_size=SIZE,
        embedding_dim=5,
        name="model",
    )
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return model


def ensemble():
    second = member(ka.LuongAttention("general", num_heads=2), 5)
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


@pytest.fixture(scope="module")
def pipelines():
    return {
        name: ka.TextToText(make(), LETTERS, LETTERS) for name, make in MODELS.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_saved_with_the_pipeline(pipelines, name, tmp_path):
    pipelines[name].save(tmp_path / "pipeline")
    again = ka.TextToText.load(tmp_path / "pipeline")
    wanted = pipelines[name].predict(TEXTS)
    assert len({prediction.text for prediction in wanted}) > 2
    for one, other in zip(again.predict(TEXTS, batch_size=2), wanted, strict=True):
        assert_same(one, other)


def test_served(pipelines, tmp_path):
    # Members and a list of candidates in one model: each alone is a part of this.
    name = "restricted_ensemble"
    assert_portable(pipelines[name].export(tmp_path / name))
    options = ServerOptions(host="127.0.0.1", port=0, threads=4, poll_seconds=0)
    with Server({name: tmp_path / name}, options) as server:
        target = f"127.0.0.1:{server.port}"
        with serving.Client(target, model=name, timeout=60) as client:
            answers = client.align(TEXTS)
            assert client.align([]) == []
    for one, other in zip(answers, pipelines[name].predict(TEXTS), strict=True):
        assert_same(one, other)
