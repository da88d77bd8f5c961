"""What a Keras user writes without this package, carefully or not.

Careful: the keys are projected once per batch, attention is matrix products, the
output layer comes after the loop. Naive is the same but for the keys, projected
in every step as in most tutorials.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from benchmarks.problem import END, PAD, START, Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.tensorflow_graph import (
    assign,
    generation_outputs,
    train_workload,
    use_threads,
    versions,
)


class AttentionCell(keras.layers.Layer):
    """An LSTM cell that first attends to a memory with its previous state."""

    def __init__(self, units: int, naive: bool, **layer: Any) -> None:
        super().__init__(**layer)
        self.naive = naive
        self.cell = keras.layers.LSTMCell(units)
        self.query = keras.layers.Dense(units, use_bias=False)
        self.key = keras.layers.Dense(units, use_bias=False)
        self.v = keras.layers.Dense(1, use_bias=False)
        self.state_size = [units, units]
        self.output_size = 2 * units

    def build(self, input_shape: Any) -> None:
        units = self.cell.units
        self.cell.build((None, input_shape[-1] + units))
        for dense in (self.query, self.key, self.v):
            if not dense.built:
                dense.build((None, units))

    def attend_to(self, value: Any, mask: Any) -> None:
        """Set the memory of the calls to come: `[B, S, U]`, `[B, S]`."""
        self.value, self.mask = value, mask
        self.keys = None if self.naive else self.key(value)

    def step(self, inputs: Any, states: Any) -> Any:
        """Output `[B, 2U]`, weights `[B, S]`, states."""
        keys = self.key(self.value) if self.naive else self.keys  # [B, S, U]
        query = ops.expand_dims(self.query(states[0]), 1)  # [B, 1, U]
        energies = ops.squeeze(self.v(ops.tanh(query + keys)), -1)  # [B, S]
        weights = ops.softmax(ops.where(self.mask, energies, -1e9))
        context = ops.matmul(ops.expand_dims(weights, 1), self.value)[:, 0]  # [B, U]
        hidden, states = self.cell(ops.concatenate([inputs, context], -1), states)
        return ops.concatenate([hidden, context], -1), weights, states

    def call(self, inputs: Any, states: Any) -> Any:
        output, _, states = self.step(inputs, states)
        return output, states


class Translator(keras.Model):
    """Embeddings, bidirectional encoder, attention cell in an RNN, output layer."""

    def __init__(self, weights: Arrays, naive: bool) -> None:
        super().__init__()
        units = weights["cell/recurrent_kernel"].shape[0]
        vocabulary, depth = weights["target_embedding"].shape
        self.source_embedding = keras.layers.Embedding(
            weights["source_embedding"].shape[0], depth
        )
        self.target_embedding = keras.layers.Embedding(vocabulary, depth)
        self.encoder = keras.layers.Bidirectional(
            keras.layers.LSTM(units // 2, return_sequences=True, return_state=True)
        )
        self.bridge_h = keras.layers.Dense(units, activation="tanh")
        self.bridge_c = keras.layers.Dense(units, activation="tanh")
        self.cell = AttentionCell(units, naive)
        self.decoder = keras.layers.RNN(self.cell, return_sequences=True)
        self.output_layer = keras.layers.Dense(vocabulary)

    def encode(self, source: Any) -> list[Any]:
        """Point the cell at the source; the decoder's first states."""
        mask = ops.not_equal(source, PAD)
        value, *states = self.encoder(self.source_embedding(source), mask=mask)
        forward_h, forward_c, backward_h, backward_c = states
        joined = ops.concatenate([forward_h, backward_h, forward_c, backward_c], -1)
        self.cell.attend_to(value, mask)
        return [self.bridge_h(joined), self.bridge_c(joined)]

    def call(self, source: Any, target: Any) -> Any:
        # No mask for the decoder: what follows the end only meets the loss's mask.
        states = self.encode(source)
        outputs = self.decoder(self.target_embedding(target), initial_state=states)
        return self.output_layer(outputs)  # [B, T, V]


def build(weights: Arrays, naive: bool) -> tuple[Translator, dict[str, Any]]:
    """The model, and its variables by the problem's names."""
    model = Translator(weights, naive)
    ids = tf.ones((1, 2), tf.int32)
    model(ids, ids)
    variables = {
        "source_embedding": model.source_embedding.embeddings,
        "target_embedding": model.target_embedding.embeddings,
        "attention/query": model.cell.query.kernel,
        "attention/key": model.cell.key.kernel,
        "attention/v": model.cell.v.kernel,
    }
    for name, dense in (
        ("bridge_h", model.bridge_h),
        ("bridge_c", model.bridge_c),
        ("output", model.output_layer),
    ):
        variables |= {f"{name}/kernel": dense.kernel, f"{name}/bias": dense.bias}
    for name, cell in (
        ("forward", model.encoder.forward_layer.cell),
        ("backward", model.encoder.backward_layer.cell),
        ("cell", model.cell.cell),
    ):
        variables[f"{name}/kernel"] = cell.kernel
        variables[f"{name}/recurrent_kernel"] = cell.recurrent_kernel
        variables[f"{name}/bias"] = cell.bias
    v = weights["attention/v"][:, None]
    assign(variables, weights | {"attention/v": v})
    return model, variables


def train_step(
    weights: Arrays,
    cases: dict[str, Arrays],
    setting: Setting,
    naive: bool = False,
    xla: bool = False,
) -> Workload:
    threads = use_threads(setting)
    model, variables = build(weights, naive)
    crossentropy = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="none"
    )

    def loss_of(source: Any, target: Any, labels: Any) -> Any:
        losses = crossentropy(labels, model(source, target, training=True))  # [B, T]
        counted = ops.cast(ops.not_equal(labels, PAD), losses.dtype)
        return ops.sum(losses * counted) / ops.sum(counted)

    return train_workload(loss_of, variables, cases, setting, threads, xla)


def greedy(model: Translator, max_length: Any) -> Any:
    """Source ids to ids, log-probabilities, lengths and weights, as one graph."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False
    )
    def run(source: Any) -> Any:
        states = model.encode(source)
        batch = tf.shape(source)[0]
        zeros = tf.zeros([batch], tf.int32)

        def proceed(t: Any, ids: Any, states: Any, ended: Any, *rest: Any) -> Any:
            return tf.logical_not(tf.reduce_all(ended))

        def body(
            t: Any,
            ids: Any,
            states: Any,
            ended: Any,
            log_probs: Any,
            lengths: Any,
            written: Any,
            attended: Any,
        ) -> Any:
            output, weights, states = model.cell.step(
                model.target_embedding(ids), states
            )
            logits = model.output_layer(output)  # [B, V]
            padding = tf.one_hot(PAD, logits.shape[-1], -1e9, 0.0)
            chosen = tf.argmax(logits + padding, -1, tf.int32)  # [B]
            log_prob = tf.gather(tf.nn.log_softmax(logits), chosen, batch_dims=1)
            going = tf.logical_not(ended)
            ids = tf.where(going, chosen, PAD)
            log_probs += tf.where(going, log_prob, 0.0)
            lengths += tf.cast(going, tf.int32)
            weights = tf.where(going[:, None], weights, 0.0)
            ended |= tf.equal(chosen, END)
            written, attended = written.write(t, ids), attended.write(t, weights)
            return t + 1, ids, states, ended, log_probs, lengths, written, attended

        *_, log_probs, lengths, written, attended = tf.while_loop(
            proceed,
            body,
            (
                0,
                zeros + START,
                states,
                tf.zeros([batch], tf.bool),
                tf.zeros([batch]),
                zeros,
                tf.TensorArray(tf.int32, size=0, dynamic_size=True),
                tf.TensorArray(tf.float32, size=0, dynamic_size=True),
            ),
            maximum_iterations=max_length,
        )
        ids = tf.transpose(written.stack())
        return ids, log_probs, lengths, tf.transpose(attended.stack(), (1, 0, 2))

    return run


def generate(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting, naive: bool = False
) -> Workload:
    threads = use_threads(setting)
    model, _ = build(weights, naive)
    run = greedy(model, setting.max_length)
    fed = {case: tf.constant(arrays["source"]) for case, arrays in cases.items()}

    def check(case: str) -> Arrays:
        ids, log_probs, lengths, _ = run(fed[case])
        return generation_outputs(ids, log_probs, lengths)

    def call(case: str) -> None:
        run(fed[case])[0].numpy()

    return Workload(check, call, versions(), threads)
