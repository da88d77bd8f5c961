"""A tiny text-to-text model, exported once."""

import keras
import numpy as np
import pytest

import keras_attention as ka
import serving
from keras_attention.text import CharacterTokenizer
from serving.server import Server, ServerOptions

TEXTS = [
    "star",
    "",
    "drawer",
    "stressed desserts",
    "ξένος",
    "🙂 rats",
    "e\u0301t\u00e9",
]


@pytest.fixture(scope="session")
def pipeline():
    keras.utils.set_random_seed(3)
    letters = CharacterTokenizer.from_texts(["desserts stressed drawer"])
    size = letters.vocabulary_size
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(6, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(12), ka.BahdanauAttention(8)),
        source_vocabulary_size=size,
        target_vocabulary_size=size,
        embedding_dim=5,
    )
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return ka.TextToText(model, letters, letters)


@pytest.fixture(scope="session")
def version(pipeline, tmp_path_factory):
    return pipeline.export(tmp_path_factory.mktemp("models") / "letters")


@pytest.fixture(scope="session")
def target(version):
    """Where the model is served, in this process."""
    options = ServerOptions(host="127.0.0.1", port=0, threads=4, poll_seconds=0)
    with Server({"letters": version.parent}, options) as running:
        yield f"127.0.0.1:{running.port}"


@pytest.fixture(scope="session")
def client(target):
    with serving.Client(target, model="letters", timeout=120) as connected:
        yield connected
