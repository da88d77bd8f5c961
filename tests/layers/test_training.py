"""What whole models do differently from Keras when they are compiled."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers.gradients import to_numpy

IDS = {"source_ids": np.array([[4, 5, 2]]), "target_ids": np.array([[1, 7, 8]])}
LABELS = np.array([[7, 8, 2]])


def _model(encoder=None, decoder=None, **model):
    return ka.Seq2Seq(
        ka.RecurrentEncoder(4, "gru", dtype=encoder),
        ka.AttentionDecoder(
            keras.layers.GRUCell(4, dtype=decoder),
            ka.BahdanauAttention(4, dtype=decoder),
            dtype=decoder,
        ),
        source_vocabulary_size=10,
        target_vocabulary_size=10,
        embedding_dim=4,
        **model,
    )


HALF = {
    "model": lambda: _model(dtype="mixed_float16"),
    "encoder": lambda: _model(encoder="mixed_float16"),
    "decoder": lambda: _model(decoder="mixed_float16"),
    "one of an ensemble": lambda: ka.Ensemble(
        [_model(), _model(dtype="mixed_float16")]
    ),
}


def _compiled(model, **compile):
    model.compile(keras.optimizers.SGD(1.0), ka.losses.MaskedCrossentropy(), **compile)
    return model


@pytest.mark.parametrize("name", HALF)
def test_losses_of_float16_are_scaled(name):
    scaled = keras.optimizers.LossScaleOptimizer
    assert isinstance(_compiled(HALF[name]()).optimizer, scaled)
    unscaled = _compiled(HALF[name](), auto_scale_loss=False)
    assert not isinstance(unscaled.optimizer, scaled)


def test_small_gradients_of_float16_do_not_become_zero():
    model = _compiled(_model(dtype="mixed_float16"), loss_weights=1e-7)
    # The step has to be seen in a float32 kernel.
    model.optimizer.learning_rate = 1e4
    before = to_numpy(model.output_layer.kernel)
    model.fit(IDS, LABELS, verbose=0)
    assert np.abs(to_numpy(model.output_layer.kernel) - before).max() > 1e-6


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_other_losses_are_not_scaled(policy):
    for model in (_model(dtype=policy), ka.Ensemble([_model(dtype=policy)])):
        assert isinstance(_compiled(model).optimizer, keras.optimizers.SGD)


def test_a_model_without_an_optimizer_compiles():
    model = _model(dtype="mixed_float16")
    model.compile(None, ka.losses.MaskedCrossentropy())
    assert model.optimizer is None
    assert model.evaluate(IDS, LABELS, verbose=0) > 0


def test_scaling_survives_saving(tmp_path):
    model = _compiled(_model(dtype="mixed_float16"))
    model.fit(IDS, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, keras.optimizers.LossScaleOptimizer)
    for kept, wanted in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        assert np.array_equal(to_numpy(kept), to_numpy(wanted))
    again.fit(IDS, LABELS, verbose=0)
