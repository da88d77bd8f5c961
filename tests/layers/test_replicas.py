"""Training on two replicas against one device with the same batch."""

import functools
import inspect
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka

pytestmark = pytest.mark.tensorflow_only

D, V = 3, 7
# The first rows are long, the last ones short: replicas count different tokens.
TARGETS = np.array(
    [[3, 4, 5, 6], [3, 4, 5, 2], [3, 2, 0, 0], [2, 0, 0, 0], [3, 4, 6, 2]]
    + [[4, 2, 0, 0], [2, 0, 0, 0]]
)
SOURCES = np.array(
    [[3, 4, 5], [6, 5, 2], [3, 2, 0], [2, 0, 0], [3, 4, 2], [4, 4, 2], [3, 2, 0]]
)
VALID = ka.losses.valid_pairs(TARGETS, SOURCES).astype("int32")
FACTORS = np.array([1.0, 0.5, 3.0, 2.0, 0.0, 1.0, 4.0], "float32")
SHIFTED = np.pad(TARGETS[:, :-1], ((0, 0), (1, 0)), constant_values=1)
ACCURACIES = (ka.metrics.TokenAccuracy, ka.metrics.SequenceAccuracy)
LOSSES = [
    loss
    for loss in map(ka.losses.__dict__.get, ka.losses.__all__)
    if inspect.isclass(loss) and not inspect.isabstract(loss)
]


def linear(loss, arguments):
    """Logits or attention weights of one linear layer."""
    logits = loss is ka.losses.MaskedCrossentropy
    inputs = keras.Input((None, D))
    size, activation = (V, None) if logits else (SOURCES.shape[1], "softmax")
    model = keras.Model(inputs, keras.layers.Dense(size, activation=activation)(inputs))
    model.compile(
        keras.optimizers.SGD(0.5),
        loss(**arguments),
        metrics=[accuracy() for accuracy in ACCURACIES] if logits else None,
        run_eagerly=True,
    )
    return model


def seq2seq(run_eagerly):
    """A model with a loss on its logits and one on its attention weights."""
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4, "gru"),
        ka.AttentionDecoder(keras.layers.GRUCell(4), ka.BahdanauAttention(4)),
        source_vocabulary_size=V,
        target_vocabulary_size=V,
        embedding_dim=D,
        return_attention_scores=True,
    )
    model.compile(
        keras.optimizers.SGD(0.5),
        {"logits": ka.losses.MaskedCrossentropy(), "weights": ka.losses.CoverageLoss()},
        loss_weights={"logits": 1.0, "weights": 0.5},
        weighted_metrics={"logits": [accuracy() for accuracy in ACCURACIES]},
        run_eagerly=run_eagerly,
    )
    return model


def cases():
    """name -> how the model is made, and what `fit` gets in batches of four."""
    made = {}
    x = np.random.default_rng(0).normal(size=(*TARGETS.shape, D)).astype("float32")
    for loss in LOSSES:
        y = TARGETS if loss is ka.losses.MaskedCrossentropy else VALID
        for case, rows, arguments in (
            ("partial batch", 7, {}),
            ("replica without rows, sample weights", 5, {}),
            ("sum", 4, {"reduction": "sum"}),
        ):
            data = {"x": x[:rows], "y": y[:rows]}
            if "sample weights" in case:
                data["sample_weight"] = FACTORS[:rows]
            make = functools.partial(linear, loss, arguments)
            made[f"{loss.__name__}: {case}"] = make, data
    # The first batch is the partial one, and labels have a last axis of one.
    rows = slice(0, 3)
    ids = {"source_ids": SOURCES[rows], "target_ids": SHIFTED[rows]}
    for kind, valid in (("integers", VALID), ("booleans", VALID > 0)):
        y = {"logits": TARGETS[rows, :, None], "weights": valid[rows, ..., None]}
        data = {"x": ids, "y": y, "sample_weight": dict.fromkeys(y, FACTORS[rows])}
        make = functools.partial(seq2seq, run_eagerly=kind == "integers")
        made[f"Seq2Seq: {kind}"] = make, data
    return made


def trained(make, data, strategy):
    """What `fit` reports, what `evaluate` then does, and the variables."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = make()
    data = data | {"batch_size": 4, "verbose": 0}
    history = model.fit(shuffle=False, **data).history
    return {
        "fit": {name: values[0] for name, values in history.items()},
        "evaluate": model.evaluate(return_dict=True, **data),
        "variables": np.concatenate([x.ravel() for x in model.get_weights()]).tolist(),
    }


def main():
    """Write as JSON what came of each case, without replicas and with two."""
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    one = tf.distribute.get_strategy()
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {}
    for name, (make, data) in cases().items():
        try:
            results[name] = [trained(make, data, strategy) for strategy in (one, two)]
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"
    json.dump(results, sys.stdout)


@pytest.fixture(scope="module")
def results():
    # TensorFlow takes virtual devices only before it has started.
    run = subprocess.run(
        [sys.executable, "-m", "tests.layers.test_replicas"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", cases())
def test_two_replicas_train_as_one_device(results, name):
    assert not isinstance(results[name], str), results[name]
    one, two = results[name]
    assert two["fit"] == pytest.approx(one["fit"], rel=1e-5)
    assert two["evaluate"] == pytest.approx(one["evaluate"], rel=1e-5)
    assert_allclose(two["variables"], one["variables"], rtol=0, atol=1e-5)


if __name__ == "__main__":
    main()
