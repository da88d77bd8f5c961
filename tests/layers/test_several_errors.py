"""Several memories: what is refused, and what the messages say."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers import several_cases as cases
from tests.layers.several_cases import MASKS, MEMORIES, QUERY, B, D, T

INPUTS = np.ones((B, T, 3))


BAD = {
    "one tensor": (
        ValueError,
        r"`value` must be a list of memories, each of rank 3. Received: value of shape",
        lambda: ka.FlatAttention(ka.LuongAttention(), 4)(QUERY, MEMORIES[0]),
    ),
    "rank": (
        ValueError,
        "each of rank 3",
        lambda: ka.FlatAttention(ka.LuongAttention(), 4)(
            QUERY, [MEMORIES[0], MEMORIES[1][0]]
        ),
    ),
    "in a decoder": (
        ValueError,
        "`value` must be a list of memories",
        lambda: ka.AttentionDecoder(
            keras.layers.GRUCell(D), ka.FlatAttention(ka.LuongAttention(), 4)
        )(INPUTS, MEMORIES[0]),
    ),
    "several for one": (
        ValueError,
        "`value` must have rank 3",
        lambda: ka.LuongAttention()(QUERY, MEMORIES),
    ),
    "count": (
        ValueError,
        "Expected: 2 entries. Received: 1 of them",
        lambda: cases.CASES["hierarchical"].make()(QUERY, MEMORIES[:1]),
    ),
    "masks": (
        ValueError,
        "`value_mask` must be a list.*Expected: 2 entries. Received: 1 of them",
        lambda: cases.built("flat")(QUERY, MEMORIES, value_mask=MASKS[:1]),
    ),
    "mask": (
        ValueError,
        r"`value_mask` must have the shape.*Expected: \(4, 4\). Received: \(4, 3\)",
        lambda: cases.built("flat")(QUERY, MEMORIES, value_mask=MASKS[::-1]),
    ),
    "key": (
        ValueError,
        "`key` is for a single memory: expected None",
        lambda: cases.built("flat")(QUERY, MEMORIES, QUERY),
    ),
    "units": (
        ValueError,
        "Received: units=0",
        lambda: ka.FlatAttention(ka.LuongAttention(), 0),
    ),
    "heads": (
        ValueError,
        "`num_heads` must divide `units`",
        lambda: ka.FlatAttention(ka.LuongAttention(num_heads=2), 5),
    ),
    "attention": (
        TypeError,
        "`attention` must be a ka.Attention or one of its presets. Received",
        lambda: ka.FlatAttention("additive", 4),
    ),
    "attentions": (
        TypeError,
        "`attentions` must be a list",
        lambda: ka.HierarchicalAttention(ka.LuongAttention(), None),
    ),
    "different heads": (
        ValueError,
        r"the same number of heads. Received: \[1, 2\]",
        lambda: ka.HierarchicalAttention(
            [ka.LuongAttention(), ka.LuongAttention(num_heads=2)], None
        ),
    ),
    "heads over": (
        ValueError,
        "`over` must have one head. Received: over with num_heads=2",
        lambda: ka.HierarchicalAttention(
            [ka.LuongAttention()], ka.LuongAttention(num_heads=2), 4
        ),
    ),
    "units over nothing": (
        ValueError,
        "with over=None. Received: units=4",
        lambda: ka.HierarchicalAttention([ka.LuongAttention()], None, 4),
    ),
    "no units": (
        ValueError,
        "Received: units=None",
        lambda: ka.HierarchicalAttention([ka.LuongAttention()], ka.LuongAttention()),
    ),
    "bridge": (
        ValueError,
        "MeanContextBridge takes the mean of one memory",
        lambda: ka.AttentionDecoder(
            keras.layers.GRUCell(D),
            cases.CASES["hierarchical"].make(),
            bridge="mean_context",
        ),
    ),
    "unbuilt": (
        ValueError,
        "`precompute` needs a built layer",
        lambda: ka.FlatAttention(ka.LuongAttention(), 4).precompute(MEMORIES),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    error, message, call = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_one_attention_for_two_memories_is_refused():
    one = ka.LuongAttention()
    with pytest.raises(ValueError, match="objects of their own"):
        ka.HierarchicalAttention([one, one], None)
