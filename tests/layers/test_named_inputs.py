"""Models take their inputs by name: other keys of a dict change nothing."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keras_attention as ka
from tests.layers.gradients import to_numpy

SOURCE = np.array([[3, 4, 2], [5, 2, 0], [6, 2, 0], [4, 6, 2]], "int32")
TARGET = np.array([[1, 3, 4], [1, 5, 0], [1, 6, 0], [1, 4, 6]], "int32")
LABELS = np.array([[3, 4, 2], [5, 2, 0], [6, 2, 0], [4, 6, 2]], "int32")
INPUTS = {"source_ids": SOURCE, "target_ids": TARGET}
SURPLUS = {
    "before": {"id": np.array([[9], [8], [7], [6]], "int32")},
    "between": {"source_length": np.array([3, 2, 2, 3], "int32")},
    "several": {
        "id": np.arange(4, dtype="int32"),
        "lang": np.ones((4, 3), "int32"),
        "weight": np.ones((4, 1, 2), "float32"),
    },
}


def _seq2seq():
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(3, "gru"),
        ka.AttentionDecoder(keras.layers.GRUCell(6), ka.LuongAttention()),
        source_vocabulary_size=10,
        target_vocabulary_size=8,
        embedding_dim=4,
    )
    return model


MODELS = {
    "seq2seq": _seq2seq,
    "ensemble": lambda: ka.Ensemble([_seq2seq(), _seq2seq()]),
    "restricted": lambda: ka.Shortlist(
        np.full((10, 1), 3), np.array([4]), 8
    ).restrict(_seq2seq()),
}  # fmt: skip


def _compiled(model):
    model.compile("sgd", ka.losses.MaskedCrossentropy())
    return model


# What wraps a model hands its inputs on: one kind of surplus tells.
@pytest.mark.parametrize(
    ("name", "surplus"),
    [
        *(("seq2seq", surplus) for surplus in SURPLUS),
        *((name, "several") for name in ("ensemble", "restricted")),
    ],
)
def test_other_keys_change_no_answer(name, surplus):
    model = _compiled(MODELS[name]())
    more = SURPLUS[surplus] | INPUTS
    wanted = to_numpy(model(INPUTS))
    assert_array_equal(to_numpy(model(more)), wanted)
    assert_array_equal(model.predict(more, verbose=0), model.predict(INPUTS, verbose=0))
    loss = model.evaluate(INPUTS, LABELS, verbose=0)
    assert model.evaluate(more, LABELS, verbose=0) == loss
    symbolic = {
        key: keras.Input(x.shape[1:], dtype=str(x.dtype)) for key, x in more.items()
    }
    outer = keras.Model(symbolic, model(symbolic))
    np.testing.assert_allclose(to_numpy(outer(more)), wanted, atol=1e-6)


def test_other_keys_change_no_training():
    plain, other = _compiled(_seq2seq()), _compiled(_seq2seq())
    other.set_weights(plain.get_weights())
    options = {"epochs": 2, "batch_size": 2, "shuffle": False, "verbose": 0}
    plain.fit(INPUTS, LABELS, **options)
    other.fit(SURPLUS["several"] | INPUTS, LABELS, **options)
    for a, b in zip(other.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_an_input_that_is_missing_is_named(name):
    with pytest.raises(ValueError, match="source_ids.*target_ids.*Received:.*'id'"):
        MODELS[name]()({"id": SOURCE, "source_ids": SOURCE})


def test_a_list_of_the_inputs_is_taken_in_their_order():
    model = _seq2seq()
    with pytest.warns(UserWarning, match="structure of `inputs`"):
        got = model([SOURCE, TARGET])
    assert_array_equal(to_numpy(got), to_numpy(model(INPUTS)))
