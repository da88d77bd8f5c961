"""`.keras` round trips: all saved here, all loaded in one fresh process."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers import saved_models
from tests.layers.gradients import to_numpy

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.slow
def test_all_load_in_a_fresh_process(tmp_path):
    models = saved_models.build()
    for name, (model, inputs) in models.items():
        for v in model.weights:
            if "seed" not in v.path and keras.backend.is_float_dtype(v.dtype):
                random = np.random.default_rng(len(v.path))
                v.assign(random.normal(scale=0.5, size=v.shape))
        model.save(tmp_path / f"{name}.keras")
        arrays = {str(i): x for i, x in enumerate(saved_models.outputs(model, inputs))}
        stored = np.array({"inputs": inputs}, dtype=object)
        np.savez(tmp_path / f"{name}.npz", inputs=stored, **arrays)
    done = subprocess.run(
        [sys.executable, "-m", "tests.layers.saved_models", str(tmp_path)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    loaded = {line.split()[1] for line in done.stdout.splitlines() if "loaded" in line}
    assert loaded == set(models)


@pytest.mark.parametrize("save_format", ["weights.h5"])
def test_weights_alone(tmp_path, save_format):
    (model, inputs), path = _seq2seq(), tmp_path / f"model.{save_format}"
    model.save_weights(path)
    other, _ = _seq2seq()
    assert np.abs(to_numpy(other(inputs)) - to_numpy(model(inputs))).max() > 1e-3
    other.load_weights(path)
    np.testing.assert_allclose(to_numpy(other(inputs)), to_numpy(model(inputs)))


def test_clone_has_new_weights_and_the_same_structure():
    model, inputs = _seq2seq()
    clone = keras.models.clone_model(model)
    assert [tuple(w.shape) for w in clone.weights] == [
        tuple(w.shape) for w in model.weights
    ]
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(
        to_numpy(clone(inputs)), to_numpy(model(inputs)), rtol=1e-6
    )


def _seq2seq():
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(3, "gru"),
        ka.AttentionDecoder(keras.layers.GRUCell(6), ka.LuongAttention("general")),
        source_vocabulary_size=9,
        target_vocabulary_size=8,
        embedding_dim=4,
    )
    ids = np.array([[3, 4, 2], [5, 2, 0]], "int32")
    return model, {"source_ids": ids, "target_ids": ids}


def test_compiled_model_loads_with_its_loss_and_metrics(tmp_path):
    model, inputs = _seq2seq()
    model.compile("adam", ka.losses.MaskedCrossentropy(label_smoothing=0.1))
    targets = np.array([[4, 5, 2], [6, 2, 0]])
    loss = model.evaluate(inputs, targets, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert abs(again.evaluate(inputs, targets, verbose=0) - loss) < 1e-6


def test_summary_expands():
    lines = []
    _seq2seq()[0].summary(expand_nested=True, print_fn=lines.append)
    assert "Total params" in "\n".join(lines)
