"""Models trained on JAX and on torch, exported and served by TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_attention as ka
import serving
from keras_attention.text import CharacterTokenizer

pytestmark = pytest.mark.tensorflow_only

LETTERS = "abcd"
PAIRS = [(a + b + c, c + b + a) for a in LETTERS for b in LETTERS for c in LETTERS]
TEXTS = ["abc", "ddd", "", "bad", "cabd", "a?"]


def main(path):
    """Train and save on any backend; write what it then answers as JSON."""
    keras.utils.set_random_seed(3)
    letters = CharacterTokenizer(list(LETTERS))
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(8, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(16), ka.BahdanauAttention(8)),
        source_vocabulary_size=letters.vocabulary_size,
        target_vocabulary_size=letters.vocabulary_size,
        embedding_dim=8,
    )
    model.compile(keras.optimizers.Adam(0.02), ka.losses.MaskedCrossentropy())
    pipeline = ka.TextToText(model, letters, letters)
    model.fit(pipeline.dataset(PAIRS, batch_size=32), epochs=30, verbose=0)
    pipeline.save(path)
    rows = pipeline.encode(TEXTS)
    ids = np.zeros((len(rows), max(map(len, rows))), "int32")
    for padded, row in zip(ids, rows, strict=True):
        padded[: len(row)] = row
    found = model.generate(ids)
    refusals = []
    for refused in (
        lambda: pipeline.predict(TEXTS),
        lambda: pipeline.score(TEXTS, TEXTS),
        lambda: pipeline.export(Path(path).parent / "never"),
    ):
        try:
            refused()
        except ValueError as error:
            refusals.append(str(error))
    answers = {
        "ids": keras.ops.convert_to_numpy(found.ids).tolist(),
        "lengths": keras.ops.convert_to_numpy(found.lengths).tolist(),
        "log_probs": keras.ops.convert_to_numpy(found.log_probs).tolist(),
        "refusals": refusals,
    }
    json.dump(answers, sys.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_served_answers_are_those_of_the_backend_that_trained(backend, tmp_path):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "reverse.keras_attention"
    trained = subprocess.run(
        [sys.executable, "-m", "tests.text.test_other_backends", path],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr[-3000:]
    expected = json.loads(trained.stdout)
    assert [message.split("`")[1] for message in expected["refusals"]] == [
        f"TextToText.{method}" for method in ("predict", "score", "export")
    ]
    for message in expected["refusals"]:
        assert message.endswith(f"Received: {backend}")
    assert not (tmp_path / "never").exists()

    pipeline = ka.TextToText.load(path)
    version = pipeline.export(tmp_path / "reverse")
    from serving.server import Server, ServerOptions

    options = ServerOptions(host="127.0.0.1", port=0, threads=1, poll_seconds=0)
    with (
        Server({"reverse": version.parent}, options) as server,
        serving.Client(f"127.0.0.1:{server.port}", model="reverse") as client,
    ):
        answers = client.align(TEXTS)
    vocabulary = pipeline.target_tokenizer
    for place, answer in enumerate(answers):
        ids = expected["ids"][place][: expected["lengths"][place]]
        tokens = vocabulary.tokens(np.array([ids], "int32")).numpy()[0]
        assert answer.tokens == [token.decode() for token in tokens]
        log_prob = expected["log_probs"][place]
        assert answer.log_prob == pytest.approx(log_prob, rel=0, abs=1e-5)
    assert [answer.text for answer in answers[:2]] == ["cba", "ddd"]


if __name__ == "__main__":
    main(sys.argv[1])
