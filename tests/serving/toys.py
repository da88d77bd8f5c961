"""Small real SavedModels, one per thing that a server must get right."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

#: Every dtype that can be fed and fetched.
MIRRORED = (
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 "
    "uint64 bool complex64 complex128 string"
).split()


def _texts(name: str = "text") -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)


class Upper(tf.Module):
    """Answers in capitals; weights point from the last word to the first."""

    def __init__(self, mark: str):
        self.mark = tf.Variable(mark)
        self.cost = tf.Variable(-0.5)

    @tf.function(input_signature=[_texts()])
    def predict(self, text):
        text = tf.ensure_shape(text, [None])
        bytes_in_text = tf.cast(tf.strings.length(text), tf.float32)
        return {
            "text": tf.strings.join([self.mark, tf.strings.upper(text)]),
            "log_prob": self.cost * bytes_in_text,
        }

    @tf.function(
        input_signature=[
            _texts(),
            _texts("suffix"),
            tf.TensorSpec([None], tf.int32, name="times"),
        ]
    )
    def predict_with_options(self, text, suffix, times):
        answer = self.predict(text)
        tails = tf.map_fn(
            lambda row: tf.strings.reduce_join(tf.repeat(row[0], row[1])),
            (suffix, times),
            fn_output_signature=tf.string,
        )
        return answer | {"text": tf.strings.join([answer["text"], tails])}

    @tf.function(input_signature=[_texts()])
    def align(self, text):
        text = tf.ensure_shape(text, [None])
        words = tf.strings.split(text)
        length = tf.cast(words.row_lengths(), tf.int32)
        tokens = words.to_tensor("")
        size = tf.strings.length(tokens)
        ends = tf.cumsum(size + 1, axis=1) - 1
        last_first = tf.reverse_sequence(
            tf.eye(tf.shape(tokens)[1], batch_shape=tf.shape(length)), length, 1
        )
        return self.predict(text) | {
            "tokens": tf.strings.upper(tokens),
            "source_tokens": tokens,
            "source_start": tf.cast(ends - size, tf.int64),
            "source_end": tf.cast(ends, tf.int64),
            "length": length,
            "source_length": length,
            "alignment": last_first,
        }

    @tf.function(
        input_signature=[_texts(), tf.TensorSpec([None], tf.int32, name="alternatives")]
    )
    def n_best(self, text, alternatives):
        answer = self.predict(text)
        places = tf.range(3)
        used = places < alternatives[:, tf.newaxis]
        marked = answer["text"][:, tf.newaxis] + tf.constant(["", "?", "??"])
        log_prob = answer["log_prob"][:, tf.newaxis] - tf.cast(places, tf.float32)
        return {
            "text": tf.where(used, marked, ""),
            "log_prob": tf.where(used, log_prob, tf.float32.min),
        }

    @tf.function(input_signature=[_texts(), _texts("target_text")])
    def score(self, text, target_text):
        found = self.align(text)
        words = tf.strings.split(target_text)
        length = tf.cast(words.row_lengths(), tf.int32)
        tokens = words.to_tensor("")
        each = -tf.cast(tf.strings.length(tokens), tf.float32)
        shape = [tf.size(text), tf.shape(tokens)[1], tf.shape(found["alignment"])[2]]
        return {
            "log_prob": tf.reduce_sum(each, axis=1),
            "token_log_prob": each,
            "tokens": tokens,
            "length": length,
            "alignment": tf.ones(shape),
            **{name: found[name] for name in found if name.startswith("source_")},
        }

    @tf.function(input_signature=[_texts("inputs")])
    def classify(self, inputs):
        features = {"x": tf.io.FixedLenFeature([], tf.float32)}
        x = tf.io.parse_example(inputs, features)["x"]
        scores = tf.stack([x, -x], axis=1)
        classes = tf.tile(tf.constant([["plus", "minus"]]), [tf.size(x), 1])
        return {"classes": classes, "scores": scores}

    @tf.function(input_signature=[_texts("inputs")])
    def regress(self, inputs):
        features = {"x": tf.io.FixedLenFeature([], tf.float32)}
        return {"outputs": 2.0 * tf.io.parse_example(inputs, features)["x"]}


class Numbers(tf.Module):
    """Two inputs of different dtypes."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int32, name="n"),
        ]
    )
    def double(self, a, n):
        return {"two_a": 2.0 * a, "two_n": 2 * n}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def total(self, x):
        return {"sum": tf.reduce_sum(x), "shape": tf.shape(x)}


class Mirror(tf.Module):
    """Every dtype, unchanged."""

    @tf.function(
        input_signature=[tf.TensorSpec(None, name, name=name) for name in MIRRORED]
    )
    def mirror(self, *tensors):
        return {
            name: tf.identity(tensor)
            for name, tensor in zip(MIRRORED, tensors, strict=True)
        }


class Raw(tf.Module):
    """Bytes that are no text, and a signature that asks for nothing."""

    @tf.function(input_signature=[_texts()])
    def echo(self, text):
        return {"text_bytes": tf.identity(text), "length": tf.strings.length(text)}

    @tf.function(input_signature=[])
    def seven(self):
        return {"seven": tf.constant([7])}


class Gate(tf.Module):
    """Starts by writing one file and ends when another one exists."""

    @tf.function(input_signature=[_texts(), _texts("started"), _texts("go")])
    def wait(self, text, started, go):
        write = tf.io.write_file(started[0], "started")
        with tf.control_dependencies([write]):
            round_number = tf.constant(0)

        def closed(round_number):
            # The pattern depends on the round, or it would be looked up once.
            nothing = tf.strings.substr("x", 0, round_number * 0)
            found = tf.io.matching_files(tf.strings.join([go[0], nothing]))
            return tf.equal(tf.size(found), 0)

        rounds = tf.while_loop(closed, lambda i: [i + 1], [round_number])
        with tf.control_dependencies(rounds):
            return {"text": tf.identity(text)}


class Compiled(tf.Module):
    """Demands XLA."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="x")],
        jit_compile=True,
    )
    def double(self, x):
        return {"y": 2.0 * x}


class Listed(tf.Module):
    """Knows the words of a file, which is an asset."""

    def __init__(self, words: Path):
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )

    @tf.function(input_signature=[_texts()])
    def look_up(self, text):
        return {"place": self.table.lookup(tf.ensure_shape(text, [None]))}


def save_upper(path: Path, mark: str = "") -> None:
    """The model ``upper`` at ``<base path>/<version>``."""
    model = Upper(mark)
    signatures = {
        "serving_default": model.predict,
        "predict_with_options": model.predict_with_options,
        "align": model.align,
        "n_best": model.n_best,
        "score": model.score,
        "classify": model.classify,
        "regress": model.regress,
    }
    tf.saved_model.save(model, str(path), signatures=signatures)
    _set_defaults(
        path,
        "predict_with_options",
        {"suffix": np.array([b"!"], object), "times": np.array([1], np.int32)},
    )
    _set_defaults(path, "n_best", {"alternatives": np.array([3], np.int32)})


def _set_defaults(path: Path, signature: str, defaults: dict) -> None:
    """Keras and TensorFlow never write this field, servers and clients read it."""
    file = path / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    definition = saved_model.meta_graphs[0].signature_def[signature]
    for name, value in defaults.items():
        definition.defaults[name].CopyFrom(tf.make_tensor_proto(value))
    file.write_bytes(saved_model.SerializeToString())


def save_all(folder: Path) -> None:
    """One base path per model, each with a version 1."""
    save_upper(folder / "upper" / "1")
    numbers = Numbers()
    signatures = {"serving_default": numbers.double, "total": numbers.total}
    path = folder / "numbers" / "1"
    tf.saved_model.save(numbers, str(path), signatures=signatures)
    with_default = folder / "defaulted" / "1"
    shutil.copytree(path, with_default)
    _set_defaults(with_default, "serving_default", {"n": np.array([7], np.int32)})
    raw = Raw()
    signatures = {"serving_default": raw.echo, "seven": raw.seven}
    tf.saved_model.save(raw, str(folder / "raw" / "1"), signatures=signatures)
    mirror, gate, compiled = Mirror(), Gate(), Compiled()
    tf.saved_model.save(mirror, str(folder / "mirror" / "1"), signatures=mirror.mirror)
    tf.saved_model.save(gate, str(folder / "gate" / "1"), signatures=gate.wait)
    words = folder.with_name("words.txt")
    words.write_text("a\nb\n")
    listed = Listed(words)
    tf.saved_model.save(listed, str(folder / "listed" / "1"), signatures=listed.look_up)
    words.unlink()  # the copy among the assets counts
    path = folder / "compiled" / "1"
    tf.saved_model.save(compiled, str(path), signatures=compiled.double)


def without_index(good: Path, target: Path) -> None:
    """A copy of a version folder that was cut short."""
    shutil.copytree(good, target)
    (target / "variables" / "variables.index").unlink()
