"""What a signature does not return is not in its graph; what it must do is."""

import pytest
import tensorflow as tf

from keras_attention.export.postprocessing import finish
from tests.export.test_graph import graph_of

pytestmark = pytest.mark.tensorflow_only

NUMBERS = tf.TensorSpec([None], tf.int32, name="x")


@tf.function(input_signature=[NUMBERS])
def inner(x):
    checked = tf.debugging.Assert(tf.reduce_all(x > 0), ["not positive"])
    with tf.control_dependencies([checked]):
        first = x + 1

    def body(i, total):
        return i + 1, total + x

    _, second = tf.while_loop(
        lambda i, _: i < 3,
        body,
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )
    return {"first": first, "second": tf.bitwise.invert(second), "third": x * 7}


@tf.function(input_signature=[NUMBERS])
def shared(x):
    found = inner(x)
    either = tf.cond(
        tf.size(x) > 1,
        lambda: (tf.math.floormod(x, 3), x - 1),
        lambda: (tf.bitwise.bitwise_xor(x, 9), x - 2),
    )
    return {"a": found["second"], "b": either[0], "c": either[1], "d": found["third"]}


SIGNATURES = {
    "one": lambda x: {"out": shared(x)["c"] + 0},
    "two": lambda x: {"b": shared(x)["b"], "d": shared(x)["d"]},
    "all": lambda x: {name: value + 0 for name, value in shared(x).items()},
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("unused")
    root = tf.Module()
    functions = {
        name: tf.function(function, input_signature=[NUMBERS])
        for name, function in SIGNATURES.items()
    }
    root.functions = functions
    tf.saved_model.save(root, str(directory), signatures=functions)
    finish(directory)
    return directory


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.parametrize("x", [[4], [5, 6, 7]], ids=len)
def test_answers_and_effects_stay(saved, name, x):
    # In the session that servers run, and in Python.
    wanted = {
        k: v.numpy().tolist() for k, v in SIGNATURES[name](tf.constant(x)).items()
    }
    loaded = tf.saved_model.load(str(saved))
    found = loaded.signatures[name](x=tf.constant(x))
    assert {k: v.numpy().tolist() for k, v in found.items()} == wanted
    graph = tf.Graph()
    with tf.compat.v1.Session(graph=graph) as session:
        with graph.as_default():
            info = tf.compat.v1.saved_model.load(session, ["serve"], str(saved))
        signature = info.signature_def[name]
        outputs = {k: v.name for k, v in signature.outputs.items()}
        feed = signature.inputs["x"].name
        again = session.run(outputs, {feed: x})
        assert {k: v.tolist() for k, v in again.items()} == wanted
        # "one" and "two" use nothing of the function that checks but its check.
        with pytest.raises(tf.errors.InvalidArgumentError, match="not positive"):
            session.run(outputs, {feed: [-1, *x]})


def ops_of(meta_graph, signature):
    """Ops of a signature and of all that it calls."""
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    outputs = meta_graph.signature_def[signature].outputs.values()
    waiting = [nodes[info.name.split(":")[0]] for info in outputs]
    seen, ops = set(), set()
    while waiting:
        node = waiting.pop()
        ops.add(node.op)
        for value in node.attr.values():
            for called in (value.func, *value.list.func):
                if called.name and called.name not in seen:
                    seen.add(called.name)
                    waiting += functions[called.name].node_def
    return ops


def test_what_nobody_returns_is_gone(saved):
    graph = graph_of(saved)
    of_a, of_b = {"Invert", "StatelessWhile"}, {"FloorMod", "BitwiseXor"}
    assert of_a | of_b <= ops_of(graph, "all")
    assert not (of_a | of_b) & ops_of(graph, "one")
    assert of_b <= ops_of(graph, "two") and not of_a & ops_of(graph, "two")


def test_offsets_are_computed_where_they_are_returned(version):
    graph = graph_of(version)
    found = {
        name
        for name in graph.signature_def
        if "FindSourceOffsets" in ops_of(graph, name)
    } - {"__saved_model_init_op"}
    assert found == {"align", "align_with_options", "score", "encode"}
