"""Quantised models, and those with LoRA, are saved and loaded with the same numbers."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keras_attention as ka
from tests.layers.gradients import to_numpy

L = keras.layers
B, T, S, D = 2, 3, 5, 8
RANDOM = np.random.default_rng(3)
QUERY, VALUE, OTHER = (
    RANDOM.normal(size=(B, length, D)).astype("float32") for length in (T, S, 4)
)
IDS = np.array([[3, 4, 2], [5, 2, 0]], "int32")


def _model(call, data=(QUERY, VALUE, OTHER)):
    given = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in data]
    return keras.Model(given, call(*given)), list(data)


def _attention(make):
    def model():
        layer = make()
        return _model(lambda q, v, o: layer(q, v, return_attention_scores=True))

    return model


def _several(make):
    def model():
        layer = make()
        return _model(lambda q, v, o: layer(q, [v, o], return_attention_scores=True))

    return model


def _decoder(attention, cell=L.GRUCell, **options):
    def model():
        encoder = ka.RecurrentEncoder(4, "gru")
        decoder = ka.AttentionDecoder(cell(D), attention(), **options)

        def call(q, v, o):
            value, state = encoder(v)
            return decoder(q, value, initial_state=state, return_attention_scores=True)

        return _model(call)

    return model


def _marginal():
    layer = ka.MarginalAttention(7, 4, order=1)
    return _model(lambda q, v, ids: layer(q, v, ids), (QUERY, VALUE, IDS))


def _pooling():
    layer = ka.AttentionPooling(4, 2, use_bias=True)
    return _model(lambda q, v, o: layer(v, return_attention_scores=True))


def _seq2seq(attention=None, **options):
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(
            L.LSTMCell(D), attention or ka.BahdanauAttention(8), readout="maxout"
        ),
        source_vocabulary_size=9,
        target_vocabulary_size=10,
        embedding_dim=D,
        name="model",
        **options,
    )
    return model, {"source_ids": IDS, "target_ids": IDS}


def _ensemble():
    first, inputs = _seq2seq()
    return ka.Ensemble([first, _seq2seq(ka.LuongAttention())[0]]), inputs


def _restricted():
    model, inputs = _seq2seq()
    table = np.random.default_rng(2).integers(3, 10, size=(9, 2))
    return ka.Shortlist(table, np.array([7]), 10).restrict(model), inputs


LAYERS = {
    "bahdanau": _attention(lambda: ka.BahdanauAttention(4)),
    "bahdanau, heads": _attention(
        lambda: ka.BahdanauAttention(4, num_heads=2, layer_normalize=True)
    ),
    "attention of a score by its name": _attention(lambda: ka.Attention("additive")),
    "attention of a score": _attention(
        lambda: ka.Attention(ka.scores.AdditiveScore(4), "local_p")
    ),
    **{
        f"score {score}": _attention(lambda score=score: ka.Attention(score))
        for score in ("coverage", "location_sensitive", "dynamic_convolution")
    },
    "mixture": _attention(lambda: ka.Attention("gmm_v2", "exp")),
    "transition": _attention(lambda: ka.Attention("additive", "forward_transition")),
    "cosine": _attention(
        lambda: ka.Attention(ka.scores.CosineScore(sharpness="query"))
    ),
    "flat": _several(lambda: ka.FlatAttention(ka.BahdanauAttention(4), 6)),
    "hierarchical": _several(
        lambda: ka.HierarchicalAttention(
            [ka.BahdanauAttention(4), ka.BahdanauAttention(4)],
            ka.BahdanauAttention(4),
            units=6,
        )
    ),
    "pooling": _pooling,
    "marginal": _marginal,
    "decoder": _decoder(lambda: ka.BahdanauAttention(4)),
    "decoder with two states": _decoder(ka.LuongAttention, L.LSTMCell),
    "decoder of means": _decoder(
        lambda: ka.LuongAttention("concat", units=4), bridge="mean_context"
    ),
    "encoder-decoder": _decoder(lambda: None, order="bahdanau", context_gate="both"),
}
MODELS = {
    "seq2seq": _seq2seq,
    "seq2seq, tied": lambda: _seq2seq(tie_embeddings=True),
    "seq2seq, weights": lambda: _seq2seq(return_attention_scores=True),
    "seq2seq, sampled": lambda: _seq2seq(scheduled_sampling=0.5),
    "seq2seq, bfloat16": lambda: _seq2seq(dtype="mixed_bfloat16"),
    "ensemble": _ensemble,
    "restricted": _restricted,
}
# Keras warns of every layer that it cannot quantise: cells, tied outputs.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize")


def _outputs(model, data):
    return [to_numpy(x) for x in keras.tree.flatten(model(data))]


def _saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras")


def _modes(model):
    return [
        (part.name, part.quantization_mode)
        for part in model._flatten_layers()
        if part.quantization_mode is not None
    ]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


@pytest.mark.parametrize("name", [*LAYERS, "seq2seq", *SLOW[1:]])
def test_a_quantized_model_loads(name, tmp_path):
    model, data = (LAYERS | MODELS)[name]()
    plain = _outputs(model, data)
    model.quantize("int8")
    wanted, modes = _outputs(model, data), _modes(model)
    assert modes
    assert any(np.abs(a - b).max() > 0 for a, b in zip(plain, wanted, strict=True))
    again = _saved(model, tmp_path)
    assert _modes(again) == modes
    for a, b in zip(_outputs(again, data), wanted, strict=True):
        assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["int4", "float8"])
def test_other_modes(mode, tmp_path):
    model, data = _seq2seq()
    filters = "key|query|value|hidden|state|jump|output_layer"
    model.quantize(mode, filters=filters)
    wanted = _outputs(model, data)
    for a, b in zip(_outputs(_saved(model, tmp_path), data), wanted, strict=True):
        assert_array_equal(a, b)


def test_a_part_alone_is_quantized(tmp_path):
    model, data = _seq2seq()
    model.quantize("int8", filters="source_embedding|key")
    wanted = _outputs(model, data)
    again = _saved(model, tmp_path)
    assert _modes(again) == [("source_embedding", "int8"), ("key", "int8")]
    for a, b in zip(_outputs(again, data), wanted, strict=True):
        assert_array_equal(a, b)


def test_a_configuration_of_quantizers(tmp_path):
    quantizers = keras.quantizers
    config = quantizers.Int8QuantizationConfig(
        weight_quantizer=quantizers.AbsMaxQuantizer(axis=0, value_range=(-63, 63)),
        activation_quantizer=None,
    )
    model, data = LAYERS["bahdanau"]()
    model.quantize(config=config)
    wanted = _outputs(model, data)
    for a, b in zip(_outputs(_saved(model, tmp_path), data), wanted, strict=True):
        assert_array_equal(a, b)


@pytest.mark.slow
def test_generation_of_a_quantized_model_that_was_loaded(tmp_path):
    model, _ = _seq2seq()
    model.quantize("int8")
    wanted = to_numpy(model.generate(IDS))
    # Loaded and saved once more: as much is quantised as there was.
    got = to_numpy(_saved(_saved(model, tmp_path), tmp_path).generate(IDS))
    assert_array_equal(got.ids, wanted.ids)
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-6)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("name", ["bahdanau", SLOW[0]])
def test_lora_is_in_what_is_loaded(name, quantized, tmp_path):
    model, data = (LAYERS | MODELS)[name]()
    plain = _outputs(model, data)
    if quantized:
        model.quantize("int8")
    for part in model._flatten_layers():
        if isinstance(part, (L.Dense, L.Embedding)) and part.built:
            part.enable_lora(2)
            for v in part.trainable_variables:
                if "lora" in v.name:
                    v.assign(RANDOM.normal(scale=0.3, size=v.shape))
    wanted = _outputs(model, data)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(plain, wanted, strict=True))
    # What is merged is quantised anew.
    tolerance = 0.1 if quantized else 1e-5
    for a, b in zip(_outputs(_saved(model, tmp_path), data), wanted, strict=True):
        assert_allclose(a, b, atol=tolerance)


@pytest.mark.slow
def test_weights_alone_go_into_a_model_quantized_alike(tmp_path):
    model, data = _seq2seq()
    model.quantize("int8")
    model.save_weights(tmp_path / "model.weights.h5")
    other, _ = _seq2seq()
    other.quantize("int8")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_array_equal(_outputs(other, data)[0], _outputs(model, data)[0])
