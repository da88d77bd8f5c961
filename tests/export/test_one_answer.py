"""The same question, asked in every way that there is, has one answer."""

import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from tests.export.conftest import TEXTS
from tests.export.test_graph import graph_of

pytestmark = pytest.mark.tensorflow_only

BEAM = {
    "beam_size": 4,
    "length_penalty": [0.0, 0.6, 1.0, 0.2, 0.0, 2.0, 0.6],
    "coverage_penalty": [0.0, 0.2, 0.0, 0.4, 0.0, 0.1, 0.0],
    "max_length": 12,
}


@pytest.fixture(scope="module")
def exported(version):
    """Asks the export in Python; what is not given has its default."""
    loaded = tf.saved_model.load(str(version))
    defaults = graph_of(version).signature_def["align_with_options"].defaults

    def ask(**given):
        inputs = {name: tf.make_ndarray(value) for name, value in defaults.items()}
        for name, value in given.items():
            inputs[name] = np.atleast_1d(value).astype(inputs[name].dtype)
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return loaded.signatures["align_with_options"](
            text=tf.constant(TEXTS), **tensors
        )

    return ask


@pytest.mark.slow
def test_graph_xla_export_and_server_agree(pipeline, exported, client):
    source = pipeline.source_tokenizer.tokenize(TEXTS)
    options = ka.GenerationOptions(**BEAM)
    compiled = tf.function(
        lambda ids: pipeline.model.generate(ids, options), jit_compile=True
    )
    generations = {
        "graph": pipeline.model.generate(source, options),
        "XLA": compiled(source),
    }
    loaded = exported(**BEAM)
    answers = client.align(TEXTS, BEAM)
    for row, answer in enumerate(answers):
        length, width = len(answer.tokens), len(answer.source_tokens)
        ways = {
            "export": (
                [token.decode() for token in loaded["tokens"][row, :length].numpy()],
                int(loaded["length"][row]),
                float(loaded["log_prob"][row]),
                loaded["alignment"][row, :length, :width],
            )
        }
        for way, found in generations.items():
            ids = found.ids[row, :length]
            tokens = pipeline.target_tokenizer.tokens(ids[tf.newaxis])[0].numpy()
            ways[way] = (
                [token.decode() for token in tokens],
                int(found.lengths[row]),
                float(found.log_probs[row]),
                found.weights[row, :length, :width],
            )
        for way, (tokens, count, log_prob, weights) in ways.items():
            assert (tokens, count) == (answer.tokens, length), way
            assert log_prob == pytest.approx(answer.log_prob, rel=1e-5), way
            np.testing.assert_allclose(
                weights, answer.alignment, atol=1e-5, err_msg=way
            )
    assert len({answer.text for answer in answers}) > 4
