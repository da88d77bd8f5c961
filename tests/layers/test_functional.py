"""Layers inside functional models: connected, dynamic, and masked by name."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import to_numpy

MASK = np.arange(cases.S) < np.array([[5], [3], [1]])


def _inputs(depth=cases.D, value_depth=cases.DV):
    query = keras.Input((None, depth))
    value = keras.Input((None, value_depth))
    return query, value


def _data(depth=cases.D, value_depth=cases.DV):
    random = np.random.default_rng(4)
    query = random.normal(size=(cases.B, cases.T, depth)).astype("float32")
    value = random.normal(size=(cases.B, cases.S, value_depth)).astype("float32")
    return query, value


@pytest.mark.parametrize("name", ["bahdanau", "luong_general", "fixed"])
def test_first_plain_then_with_scores(name):
    layer, (query, value) = cases.ATTENTIONS[name].make(), _inputs()
    plain = layer(query, value)
    train = keras.Model([query, value], plain)
    outputs, weights = layer(query, value, return_attention_scores=True)
    look = keras.Model([query, value], [outputs, weights])
    data = list(_data())
    assert_allclose(to_numpy(look(data)[0]), to_numpy(train(data)), rtol=1e-6)
    # What people write: the tensors of the trained model, and the layer's output.
    again = keras.Model(train.inputs, layer.output)
    _assert_same(again(data), look(data))


@pytest.mark.parametrize("case", decoder_cases.LOOPS)
def test_decoder_first_plain_then_with_scores(case):
    decoder, (query, value) = decoder_cases.make(case), _inputs(3)
    train = keras.Model([query, value], decoder(query, value))
    look = keras.Model(
        [query, value], decoder(query, value, return_attention_scores=True)
    )
    data = list(_data(3))
    assert_allclose(to_numpy(look(data)[0]), to_numpy(train(data)), rtol=1e-6)
    _assert_same(keras.Model(train.inputs, decoder.output)(data), look(data))


def _assert_same(got, wanted):
    flat = zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True)
    for a, b in flat:
        assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-6)


@pytest.mark.parametrize("name, heads", cases.HEADS)
def test_symbolic_shapes(name, heads):
    case = cases.ATTENTIONS[name]
    layer, (query, value) = case.make(num_heads=heads), _inputs()
    key = keras.Input((None, case.key_depth))
    context, weights = layer(query, value, key, return_attention_scores=True)
    assert context.shape == (None, None, cases.DV)
    one = (None, None, None) if heads == 1 else (None, heads, None, None)
    assert weights.shape == one
    single = keras.Input((cases.D,))
    context, weights = layer(single, value, key, return_attention_scores=True)
    assert context.shape == (None, cases.DV)
    assert weights.shape == ((None, None) if heads == 1 else (None, heads, None))


@pytest.mark.parametrize("case", decoder_cases.DECODERS)
def test_symbolic_shapes_of_the_decoder(case):
    decoder, (inputs, value) = decoder_cases.make(case), _inputs(3)
    outputs, weights = decoder(inputs, value, return_attention_scores=True)
    joined = decoder_cases.DECODERS[case].readout == "concat"
    depth = cases.D + (cases.DV if joined else 0)
    assert outputs.shape == (None, None, depth)
    assert weights.shape == (None, None, None)


@pytest.fixture(params=["keras 3.15", "keras 3.16"])
def either_keras(request, monkeypatch):
    """3.16 sets `supports_masking = False` on layers that wrap a cell."""
    if request.param == "keras 3.16":
        for layer in (keras.layers.RNN, keras.layers.Bidirectional):
            original = layer.__init__

            def init(self, *args, _original=original, **kwargs):
                _original(self, *args, **kwargs)
                self.supports_masking = False

            monkeypatch.setattr(layer, "__init__", init)


@pytest.mark.usefixtures("either_keras")
def test_encoder_output_carries_its_mask_by_name():
    encoder, layer = ka.RecurrentEncoder(3, "gru"), cases.ATTENTIONS["bahdanau"].make()
    decoder = decoder_cases.make("luong", "bahdanau", "gru")
    query, embedded = _data(3)
    value, _ = encoder(embedded, mask=MASK)
    long_query = _data()[0]
    _assert_same(layer(long_query, value), layer(long_query, value, value_mask=MASK))
    _assert_same(decoder(query, value), decoder(query, value, value_mask=MASK))
    _, weights = decoder(query, value, return_attention_scores=True)
    assert np.all(to_numpy(weights)[~np.repeat(MASK[:, None], cases.T, 1)] == 0)


@pytest.mark.usefixtures("either_keras")
def test_a_functional_model_without_named_masks_still_masks():
    ids = keras.Input((None,), dtype="int32")
    targets = keras.Input((None, 3))
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    value, state = ka.RecurrentEncoder(3, "gru")(embedded)
    outputs, weights = decoder_cases.make("luong", "bahdanau", "gru")(
        targets, value, initial_state=state, return_attention_scores=True
    )
    model = keras.Model([ids, targets], [outputs, weights])
    source = np.where(MASK, 3, 0)
    inputs = _data(3)[0]
    got = to_numpy(model([source, inputs]))
    assert np.all(got[1][~np.repeat(MASK[:, None], cases.T, 1)] == 0)
    wider = np.pad(source, ((0, 0), (0, 3)))
    wide = to_numpy(model([wider, inputs]))
    assert_allclose(wide[0], got[0], atol=1e-6)
    assert_allclose(wide[1][..., : cases.S], got[1], atol=1e-6)


@pytest.mark.usefixtures("either_keras")
def test_a_keras_encoder_with_the_mask_passed_by_name():
    ids = keras.Input((None,), dtype="int32")
    query = keras.Input((None, cases.D))
    mask = keras.ops.not_equal(ids, 0)
    embedded = keras.layers.Embedding(9, 4)(ids)
    layer = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))
    value = layer(embedded, mask=mask)
    context, weights = cases.ATTENTIONS["bahdanau"].make()(
        query, value, value_mask=mask, return_attention_scores=True
    )
    model = keras.Model([ids, query], [context, weights])
    got = to_numpy(model([np.where(MASK, 3, 0), _data()[0]]))
    assert np.all(got[1][~np.repeat(MASK[:, None], cases.T, 1)] == 0)


def test_the_emulation_of_keras_3_16_drops_masks(monkeypatch):
    # Otherwise the tests above would test nothing.
    def masked(layer):
        value = layer(keras.layers.Embedding(9, 4, mask_zero=True)(np.ones((1, 2))))
        return getattr(value, "_keras_mask", None) is not None

    assert masked(keras.layers.GRU(3, return_sequences=True))
    original = keras.layers.RNN.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.supports_masking = False

    monkeypatch.setattr(keras.layers.RNN, "__init__", init)
    with pytest.warns(UserWarning, match="does not support mask"):
        assert not masked(keras.layers.GRU(3, return_sequences=True))


def test_query_mask_is_filled_by_name_too():
    layer = cases.ATTENTIONS["bahdanau"].make()
    query, value = _data()
    masked = keras.layers.Masking()(np.where(MASK[:, : cases.T, None], query, 0))
    got = to_numpy(layer(masked, value))
    assert np.all(got[~MASK[:, : cases.T]] == 0)
