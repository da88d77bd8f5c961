"""Attention layers called as Keras' own are: `[query, value, key]`, `mask=[q, v]`."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

B, T, S, D = 2, 3, 5, 4
RANDOM = np.random.default_rng(8)
QUERY, VALUE, KEY, OTHER = (
    RANDOM.normal(size=(B, length, D)).astype("float32") for length in (T, S, S, 2)
)
QUERY_MASK = np.array([[1, 1, 1], [1, 0, 0]], bool)
VALUE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)

SINGLE = {
    "Attention": lambda: ka.Attention("general"),
    "BahdanauAttention": lambda: ka.BahdanauAttention(4, num_heads=2),
    "LuongAttention": lambda: ka.LuongAttention("dot"),
    "FixedContext": ka.FixedContext,
}
SEVERAL = {
    "FlatAttention": lambda: ka.FlatAttention(ka.BahdanauAttention(4), 6),
    "HierarchicalAttention": lambda: ka.HierarchicalAttention(
        [ka.BahdanauAttention(4), ka.LuongAttention("general")], None
    ),
}


def _same(got, wanted):
    pairs = zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True)
    for a, b in pairs:
        assert_allclose(to_numpy(a), to_numpy(b), atol=1e-6)


@pytest.mark.parametrize("name", SINGLE)
def test_lists_are_the_named_arguments(name):
    layer = SINGLE[name]()
    both = {"return_attention_scores": True}
    masks = {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK}
    _same(layer([QUERY, VALUE], **both), layer(QUERY, VALUE, **both))
    wanted = layer(QUERY, VALUE, **masks, **both)
    _same(layer([QUERY, VALUE], mask=[QUERY_MASK, VALUE_MASK], **both), wanted)
    _same(layer((QUERY, VALUE), [QUERY_MASK, VALUE_MASK], **both), wanted)
    _same(layer([QUERY, VALUE], **masks, use_causal_mask=False, **both), wanted)
    wanted = layer(QUERY, VALUE, KEY, value_mask=VALUE_MASK)
    _same(layer([QUERY, VALUE, KEY], mask=[None, VALUE_MASK, None]), wanted)
    _same(layer([QUERY[:, 0], VALUE]), layer(QUERY[:, 0], VALUE))


@pytest.mark.parametrize("name", SEVERAL)
def test_lists_with_several_memories(name):
    layer, memories = SEVERAL[name](), [VALUE, OTHER]
    masks = [VALUE_MASK, None]
    _same(
        layer([QUERY, memories], mask=[QUERY_MASK, masks]),
        layer(QUERY, memories, query_mask=QUERY_MASK, value_mask=masks),
    )


@pytest.mark.parametrize("name", [*SINGLE, *SEVERAL])
def test_functional_and_saved(name, tmp_path):
    layer = (SINGLE | SEVERAL)[name]()
    query, value = keras.Input((None, D)), keras.Input((None, D))
    valid = keras.Input((None,), dtype="bool")
    memory, mask = value, valid
    if name in SEVERAL:
        memory, mask = [value, query], [valid, None]
    inputs = [query, value, valid]
    model = keras.Model(
        inputs,
        [
            layer([query, memory], mask=[None, mask]),
            layer(query, memory, value_mask=mask),
        ],
    )
    listed, by_name = model([QUERY, VALUE, VALUE_MASK])
    _same(listed, by_name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    _same(again([QUERY, VALUE, VALUE_MASK])[0], by_name)


def test_additive_attention_of_keras_is_replaced_by_its_name():
    theirs = keras.layers.AdditiveAttention(use_scale=True)
    given = [QUERY, VALUE, KEY]
    masks = [QUERY_MASK, VALUE_MASK]
    theirs(given)
    theirs.set_weights([RANDOM.normal(size=(D,)).astype("float32")])
    ours = ka.BahdanauAttention(D)
    ours(given)
    ours.set_weights([theirs.get_weights()[0], np.eye(D), np.eye(D)])
    flags = {"mask": masks, "return_attention_scores": True}
    got, wanted = ours(given, **flags), theirs(given, **flags)
    assert_allclose(to_numpy(got[0]), to_numpy(wanted[0]), atol=1e-5)
    # Theirs leaves the weights of padded queries as they are.
    assert_allclose(
        to_numpy(got[1])[QUERY_MASK], to_numpy(wanted[1])[QUERY_MASK], atol=1e-5
    )


def test_masks_that_inputs_carry_are_found_in_lists():
    layer = ka.BahdanauAttention(4)
    query, value = (
        keras.layers.Masking()(x * mask[..., None])
        for x, mask in ((QUERY, QUERY_MASK), (VALUE, VALUE_MASK))
    )
    wanted = layer(QUERY, VALUE, query_mask=QUERY_MASK, value_mask=VALUE_MASK)
    _same(layer([query, value]), wanted)


@pytest.mark.parametrize("name", cases.ATTENTIONS)
def test_every_score_and_alignment(name):
    case = cases.ATTENTIONS[name]
    random = np.random.default_rng(1)
    query, value, key = (
        random.normal(size=(2, length, depth)).astype("float32")
        for length, depth in ((3, cases.D), (5, cases.DV), (5, case.key_depth))
    )
    layer = case.make(num_heads=1)
    layer(query, value, key)
    randomize(layer)
    _same(layer([query, value, key]), layer(query, value, key))


BAD = {
    "one": (([QUERY],), {}, ValueError, r"\[query, value\] or \[query, value, key\]"),
    "four": (([QUERY, VALUE, KEY, KEY],), {}, ValueError, "Received: a list of 4"),
    "bare mask": (
        ([QUERY, VALUE],),
        {"mask": VALUE_MASK},
        ValueError,
        r"mask=\[query_mask, value_mask\].* Received: mask=ndarray",
    ),
    "short mask": (([QUERY, VALUE],), {"mask": [VALUE_MASK]}, ValueError, "list of tw"),
    "mask of tensors": (
        (QUERY, VALUE),
        {"mask": VALUE_MASK},
        TypeError,
        "Expected: `value_mask`",
    ),
    "causal": (
        ([QUERY, VALUE],),
        {"use_causal_mask": True},
        ValueError,
        "`use_causal_mask`.*Expected: False",
    ),
    "value twice": (
        ([QUERY, VALUE],),
        {"value": VALUE},
        ValueError,
        "given once.* Received: value in both",
    ),
    "mask twice": (
        ([QUERY, VALUE],),
        {"mask": [None, VALUE_MASK], "value_mask": VALUE_MASK},
        ValueError,
        "Received: value_mask in both",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("layer", [SINGLE["LuongAttention"], SEVERAL["FlatAttention"]])
def test_refusals(layer, name):
    arguments, named, error, message = BAD[name]
    with pytest.raises(error, match=message):
        layer()(*arguments, **named)


def test_no_mask_by_the_name_of_keras_is_no_mask():
    layer = ka.LuongAttention("dot")
    _same(layer(QUERY, VALUE, mask=None), layer([QUERY, VALUE], mask=None))
