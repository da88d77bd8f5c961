"""Functional models of the other layers, and of the losses on weights."""

import keras
import numpy as np

import keras_attention as ka
from tests.conformance.golden import D, Golden, S, T, U, arrays, given


def build():
    """name -> `Golden`."""
    return {
        "pooling": _pooling(),
        "marginal_copying": _marginal(),
        "several_memories": _several_memories(),
        "weights_losses": _weights_losses(),
    }


def _pooling():
    inputs = given()
    del inputs["query"]
    value, mask = inputs.values()
    one = ka.AttentionPooling(U, use_bias=True)
    hops = ka.AttentionPooling(U, num_hops=2, penalty=0.1, alignment="sparsemax")
    pooled, weights = hops(value, value_mask=mask, return_attention_scores=True)
    outputs = {"one": one(value, value_mask=mask), "hops": pooled, "weights": weights}
    asked = arrays()
    del asked["query"]
    return Golden(keras.Model(inputs, outputs), asked)


def _marginal():
    """Marginal attention of both orders, and copying from the source of it."""
    ids = {name: keras.Input((None,), dtype="int32", name=name) for name in _IDS}
    inputs = given() | ids
    query, value, mask, previous_ids, source_ids = inputs.values()
    outputs = {}
    for name, options in {"order_0": {}, "order_1": {"order": 1, "window": 1}}.items():
        layer = ka.MarginalAttention(6, U, monotonic=name == "order_1", **options)
        outputs[name], weights = layer(
            query, value, previous_ids, value_mask=mask, return_attention_scores=True
        )
        outputs[f"{name}_weights"] = weights
    gate = keras.layers.Dense(1)(query)
    copied = ka.CopyGenerator(2)(outputs["order_1"], weights, source_ids, gate)
    return Golden(keras.Model(inputs, outputs | {"copied": copied}), arrays() | _IDS)


_IDS = {
    "previous_ids": np.array([[1, 4, 5], [1, 3, 0]], "int32"),
    "source_ids": np.array([[3, 6, 5, 7, 2], [4, 0, 2, 0, 0]], "int32"),
}


def _several_memories():
    """Decoders over two memories, which are attended to as one and one by one."""
    inputs = given()
    query, value, mask = inputs.values()
    over = ka.LuongAttention("dot")
    attentions = {
        "flat": ka.FlatAttention(ka.LuongAttention("general", num_heads=2), D),
        "hierarchical": ka.HierarchicalAttention(_pair(), over, D, share=True),
        "side_by_side": ka.HierarchicalAttention(_pair(), None),
    }
    outputs = {}
    for name, attention in attentions.items():
        order = "luong" if name == "hierarchical" else "bahdanau"
        decoder = ka.AttentionDecoder(keras.layers.GRUCell(D), attention, order=order)
        outputs[name], outputs[f"{name}_weights"] = decoder(
            query,
            [value, query],
            value_mask=[mask, None],
            return_attention_scores=True,
        )
    return Golden(keras.Model(inputs, outputs), arrays())


def _pair():
    return [ka.BahdanauAttention(U), ka.Attention("coverage")]


def _weights_losses():
    """Compiled with a loss of every kind on the weights of an attention of its own."""
    inputs = given()
    query, value, mask = inputs.values()
    losses = {
        "coverage": ka.losses.CoverageLoss(),
        "doubly_stochastic": ka.losses.DoublyStochastic(),
        "entropy": ka.losses.EntropyLoss(),
        "guided_alignment": ka.losses.GuidedAlignment(),
        "guided_attention": ka.losses.GuidedAttention(),
    }
    outputs = {}
    for name in losses:
        layer = ka.BahdanauAttention(U, kernel_regularizer="l2")
        _, outputs[name] = layer(
            query, value, value_mask=mask, return_attention_scores=True
        )
    model = keras.Model(inputs, outputs)
    model.compile("adam", losses, loss_weights=dict.fromkeys(losses, 0.5))
    asked = arrays()
    pairs = np.array([[1, 1, 1], [1, 1, 0]], bool)[:, :, None] & asked["mask"][:, None]
    links = [[(0, 0), (3, 1), (4, 1)], [(2, 0)]]
    labels = dict.fromkeys(losses, pairs)
    labels["guided_alignment"] = ka.losses.gold_alignment(links, T, S)
    return Golden(model, asked, labels)
