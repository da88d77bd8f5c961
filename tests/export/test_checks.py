"""What is refused: graphs that a stock server could not run, or not survive."""

import importlib
import sys

import keras
import pytest
import tensorflow as tf

import keras_attention as ka
from keras_attention.export.graph_checks import check_saved_model, serving_ops
from keras_attention.export.postprocessing import finish
from tests.export.test_graph import assert_portable

pytestmark = pytest.mark.tensorflow_only

TEXT = [tf.TensorSpec([None], tf.string, name="text")]


def save(directory, function):
    root = tf.Module()
    root.answer = tf.function(function, input_signature=TEXT)
    tf.saved_model.save(root, str(directory), signatures={"answer": root.answer})
    # TensorFlow's own names, in the functions that save and restore.
    finish(directory)
    return directory


def checked(text):
    return {"text": tf.strings.lower(tf.ensure_shape(text, [None]))}


def test_accepts_a_sound_graph(tmp_path):
    check_saved_model(save(tmp_path, checked))


def test_refuses_an_input_that_is_used_before_its_shape_is_checked(tmp_path):
    def unchecked(text):
        return {"text": tf.strings.lower(text)}

    with pytest.raises(ValueError, match="'answer'.*'text' first.*StringLower"):
        check_saved_model(save(tmp_path, unchecked))


def test_refuses_an_input_that_is_also_used_unchecked(tmp_path):
    inner = tf.function(tf.strings.length)

    def both(text):
        return checked(text) | {"length": inner(tf.identity(text))}

    with pytest.raises(ValueError, match="'text' first.*StringLength"):
        check_saved_model(save(tmp_path, both))


def test_refuses_what_the_server_does_not_know(tmp_path):
    path = save(tmp_path, checked) / "saved_model.pb"
    path.write_bytes(path.read_bytes().replace(b"StringLower", b"StringNewer"))
    with pytest.raises(ValueError, match=r"TF Serving 2.20, found \['StringNewer'\]"):
        check_saved_model(tmp_path)


def test_refuses_python(tmp_path):
    def python(text):
        text = checked(text)["text"]
        return {"text": tf.numpy_function(lambda x: x, [text], tf.string)}

    assert "PyFunc" in serving_ops(), "being registered is not enough"
    with pytest.raises(ValueError, match="PyFunc"):
        check_saved_model(save(tmp_path, python))


def test_refuses_a_device(tmp_path):
    def pinned(text):
        with tf.device("/device:CPU:0"):
            return checked(text)

    directory = tmp_path / "pinned"
    root = tf.Module()
    root.answer = tf.function(pinned, input_signature=TEXT)
    tf.saved_model.save(root, str(directory), signatures={"answer": root.answer})
    with pytest.raises(ValueError, match="no device names, found .*CPU:0"):
        check_saved_model(directory)


def test_refuses_what_only_xla_runs(tmp_path):
    compiled = tf.function(lambda x: x * 2, jit_compile=True)

    def answer(text):
        return {"twice": compiled(tf.strings.length(tf.ensure_shape(text, [None])))}

    with pytest.raises(ValueError, match="jit_compile=True"):
        check_saved_model(save(tmp_path, answer))


@keras.saving.register_keras_serializable(package="tests")
class KerasEncoder(keras.layers.Layer):
    """Keras' own LSTM, which uses cuDNN where it sees a GPU."""

    def __init__(self, units, **layer):
        super().__init__(**layer)
        self.units = units
        self.lstm = keras.layers.LSTM(units, return_sequences=True, return_state=True)

    def call(self, embedded, mask=None):
        value, *state = self.lstm(embedded, mask=mask)
        return value, [state]


def test_keras_layers_do_without_cudnn(pipeline, tmp_path, monkeypatch):
    letters = pipeline.source_tokenizer
    model = ka.Seq2Seq(
        KerasEncoder(6),
        ka.AttentionDecoder(keras.layers.LSTMCell(6), ka.BahdanauAttention(4)),
        source_vocabulary_size=letters.vocabulary_size,
        target_vocabulary_size=letters.vocabulary_size,
        embedding_dim=5,
    )
    other = ka.TextToText(model, letters, letters)
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    # This machine has no kernel for what its "GPU" was traced with.
    with pytest.raises(tf.errors.InvalidArgumentError, match="Cudnn"):
        other.predict(["star"])
    assert_portable(other.export(tmp_path))
    assert model.encoder.lstm.use_cudnn == "auto"


def test_says_which_extra_is_missing(pipeline, tmp_path, monkeypatch):
    # What the import system itself does for a package that is not there.
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    for name in [n for n in sys.modules if n.startswith("tensorflow_serving.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"keras-attention-seq2seq\[tensorflow\]"):
        pipeline.export(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_fingerprint_is_that_of_the_graph(version):
    fingerprinting = importlib.import_module(
        "tensorflow.python.saved_model.fingerprinting_utils"
    )
    written = fingerprinting.singleprint_from_fingerprint_proto(str(version))
    assert written == fingerprinting.singleprint_from_saved_model_proto(str(version))
