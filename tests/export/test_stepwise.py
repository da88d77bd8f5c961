"""A client that drives generation itself, one step at a time."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from keras_attention.export.step_signatures import Stepwise, filled, named
from keras_attention.pipeline.graphs import Graphs, Parts
from keras_attention.pipeline.source_inputs import SourceInputs
from keras_attention.text import CharacterTokenizer
from serving.errors import InvalidRequest
from tests.export.conftest import TEXTS
from tests.generation.models import CoveredScore

pytestmark = pytest.mark.tensorflow_only


def drive(ask, texts):
    """Greedy generation; ``ask(signature, inputs)`` gives arrays by name."""
    found = ask("encode", {"text": np.array([t.encode() for t in texts], object)})
    carried = {k: v for k, v in found.items() if k.startswith(("memory_", "state_"))}
    limits = 2 * found["source_length"] + 10
    tokens = [[] for _ in texts]
    log_probs, weights = np.zeros(len(texts)), [[] for _ in texts]
    previous = np.array(["<s>"] * len(texts), object)
    while True:
        step = ask("step", {"token": previous, **carried})
        carried |= {k: v for k, v in step.items() if k.startswith("state_")}
        going = False
        for row, token in enumerate(step["next_tokens"][:, 0]):
            if tokens[row][-1:] != ["</s>"] and len(tokens[row]) < limits[row]:
                tokens[row].append(token)
                weights[row].append(step["weights"][row])
                log_probs[row] += step["next_log_prob"][row, 0]
                going = True
        if not going:
            return tokens, log_probs, weights
        previous = step["next_tokens"][:, 0]


def check(client, texts):
    tokens, log_probs, weights = drive(lambda name, x: client.call(x, name), texts)
    aligned = client.align(texts)
    assert tokens == [row.tokens for row in aligned]
    np.testing.assert_allclose(log_probs, [row.log_prob for row in aligned], rtol=1e-5)
    for row, wanted in zip(weights, aligned, strict=True):
        width = len(wanted.source_tokens)
        np.testing.assert_allclose(
            np.array(row)[:, :width], wanted.alignment, atol=1e-5
        )
    plain = client.predict(texts)
    assert [row.text for row in plain] == [row.text for row in aligned]


def test_equals_the_greedy_answer(client):
    check(client, TEXTS)


def test_what_a_step_says(client, pipeline):
    found = client.call({"text": ["star", ""]}, "encode")
    assert found["source_tokens"][0].tolist() == [*"star", "</s>"]
    carried = {k: v for k, v in found.items() if k.startswith(("memory_", "state_"))}
    step = client.call({"token": ["<s>", "s"], **carried}, "step")
    size = pipeline.target_tokenizer.vocabulary_size
    assert step["log_prob"].shape == (2, size)
    np.testing.assert_allclose(np.exp(step["log_prob"]).sum(1), 1, rtol=1e-5)
    assert step["next_tokens"].shape == step["next_log_prob"].shape == (2, 10)
    ids = pipeline.target_tokenizer.ids(step["next_tokens"]).numpy()
    order = np.argsort(-step["log_prob"][:, 1:], axis=1)[:, :10] + 1
    assert np.array_equal(ids, order), "the best ones, without padding"
    np.testing.assert_allclose(
        step["next_log_prob"], np.take_along_axis(step["log_prob"], ids, 1)
    )
    assert step["weights"].shape == (2, 5) and not step["weights"][1, 1:].any()
    # Single rows say the same as rows together.
    one = {name: value[1:] for name, value in carried.items()}
    alone = client.call({"token": ["s"], **one}, "step")
    np.testing.assert_allclose(alone["log_prob"][0], step["log_prob"][1], rtol=1e-5)


def test_what_a_step_refuses(client):
    found = client.call({"text": ["star", ""]}, "encode")
    carried = {k: v for k, v in found.items() if k.startswith(("memory_", "state_"))}
    for token in ("é", "", "st"):
        with pytest.raises(
            InvalidRequest,
            match=f"`token` must be a token of the target vocabulary. "
            f"Received: `{token}` in row 1",
        ):
            client.call({"token": ["s", token], **carried}, "step")
    with pytest.raises(InvalidRequest, match="`memory_.*Expected: 1 rows. Received: 2"):
        client.call({"token": ["s"], **carried}, "step")
    with pytest.raises(InvalidRequest, match="input `state_cell_0_0` must have"):
        wrong = {"state_cell_0_0": np.zeros((2, 5), "f")}
        client.call({"token": ["s", "s"], **carried | wrong}, "step")


DECODERS = {
    "luong": lambda: ka.AttentionDecoder(
        keras.layers.StackedRNNCells(
            [keras.layers.LSTMCell(6), keras.layers.GRUCell(5)]
        ),
        ka.LuongAttention("concat", units=4),
    ),
    "heads": lambda: ka.AttentionDecoder(
        keras.layers.GRUCell(6), ka.BahdanauAttention(4, num_heads=2)
    ),
    "none": lambda: ka.AttentionDecoder(keras.layers.LSTMCell(6), None),
    "stateful": lambda: ka.AttentionDecoder(
        keras.layers.GRUCell(6), ka.Attention(CoveredScore()), order="luong"
    ),
    # State that is no number but an index, one cell's state for two cells.
    "indices": lambda: ka.AttentionDecoder(
        keras.layers.StackedRNNCells([keras.layers.GRUCell(6) for _ in range(2)]),
        ka.Attention("additive", ka.alignments.MochaAlignment(2, mode="soft")),
        order="conditional",
        readout="maxout",
    ),
}


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_every_kind_of_decoder(name):
    """In this process: what is new here is the names of what is carried."""
    letters = CharacterTokenizer(["a", "b", "c"])
    size = letters.vocabulary_size
    model = ka.Seq2Seq(ka.RecurrentEncoder(4), DECODERS[name](), size, size, 5)
    for weight in model.trainable_variables:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    graphs = Graphs(Parts(model, SourceInputs(letters), letters), 3)
    stepwise = Stepwise(graphs)
    functions = {
        "encode": tf.function(stepwise.encode, autograph=False),
        "step": tf.function(stepwise.step, autograph=False, reduce_retracing=True),
    }
    texts = ["abc", "", "c"]

    def ask(signature, inputs):
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        found = functions[signature](tensors)
        arrays = {name: tensor.numpy() for name, tensor in found.items()}
        for name in arrays.keys() & {"next_tokens"}:
            arrays[name] = np.vectorize(bytes.decode, otypes="O")(arrays[name])
        return arrays

    tokens, log_probs, _ = drive(ask, texts)
    wanted = ka.TextToText(model, letters, letters).predict(texts)
    assert tokens == [prediction.tokens for prediction in wanted]
    np.testing.assert_allclose(log_probs, [p.log_prob for p in wanted], rtol=1e-5)


class Pair(NamedTuple):
    one: int
    two: tuple


@pytest.mark.parametrize(
    "structure, names",
    [
        (5, ["x"]),
        (Pair(1, (2, Pair(3, ()))), ["x_one", "x_two_0", "x_two_1_one"]),
        ({"a": [1, {"b": 2}]}, ["x_a_0", "x_a_1_b"]),
        ((), []),
    ],
)
def test_names_of_places(structure, names):
    found = named("x", structure)
    assert list(found) == names
    assert filled("x", structure, found) == structure
