"""Models for what the other toys do not do."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from tests.serving.toys import MIRRORED, Gate, Mirror, save_upper


class Spin(tf.Module):
    """Computes for as many rounds as it is told."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None], tf.int32, name="rounds"),
        ]
    )
    def spin(self, text, rounds):
        text = tf.ensure_shape(text, [None])
        matrix = tf.fill([64, 64], 1 / 64)
        _, total = tf.while_loop(
            lambda index, _: index < tf.reduce_max(rounds),
            lambda index, product: [index + 1, product @ matrix],
            [tf.constant(0), matrix],
        )
        # Never so, but the loop has to run to know.
        wrong = tf.math.is_nan(total[0, 0])
        return {"text": tf.where(wrong, "", text)}


class Held(tf.Module):
    """Starts by writing one file, and ends when it has written another one.

    If that is a pipe it waits for somebody who reads, which needs no processor.
    """

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name=name)
            for name in ("text", "started", "pipe")
        ]
    )
    def hold(self, text, started, pipe):
        with tf.control_dependencies([tf.io.write_file(started[0], "started")]):
            write = tf.io.write_file(pipe[0], "over")
        with tf.control_dependencies([write]):
            return {"text": tf.identity(text)}


class Weighty(tf.Module):
    """Has so many bytes of variables that a leak of one load is seen."""

    def __init__(self, mark: str):
        self.mark = tf.Variable(mark)
        self.weights = tf.Variable(tf.random.normal([2 << 20]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def predict(self, text):
        text = tf.ensure_shape(text, [None])
        # Zero, but known only from the weights.
        zero = tf.cast(tf.reduce_max(self.weights) > 1e9, tf.int32)
        tail = tf.strings.substr("x", 0, zero)
        return {"text": tf.strings.join([self.mark, tf.strings.upper(text), tail])}


def save(folder: Path, name: str) -> Path:
    """One of the models; its base path, with a version 1."""
    path = str(folder / name / "1")
    if name == "upper":
        save_upper(folder / name / "1")
    elif name == "gate":
        gate = Gate()
        tf.saved_model.save(gate, path, signatures=gate.wait)
    elif name == "held":
        held = Held()
        tf.saved_model.save(held, path, signatures=held.hold)
    elif name == "mirror":
        mirror = Mirror()
        tf.saved_model.save(mirror, path, signatures=mirror.mirror)
    elif name == "spin":
        spin = Spin()
        tf.saved_model.save(spin, path, signatures=spin.spin)
    elif name == "weighty":
        weighty = Weighty("")
        tf.saved_model.save(weighty, path, signatures=weighty.predict)
    else:
        raise ValueError(f"expected a model, received {name}")
    return folder / name


__all__ = ["MIRRORED", "save"]
