"""How many steps an export takes, counted in TensorFlow's own session."""

import contextlib
import re

import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from tests.export.conftest import TEXTS

pytestmark = pytest.mark.tensorflow_only

ROWS = range(len(TEXTS))
# Every row is cut off at a limit of its own.
GREEDY = {"max_length": [14, 2, 7, 5, 9, 3, 11]}
# No token comes twice, and each row has fewer that are left: it ends by itself.
BEAM = {
    "max_length": [4096] * len(TEXTS),
    "beam_size": [3, 1, 2, 4, 1, 2, 5],
    "length_penalty": [0.0, 0.0, 0.6, 1.0, 0.0, 0.3, 0.0],
    "no_repeat_ngram": [1] * len(TEXTS),
    "banned_tokens": ["", "d e", "s t a r", "d e s r t", "a w", "d e s r t a w", "t"],
}


@pytest.fixture(scope="module")
def ask(version):
    """Asks for the answers to some rows; says how often each decoder step was run."""
    rewriting = tf.compat.v1.ConfigProto()
    # Optimising takes longer than these few requests.
    rewriting.graph_options.rewrite_options.disable_meta_optimizer = True
    graph = tf.Graph()
    with contextlib.closing(
        tf.compat.v1.Session(config=rewriting, graph=graph)
    ) as session:
        with graph.as_default():
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(version))
        signature = loaded.signature_def["align_with_options"]

        def ask(rows, **options):
            feeds = {
                signature.inputs[name].name: tf.make_ndarray(value)
                for name, value in signature.defaults.items()
            }
            feeds[signature.inputs["text"].name] = [TEXTS[row] for row in rows]
            for name, values in options.items():
                feeds[signature.inputs[name].name] = [values[row] for row in rows]
            recorded = tf.compat.v1.RunMetadata()
            found = session.run(
                {name: info.name for name, info in signature.outputs.items()},
                feeds,
                tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE),
                recorded,
            )
            return found, _decoder_steps(recorded)

        yield ask


def _decoder_steps(recorded):
    """How often the output layer was computed."""
    return sum(
        re.search(r"/output_layer(_\d+)?/BiasAdd$", node.node_name) is not None
        for device in recorded.step_stats.dev_stats
        for node in device.node_stats
    )


@pytest.mark.parametrize("options", [GREEDY, BEAM], ids=["greedy", "beam"])
def test_as_many_as_the_longest_row_needs(pipeline, ask, options):
    found, steps = ask(ROWS, **options)
    alone = [ask([row], **options)[1] for row in ROWS]
    assert steps == max(alone) < 15
    assert len(set(alone)) > 3
    # Without those who take longest, the others take no longer than they need.
    few = [row for row in ROWS if alone[row] < max(alone)]
    assert ask(few, **options)[1] == max(alone[row] for row in few)
    # Every step that was run has a column.
    assert found["tokens"].shape[1] == found["alignment"].shape[1] == steps
    generation = pipeline.model.generate(
        pipeline.source_tokenizer.tokenize(TEXTS),
        ka.GenerationOptions(**options | _ids(pipeline, options)),
    )
    assert int(generation.steps_run) == steps
    assert np.array_equal(found["length"], generation.lengths)


def _ids(pipeline, options):
    lists = [tokens.split() for tokens in options.get("banned_tokens", [])]
    ids = [pipeline.target_tokenizer.ids(tokens).numpy().tolist() for tokens in lists]
    return {"banned_tokens": ids} if ids else {}
