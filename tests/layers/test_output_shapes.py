"""`compute_output_shape` of every public layer against the outputs themselves."""

import inspect

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers import decoder_cases
from tests.layers.gradients import to_numpy

L = keras.layers
B, T, S, D = 2, 3, 5, 4
RANDOM = np.random.default_rng(3)


def _random(*shape):
    return RANDOM.normal(size=shape).astype("float32")


QUERIES, VALUES, OTHERS = _random(B, T, D), _random(B, S, D), _random(B, 2, 6)
IDS = np.array([[1, 4, 5], [1, 6, 3]])
SOURCES = np.array([[3, 4, 5, 6, 2], [3, 7, 2, 0, 0]])
KEYED = {"query": QUERIES, "value": VALUES}
SEVERAL = {"query": QUERIES, "value": [VALUES, OTHERS]}


def _two(heads):
    return [
        ka.BahdanauAttention(4, num_heads=heads),
        ka.LuongAttention("general", num_heads=heads),
    ]


# name -> (make, arguments of the call, whether it has weights to return)
LAYERS = {
    "Attention": (lambda: ka.Attention("dot"), KEYED, True),
    "BahdanauAttention": (lambda: ka.BahdanauAttention(4), KEYED, True),
    "BahdanauAttention, heads": (
        lambda: ka.BahdanauAttention(4, num_heads=2),
        KEYED | {"key": OTHERS[:, :1].repeat(S, 1)},
        True,
    ),
    "LuongAttention": (lambda: ka.LuongAttention("concat"), KEYED, True),
    "FixedContext": (ka.FixedContext, KEYED, True),
    "FlatAttention": (lambda: ka.FlatAttention(_two(1)[0], 6), SEVERAL, True),
    "FlatAttention, heads": (lambda: ka.FlatAttention(_two(2)[1], 6), SEVERAL, True),
    "HierarchicalAttention": (
        lambda: ka.HierarchicalAttention(_two(2), ka.BahdanauAttention(4), 8),
        SEVERAL,
        True,
    ),
    "HierarchicalAttention, side by side": (
        lambda: ka.HierarchicalAttention(_two(1), None),
        SEVERAL,
        True,
    ),
    "AttentionPooling": (lambda: ka.AttentionPooling(4), {"value": VALUES}, True),
    "AttentionPooling, hops": (
        lambda: ka.AttentionPooling(4, num_hops=3),
        {"value": VALUES},
        True,
    ),
    "RecurrentEncoder": (lambda: ka.RecurrentEncoder(3), {"embedded": VALUES}, False),
    "RecurrentEncoder, deep": (
        lambda: ka.RecurrentEncoder(3, "gru", num_layers=2, bidirectional=False),
        {"embedded": VALUES},
        False,
    ),
    "MarginalAttention": (
        lambda: ka.MarginalAttention(7, 4, order=1),
        KEYED | {"previous_ids": IDS},
        True,
    ),
    "PointerGenerator": (
        lambda: ka.PointerGenerator(9),
        {
            "outputs": QUERIES,
            "weights": np.full((B, 2, T, S), 0.2, "float32"),
            "inputs": _random(B, T, 4),
            "source_ids": SOURCES,
        },
        False,
    ),
    "CopyGenerator": (
        lambda: ka.CopyGenerator(2),
        {
            "logits": _random(B, T, 9),
            "weights": np.full((B, 2, T, S), 0.2, "float32"),
            "source_ids": SOURCES,
            "gate": _random(B, T, 1),
        },
        False,
    ),
    **{
        f"AttentionDecoder, {case}": (
            lambda case=case: decoder_cases.make(case, heads=2),
            {"inputs": QUERIES, "value": _random(B, S, 6)},
            True,
        )
        for case in decoder_cases.DECODERS
    },
    "AttentionDecoder, several memories and a first state": (
        lambda: ka.AttentionDecoder(
            L.LSTMCell(4), ka.FlatAttention(_two(1)[0], 6), context_gate="both"
        ),
        {"inputs": QUERIES, "value": [VALUES, OTHERS], "initial_state": OTHERS[:, 0]},
        True,
    ),
    **{
        f"readouts.{kind.__name__}": (
            kind,
            {"hidden": QUERIES, "context": VALUES[:, :T], "inputs": VALUES[:, :T]},
            False,
        )
        for kind in (
            ka.readouts.AttentionalReadout,
            ka.readouts.ConcatReadout,
            ka.readouts.MaxoutReadout,
            ka.readouts.NoneReadout,
        )
    },
}  # fmt: skip


ATTENTIONS = [
    name
    for name, (_, arguments, _) in LAYERS.items()
    if "query" in arguments and name != "MarginalAttention"
]


def _shapes(outputs):
    return [tuple(x.shape) for x in keras.tree.flatten(outputs)]


def _flat(shape):
    """Shapes in a structure of them, in order."""
    if all(size is None or isinstance(size, int) for size in shape):
        return [tuple(shape)]
    return [one for part in shape for one in _flat(part)]


def _shape_arguments(arguments):
    return {
        f"{name}_shape": [x.shape for x in value]
        if isinstance(value, list)
        else value.shape
        for name, value in arguments.items()
    }


def _flags(has_weights):
    return [{}, {"return_attention_scores": True}] if has_weights else [{}]


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_are_those_of_the_outputs(name):
    make, arguments, has_weights = LAYERS[name]
    for flags in _flags(has_weights):
        layer = make()
        before = layer.compute_output_shape(**_shape_arguments(arguments), **flags)
        wanted = _shapes(layer(**arguments, **flags))
        assert _flat(before) == wanted
        after = layer.compute_output_shape(**_shape_arguments(arguments), **flags)
        assert _flat(after) == wanted


@pytest.mark.parametrize("name", LAYERS)
def test_symbolic_outputs_have_the_shapes_and_dtypes_of_real_ones(name):
    make, arguments, has_weights = LAYERS[name]
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], x.shape[0], dtype=str(x.dtype)), arguments
    )
    for flags in _flags(has_weights):
        layer = make()
        symbolic = keras.tree.flatten(layer(**inputs, **flags))
        real = keras.tree.flatten(layer(**arguments, **flags))
        assert [tuple(x.shape) for x in symbolic] == [tuple(x.shape) for x in real]
        assert [x.dtype for x in symbolic] == [
            keras.backend.standardize_dtype(x.dtype) for x in real
        ]


@pytest.mark.parametrize("name", ATTENTIONS)
def test_a_single_query(name):
    make, arguments, _ = LAYERS[name]
    arguments = arguments | {"query": QUERIES[:, 0]}
    for flags in _flags(True):
        layer = make()
        got = layer.compute_output_shape(**_shape_arguments(arguments), **flags)
        assert _flat(got) == _shapes(layer(**arguments, **flags))


def test_unknown_lengths_stay_unknown():
    layer = ka.FlatAttention(ka.BahdanauAttention(4), 6)
    shapes = (None, None, D), [(None, 5, 4), (None, None, 6)]
    got = layer.compute_output_shape(*shapes, return_attention_scores=True)
    assert got == ((None, None, 6), (None, None, None))


def test_shape_of_what_a_context_gate_lets_through():
    gate = ka.ContextGate("both")
    shapes = (B, 6), (B, D), (B, 3)
    gate.build(*shapes)
    cell = gate.in_front_of(lambda entering, states: (entering, states))
    said, context, hidden = map(
        keras.ops.convert_to_tensor, (_random(B, 3), _random(B, D), _random(B, 6))
    )
    entering, _ = cell.step(cell.project(said), context, (hidden,))
    assert gate.compute_output_shape(*shapes) == tuple(entering.shape)


def test_every_public_layer_is_here():
    public = {
        name
        for name in ka.__all__
        if inspect.isclass(getattr(ka, name, None))
        and issubclass(getattr(ka, name), L.Layer)
        and not issubclass(getattr(ka, name), keras.Model)
    }
    assert public - {name.split(",")[0] for name in LAYERS} == {"ContextGate"}


@pytest.mark.parametrize("carried", [False, True], ids=["given", "carried"])
@pytest.mark.parametrize("hops", [None, 3])
@pytest.mark.parametrize("length", [2, None], ids=["static", "dynamic"])
def test_pooling_of_every_sentence_of_a_document(length, hops, carried):
    ids = np.array([[[3, 4, 0], [5, 0, 0]], [[6, 7, 3], [4, 3, 0]]])
    pooling = ka.AttentionPooling(4, hops)
    embedding = L.Embedding(8, D, mask_zero=carried)
    given = keras.Input((length, 3), dtype="int32")
    mask = None if carried else keras.ops.not_equal(given, 0)
    pooled = L.TimeDistributed(pooling)(embedding(given), mask=mask)
    assert pooled.shape == (None, length, *(() if hops is None else (hops,)), D)
    got = to_numpy(keras.Model(given, pooled)(ids))
    for place in range(2):
        rows = ids[:, place]
        wanted = pooling(to_numpy(embedding(rows)), value_mask=rows != 0)
        np.testing.assert_allclose(got[:, place], to_numpy(wanted), atol=1e-6)


def test_both_names_of_the_mask_of_pooling():
    layer = ka.AttentionPooling(4)
    mask = SOURCES != 0
    wanted = to_numpy(layer(VALUES, value_mask=mask))
    np.testing.assert_allclose(to_numpy(layer(VALUES, mask=mask)), wanted, atol=1e-6)
    assert np.abs(to_numpy(layer(VALUES)) - wanted).max() > 1e-3
    with pytest.raises(ValueError, match="`mask` is another name of `value_mask`"):
        layer(VALUES, value_mask=mask, mask=mask)


@pytest.mark.parametrize("name", ["mask", "value_mask"])
def test_a_mask_that_is_given_goes_before_the_one_that_is_carried(name):
    layer, carried = ka.AttentionPooling(4), L.Masking()(VALUES)
    mask = SOURCES != 0
    got, wanted = layer(carried, **{name: mask}), layer(VALUES, value_mask=mask)
    np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), atol=1e-6)
    value, given = keras.Input((None, D)), keras.Input((None,), dtype="bool")
    model = keras.Model([value, given], layer(L.Masking()(value), **{name: given}))
    got = model([VALUES, mask])
    np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), atol=1e-6)
