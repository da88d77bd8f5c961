"""Steps from tokens: rows of a table are what the cell makes of the embeddings."""

import keras
import numpy as np
import pytest
from keras import ops, tree
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.decoder import token_steps

CELLS = {
    "lstm": lambda: keras.layers.LSTMCell(6),
    "gru": lambda: keras.layers.GRUCell(6),
    "gru, reset before": lambda: keras.layers.GRUCell(6, reset_after=False),
    "any": lambda: keras.layers.SimpleRNNCell(6),
    "stacked": lambda: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(6), keras.layers.GRUCell(6)]
    ),
}
DECODERS = [
    ("lstm", {"order": "bahdanau"}),
    ("gru", {"order": "bahdanau", "readout": "maxout", "context_gate": "both"}),
    ("gru, reset before", {"order": "luong"}),
    ("any", {"order": "luong", "input_feeding": False, "readout": "maxout"}),
    ("stacked", {"order": "conditional", "readout": "maxout"}),
    ("stacked", {"order": "gnmt"}),
]


def model(cell, **decoder):
    keras.utils.set_random_seed(3)
    return ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(CELLS[cell](), ka.BahdanauAttention(5), **decoder),
        source_vocabulary_size=9,
        target_vocabulary_size=11,
        embedding_dim=7,
    )


SOURCE = np.array([[5, 4, 6, 2], [7, 2, 0, 0], [3, 8, 2, 0]], "int32")
IDS = np.array([1, 10, 0], "int32")


@pytest.mark.parametrize("cell, decoder", DECODERS, ids=str)
def test_a_step_from_tokens_is_a_step_from_their_embeddings(cell, decoder):
    built = model(cell, **decoder)
    memory, state, _ = built.encode(SOURCE)
    embedding = built.target_embedding
    plain = built.decoder.stepper(memory)
    from_tokens = token_steps.token_stepper(built.decoder, embedding, memory)
    expected, received = plain(embedding(IDS), state), from_tokens(IDS, state)
    tree.assert_same_structure(expected, received)
    for a, b in zip(tree.flatten(expected), tree.flatten(received), strict=True):
        assert_allclose(ops.convert_to_numpy(b), ops.convert_to_numpy(a), atol=1e-6)


@pytest.mark.parametrize("few", [0, 11])
def test_new_weights_are_noticed(monkeypatch, few):
    monkeypatch.setattr(token_steps, "FEW_TOKENS", few)
    built, options = model("lstm"), ka.GenerationOptions(max_length=6)
    before = built.generate(SOURCE, options)
    weights = [w * np.float32(-1.5) + np.float32(0.1) for w in built.get_weights()]
    built.set_weights(weights)
    after = built.generate(SOURCE, options)
    other = model("lstm")
    other.set_weights(weights)
    expected = other.generate(SOURCE, options)
    assert not np.allclose(before.log_probs, after.log_probs)
    assert np.array_equal(after.ids, expected.ids)
    assert_allclose(after.log_probs, expected.log_probs, rtol=1e-5)


def test_the_same_answers_with_and_without_a_table(monkeypatch):
    options = ka.GenerationOptions(max_length=8)
    with_table = model("gru", order="luong").generate(SOURCE, options)
    monkeypatch.setattr(token_steps, "FEW_TOKENS", 0)
    without = model("gru", order="luong").generate(SOURCE, options)
    assert np.array_equal(with_table.ids, without.ids)
    assert_allclose(with_table.log_probs, without.log_probs, rtol=1e-5)
    assert_allclose(with_table.weights, without.weights, atol=1e-6)


@pytest.mark.tensorflow_only
def test_operations_of_a_greedy_step():
    """Constants, copies of names and reads of variables aside."""
    import tensorflow as tf

    built, options = model("lstm"), ka.GenerationOptions(max_length=8)
    graph = tf.function(
        lambda ids: built.generate(ids, options).ids,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
    ).get_concrete_function()
    functions = {
        f.signature.name: f for f in graph.graph.as_graph_def().library.function
    }
    free = {"Const", "Identity", "NoOp", "ReadVariableOp", "StatefulPartitionedCall"}

    def operations(name):
        nodes = functions[name].node_def
        called = [n.attr["f"].func.name for n in nodes if n.attr["f"].func.name]
        own = sum(node.op not in free for node in nodes)
        return own + sum(map(operations, called))

    bodies = [
        node.attr["body"].func.name
        for function in (
            graph.graph.as_graph_def().node,
            *(f.node_def for f in functions.values()),
        )
        for node in function
        if node.op in ("While", "StatelessWhile")
    ]
    assert max(map(operations, bodies)) <= 110
