"""An export holds the weights of its moment, and only those that it needs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from tests.export.session import Version

pytestmark = pytest.mark.tensorflow_only


def answer_of(version):
    outputs = Version(version).ask("serving_default", text=np.array([b"star"], object))
    return outputs["text"][0].decode(), float(outputs["log_prob"][0])


def answer_here(pipeline):
    (prediction,) = pipeline.predict(["star"])
    return prediction.text, pytest.approx(prediction.log_prob, rel=1e-5)


def test_each_version_keeps_its_weights(pipeline, tmp_path):
    model = ka.Seq2Seq.from_config(pipeline.model.get_config())
    model.compile("adam", loss=ka.losses.MaskedCrossentropy())
    model.optimizer.build(model.trainable_variables)
    letters = pipeline.source_tokenizer
    other = ka.TextToText(model, letters, letters)
    first, before = other.export(tmp_path), answer_here(other)
    random = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    # The graphs that were traced before read the weights as they are now.
    second, after = other.export(tmp_path), answer_here(other)
    assert (first.name, second.name) == ("1", "2")
    assert answer_of(first) == before
    assert answer_of(second) == after
    assert before != after

    stored = [
        shape
        for name, shape in tf.train.list_variables(str(second / "variables/variables"))
        if "CHECKPOINTABLE" not in name
    ]
    expected = [tuple(weight.shape) for weight in model.trainable_variables]
    assert sorted(map(tuple, stored)) == sorted(expected)


def test_a_model_that_cannot_generate(pipeline):
    plain = keras.models.clone_model(pipeline.model)
    letters = pipeline.source_tokenizer
    with pytest.raises(TypeError, match="`model`.*'generate'.*Received.*Functional"):
        ka.TextToText(plain, letters, letters)
