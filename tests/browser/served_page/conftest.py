"""A server with the page, and a real browser that looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.server import RestOptions, Server, ServerOptions
from serving.server.options import METRICS_PATH

#: Letters of the model; all others are unknown to it.
KNOWN = "desrtawi \u05e9\u05dc\u05d5\u05dd\U0001f642e\u0301"
LARGEST_BODY = 1 << 16


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """A model that aligns, and one of somebody else's."""
    import tensorflow as tf

    from keras_attention.text import CharacterTokenizer
    from tests.tiny_pipeline import tiny_pipeline

    folder = tmp_path_factory.mktemp("models")
    letters = CharacterTokenizer(list(dict.fromkeys(KNOWN)))
    tiny_pipeline(letters).export(folder / "letters", compiled=False)

    module = tf.Module()
    module.echo = tf.function(
        lambda text: {"text": tf.identity(text), "size": tf.strings.length(text)},
        input_signature=[tf.TensorSpec([None], tf.string, "text")],
    )
    tf.saved_model.save(module, str(folder / "echo" / "1"), signatures=module.echo)
    return {"letters": folder / "letters", "echo": folder / "echo"}


@pytest.fixture(scope="session")
def serve(models):
    """Makes a server of these models on a port."""

    def make(port: int) -> Server:
        rest = RestOptions(
            port=port,
            threads=4,
            page=True,
            metrics_path=METRICS_PATH,
            max_body_bytes=LARGEST_BODY,
        )
        options = ServerOptions(
            host="127.0.0.1",
            port=0,
            threads=4,
            poll_seconds=0,
            warmup_iterations=0,  # A stop would wait for those of all signatures.
            rest=rest,
        )
        return Server(models, options)

    return make


@pytest.fixture(scope="session")
def served(serve):
    """A running server."""
    with serve(0) as running:
        yield running


@pytest.fixture
def open_page(browser):
    """Opens the page of a server in a window of its own; complaints fail the test."""
    contexts, complaints = [], []

    def open_one(server: Server, view: str = "", **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complain(message))
        page.goto(f"http://127.0.0.1:{server.rest_port}/{view}")
        page.wait_for_selector("#controls input", state="attached")
        return page

    def complain(message) -> None:
        # The browser itself reports every answer that is no success.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def page(open_page, served):
    """The page, with the model that aligns."""
    opened = open_page(served)
    choose(opened, "letters")
    return opened


def choose(page, model: str) -> None:
    """Chooses a model by its name."""
    page.select_option("#model", model)


def types(page, text: str) -> dict:
    """Puts a text in; returns what ``align`` answered once it is all there to see."""

    def asks_align(response) -> bool:
        sent = response.request.post_data_json or {}
        return sent.get("signature_name") == "align_with_options" and (
            sent["inputs"]["text"] == [text]
        )

    with page.expect_response(asks_align) as waited:
        page.fill("#text", text)
    found = {name: row[0] for name, row in waited.value.json()["outputs"].items()}
    page.wait_for_function(
        """([text, count]) => document.getElementById("source").textContent === text
        && document.getElementById("tokens").children.length === count
        && document.querySelectorAll("#answers li").length""",
        arg=[text, found["length"]],
    )
    return found
