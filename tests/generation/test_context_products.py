"""Products with the context: from weights what they are from contexts."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.decoder import context_products
from keras_attention.decoder.context_products import context_product, many_steps

CELLS = {
    "lstm": lambda: keras.layers.LSTMCell(6),
    "lstm, no bias": lambda: keras.layers.LSTMCell(6, use_bias=False),
    "gru": lambda: keras.layers.GRUCell(6),
    "gru, reset before": lambda: keras.layers.GRUCell(6, reset_after=False),
    "any": lambda: keras.layers.SimpleRNNCell(6),
    "stacked": lambda: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(6), keras.layers.GRUCell(6, use_bias=False)]
    ),
}
DECODERS = [
    ("lstm", {"order": "bahdanau"}),
    ("lstm, no bias", {"order": "bahdanau", "readout": "maxout"}),
    ("gru", {"order": "bahdanau"}),
    ("gru, reset before", {"order": "bahdanau"}),
    ("gru", {"order": "bahdanau", "context_gate": "both"}),
    ("any", {"order": "bahdanau"}),
    ("gru", {"order": "luong", "readout": "concat"}),
    ("stacked", {"order": "conditional"}),
    ("stacked", {"order": "gnmt", "readout": "concat"}),
]
DEPTH = 64  # Of the values: at most 32 of them are few.


def model(cell, attention=None, **decoder):
    keras.utils.set_random_seed(3)
    built = ka.Seq2Seq(
        ka.RecurrentEncoder(DEPTH // 2),
        ka.AttentionDecoder(
            CELLS[cell](), attention or ka.BahdanauAttention(5), **decoder
        ),
        source_vocabulary_size=9,
        target_vocabulary_size=11,
        embedding_dim=7,
    )
    built.set_weights([3 * weight for weight in built.get_weights()])
    return built


def source(rows, columns):
    ids = np.random.default_rng(rows).integers(3, 9, (rows, columns))
    ids[:, -1] = 2
    ids[1:, columns // 2 :] = 0  # padding
    ids[1:, max(columns // 2 - 1, 0)] = 2
    return ids.astype("int32")


@contextlib.contextmanager
def worthwhile(monkeypatch, weights):
    with monkeypatch.context() as patch:
        patch.setattr(context_products, "_LARGE", weights)
        patch.setattr(context_products, "_LARGE_COMPILED", weights)
        yield


def assert_same(found, expected):
    assert np.array_equal(found.ids, expected.ids)
    for name in ("log_probs", "weights"):
        pair = (ops.convert_to_numpy(getattr(x, name)) for x in (found, expected))
        assert_allclose(*pair, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell, decoder", DECODERS, ids=str)
def test_the_same_answers_from_weights_and_from_contexts(monkeypatch, cell, decoder):
    ours, plain = model(cell, **decoder), model(cell, **decoder)
    for beam, shape in ((1, (1, 6)), (1, (5, 7)), (3, (2, 7))):  # The second are many.
        options = ka.GenerationOptions(max_length=7, beam_size=beam)
        with worthwhile(monkeypatch, 0):
            found = ours.generate(source(*shape), options)
        assert_same(found, plain.generate(source(*shape), options))


def product_of(built, rows, columns, dtype="float32"):
    memory, _, _ = built.encode(source(rows, columns))
    kernel = np.random.default_rng(0).normal(size=(DEPTH, 3)).astype(dtype)
    kernel = ops.convert_to_tensor(kernel)
    return memory, kernel, context_product(built.decoder.attention, memory, kernel, 1)


@pytest.mark.parametrize("rows, columns", [(1, 1), (1, 32), (2, 16)])
def test_few_values_are_multiplied(monkeypatch, rows, columns):
    with worthwhile(monkeypatch, 0), many_steps():
        memory, kernel, product = product_of(model("lstm"), rows, columns)
    weights = np.random.default_rng(1).random((rows, columns), "float32")
    values = memory.values[:, 0]  # [B, S, D]
    context = ops.einsum("bs,bsd->bd", ops.convert_to_tensor(weights), values)

    def contexts_are_not_asked_for():
        raise AssertionError

    expected = ops.convert_to_numpy(ops.matmul(context, kernel))
    for given in (weights, weights[:, None]):
        given = ops.convert_to_tensor(given)
        found = product.choose(lambda of, w=given: of(w), contexts_are_not_asked_for)
        assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "rows, columns, dtype, attention",
    [
        (1, 33, "float32", {}),
        (3, 16, "float32", {}),
        (1, 4, "float16", {}),
        (1, 4, "float32", {"num_heads": 2}),
    ],
)
def test_many_values_half_precision_and_heads_go_by_contexts(
    monkeypatch, rows, columns, dtype, attention
):
    built = model("lstm", ka.Attention(ka.scores.AdditiveScore(4), **attention))
    with worthwhile(monkeypatch, 0), many_steps():
        assert product_of(built, rows, columns, dtype)[2] is None


def test_one_step_and_small_kernels_go_by_contexts(monkeypatch):
    with worthwhile(monkeypatch, 0):
        assert product_of(model("lstm"), 1, 4)[2] is None
    with many_steps():
        assert product_of(model("lstm"), 1, 4)[2] is None


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("xla", [False, True])
def test_graphs_of_unknown_shapes_choose_when_they_run(monkeypatch, xla):
    import tensorflow as tf

    built, options = model("lstm"), ka.GenerationOptions(max_length=7)
    made = []

    class Counted(context_products.ContextProduct):
        def __init__(self, *given):
            made.append(self)
            super().__init__(*given)

    monkeypatch.setattr(context_products, "ContextProduct", Counted)
    with worthwhile(monkeypatch, 0):
        graph = tf.function(
            lambda ids: tuple(built.generate(ids, options))[:3],
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
            jit_compile=xla,
        )
        found = {shape: graph(source(*shape)) for shape in ((1, 5), (2, 9), (9, 7))}
    assert made  # Of the cell, and of the output layer.
    for shape, (ids, _, log_probs) in found.items():
        expected = model("lstm").generate(source(*shape), options)
        steps = expected.ids.shape[1]
        assert np.array_equal(ids[:, :steps], expected.ids)
        assert_allclose(log_probs, expected.log_probs, rtol=1e-5, atol=1e-5)
