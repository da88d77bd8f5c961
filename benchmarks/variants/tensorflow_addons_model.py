"""TensorFlow Addons' attention and decoder with the problem's weights, in a graph.

The encoder and the bridge, which it has none of, are plain Keras 2 layers.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

from benchmarks.problem import END, PAD, START, Arrays
from benchmarks.variants import Setting, Workload

LEARNING_RATE, EPSILON = 1e-4, 1e-7
_VERSIONS = {"tensorflow-addons": f"{tfa.__version__} (TensorFlow {tf.__version__})"}


class _Translator(tf.Module):
    """Encoder, attending cell, and a decoder around them."""

    def __init__(self, weights: Arrays) -> None:
        super().__init__()
        units = weights["cell/recurrent_kernel"].shape[0]
        vocabulary, depth = weights["target_embedding"].shape
        layers = tf.keras.layers
        self.source_embedding = layers.Embedding(
            weights["source_embedding"].shape[0], depth
        )
        self.target_embedding = layers.Embedding(vocabulary, depth)
        self.encoder = layers.Bidirectional(
            layers.LSTM(units // 2, return_sequences=True, return_state=True)
        )
        self.bridge = {
            state: layers.Dense(units, activation="tanh") for state in ("h", "c")
        }
        self.mechanism = tfa.seq2seq.BahdanauAttention(units)
        self.inner = layers.LSTMCell(units)
        self.readout = layers.Dense(units, use_bias=False)
        self.cell = tfa.seq2seq.AttentionWrapper(
            self.inner, self.mechanism, attention_layer=self.readout
        )
        self.output_layer = layers.Dense(vocabulary)

    def encode(self, source: Any) -> Any:
        """The decoder's first state, the attention's memory being set."""
        mask = source != PAD
        embedded = self.source_embedding(source)
        value, *states = self.encoder(embedded, mask=mask)
        forward_h, forward_c, backward_h, backward_c = states
        joined = tf.concat([forward_h, backward_h, forward_c, backward_c], -1)
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), 1)
        self.mechanism(value, mask=tf.sequence_mask(lengths), setup_memory=True)
        batch = tf.shape(source)[0]
        state = self.cell.get_initial_state(batch_size=batch, dtype=tf.float32)
        first = [self.bridge[name](joined) for name in ("h", "c")]
        return state.clone(cell_state=first)

    def decode(self, sampler: Any, inputs: Any, state: Any, **options: Any) -> Any:
        """Logits `[B, T, V]`, ids, lengths."""
        limit = options.pop("maximum_iterations", None)
        decoder = tfa.seq2seq.BasicDecoder(
            self.cell, sampler, self.output_layer, maximum_iterations=limit
        )
        found, _, lengths = decoder(inputs, initial_state=state, **options)
        return found.rnn_output, found.sample_id, lengths

    def trained(self) -> dict[str, tf.Variable]:
        """By the problem's names."""
        named = {
            "source_embedding": self.source_embedding.embeddings,
            "target_embedding": self.target_embedding.embeddings,
            "attention/query": self.mechanism.query_layer.kernel,
            "attention/key": self.mechanism.memory_layer.kernel,
            "attention/v": self.mechanism.attention_v,
            "readout/kernel": self.readout.kernel,
            "output/kernel": self.output_layer.kernel,
            "output/bias": self.output_layer.bias,
        }
        for state, dense in self.bridge.items():
            named[f"bridge_{state}/kernel"] = dense.kernel
            named[f"bridge_{state}/bias"] = dense.bias
        for name, cell in (
            ("forward", self.encoder.forward_layer.cell),
            ("backward", self.encoder.backward_layer.cell),
            ("cell", self.inner),
        ):
            named[f"{name}/kernel"] = cell.kernel
            named[f"{name}/recurrent_kernel"] = cell.recurrent_kernel
            named[f"{name}/bias"] = cell.bias
        return named

    def teacher_forced(self, source: Any, target: Any) -> Any:
        """Logits `[B, T, V]`."""
        inputs = self.target_embedding(target)
        sampler = tfa.seq2seq.TrainingSampler()
        lengths = tf.fill([tf.shape(target)[0]], tf.shape(target)[1])
        state = self.encode(source)
        return self.decode(sampler, inputs, state, sequence_length=lengths)[0]


def _swapped(kernel: Any) -> Any:
    """The readout takes state and context, in the problem context and state."""
    context, state = np.split(np.asarray(kernel), 2)
    return np.concatenate([state, context])


def _build(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting
) -> tuple[_Translator, dict[str, tf.Variable], dict[str, int]]:
    tf.config.threading.set_intra_op_parallelism_threads(setting.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setting.threads)
    model = _Translator(weights)
    source = next(iter(cases.values()))["source"]
    model.teacher_forced(tf.constant(source), tf.constant(source[:, :1]))
    variables = model.trained()
    if set(variables) != set(weights):
        raise ValueError(f"Weights differ in name: {set(variables) ^ set(weights)}")
    for name, variable in variables.items():
        value = weights[name]
        variable.assign(_swapped(value) if name == "readout/kernel" else value)
    threads = {"intra_op": setting.threads, "inter_op": setting.threads}
    return model, variables, threads


def train_step(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    model, variables, threads = _build(weights, cases, setting)
    values = list(variables.values())
    optimizer = tf.keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
    optimizer.build(values)

    def gradients(source: Any, target: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model.teacher_forced(source, target)
            loss = tfa.seq2seq.sequence_loss(
                logits, labels, tf.cast(labels != PAD, tf.float32)
            )
        return loss, tape.gradient(loss, values)

    @tf.function(autograph=False)
    def update(source: Any, target: Any, labels: Any) -> Any:
        loss, found = gradients(source, target, labels)
        optimizer.apply_gradients(zip(found, values, strict=True))
        return loss

    compiled = tf.function(gradients, autograph=False)
    fed = {
        case: [tf.constant(arrays[name]) for name in ("source", "target", "labels")]
        for case, arrays in cases.items()
    }

    def check(case: str) -> Arrays:
        loss, found = compiled(*fed[case])
        outputs = {"loss": np.asarray(loss)}
        for name, gradient in zip(variables, found, strict=True):
            dense = np.asarray(tf.convert_to_tensor(gradient), "float64")
            outputs[f"gradient norm of {name}"] = np.asarray(np.linalg.norm(dense))
        return outputs

    def call(case: str) -> None:
        (update if setting.optimizer else compiled)(*fed[case])

    return Workload(check, call, _VERSIONS, threads)


def generate(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    model, _, threads = _build(weights, cases, setting)

    @tf.function(autograph=False)
    def greedy(source: Any) -> Any:
        sampler = tfa.seq2seq.GreedyEmbeddingSampler(model.target_embedding)
        return model.decode(
            sampler,
            None,
            model.encode(source),
            start_tokens=tf.fill([tf.shape(source)[0]], START),
            end_token=END,
            maximum_iterations=setting.max_length,
        )

    fed = {case: tf.constant(arrays["source"]) for case, arrays in cases.items()}

    def check(case: str) -> Arrays:
        logits, ids, lengths = greedy(fed[case])
        best = tf.reduce_max(tf.nn.log_softmax(logits), -1)  # [B, T]
        return {
            "ids": ids.numpy(),
            "lengths": lengths.numpy(),
            "log_probs": tf.reduce_sum(best, 1).numpy(),
        }

    def call(case: str) -> None:
        greedy(fed[case])[1].numpy()

    return Workload(check, call, _VERSIONS, threads)
