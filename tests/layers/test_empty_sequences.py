"""Sequences without a step are refused by name, by whoever walks along them."""

import keras
import numpy as np
import pytest

import keras_attention as ka


def steps(count, depth=3):
    return np.zeros((2, count, depth), "float32")


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("mask", [None, np.ones((2, 0), bool)])
def test_encoder(cell, mask):
    encoder = ka.RecurrentEncoder(4, cell=cell)
    with pytest.raises(ValueError, match="`embedded` must have a time step.*2, 0, 3"):
        encoder(steps(0), mask=mask)


@pytest.mark.parametrize("order", ["bahdanau", "luong"])
@pytest.mark.parametrize("attends", [True, False])
def test_decoder(order, attends):
    attention = ka.BahdanauAttention(4) if attends else None
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(4), attention, order=order)
    with pytest.raises(ValueError, match="`inputs` must have a time step.*2, 0, 3"):
        decoder(steps(0), steps(5))


@pytest.fixture(scope="module")
def model():
    return ka.Seq2Seq(
        ka.RecurrentEncoder(3),
        ka.AttentionDecoder(keras.layers.GRUCell(4), ka.BahdanauAttention(3)),
        source_vocabulary_size=7,
        target_vocabulary_size=7,
        embedding_dim=2,
        scheduled_sampling=ka.schedules.Linear(0.5, 0.1),
    )


@pytest.mark.parametrize("training", [True, False])
def test_training_on_empty_targets(model, training):
    ids = {"source_ids": np.array([[4, 2]]), "target_ids": np.zeros((1, 0), "int32")}
    with pytest.raises(ValueError, match="`inputs` must have a time step"):
        model(ids, training=training)


@pytest.mark.parametrize("argument", ["source_ids", "target_ids"])
def test_score(model, argument):
    ids = {"source_ids": [[4, 2]], "target_ids": [[5, 2]]} | {argument: [[]]}
    with pytest.raises(ValueError, match=rf"`{argument}` must .* of shape \(1, 0\)"):
        model.score(**{name: np.array(row, "int32") for name, row in ids.items()})
