"""A tiny text-to-text model, exported once."""

import pytest

import serving
from keras_attention.text import CharacterTokenizer
from serving.server import Server, ServerOptions
from tests.tiny_pipeline import tiny_pipeline

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
    return tiny_pipeline(CharacterTokenizer.from_texts(["desserts stressed drawer"]))


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
