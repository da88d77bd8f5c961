"""`ka.Seq2Seq`, the way its documentation shows it."""

from typing import Any

import keras
import tensorflow as tf

import keras_attention as ka
from benchmarks.problem import END, PAD, START, Arrays, model_of
from benchmarks.variants import Setting, Workload
from benchmarks.variants.tensorflow_graph import (
    assign,
    generation_outputs,
    train_workload,
    use_threads,
    versions,
)


def _options(model: str) -> dict[str, Any]:
    """What a decoder that computes one of `problem.MODELS` is called here."""
    if model == "yoyodyne":
        return {"bridge": "zero", "readout": "none"}
    if model == "addons":
        readout = ka.readouts.AttentionalReadout(activation="linear")
        return {"bridge": "dense", "order": "luong", "readout": readout}
    return {"bridge": "dense"}


def build(weights: Arrays) -> tuple[ka.Seq2Seq, dict[str, Any]]:
    """The model, and its variables by the problem's names."""
    units = weights["cell/recurrent_kernel"].shape[0]
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(units // 2),
        ka.AttentionDecoder(
            keras.layers.LSTMCell(units),
            ka.BahdanauAttention(units),
            **_options(model_of(weights)),
        ),
        source_vocabulary_size=weights["source_embedding"].shape[0],
        target_vocabulary_size=weights["target_embedding"].shape[0],
        embedding_dim=weights["source_embedding"].shape[1],
        pad_id=PAD,
        start_id=START,
        end_id=END,
    )
    bridge, cell = model.decoder.bridge, model.decoder.cell
    score = model.decoder.attention.score
    variables = {
        "source_embedding": model.source_embedding.embeddings,
        "target_embedding": model.target_embedding.embeddings,
        "attention/query": score.query.kernel,
        "attention/key": score.key.kernel,
        "attention/v": score.v,
        "output/kernel": model.output_layer.kernel,
        "output/bias": model.output_layer.bias,
    }
    if "bridge_h/kernel" in weights:
        for name, dense in (
            ("bridge_h", bridge.layer_0_state_0),
            ("bridge_c", bridge.layer_0_state_1),
        ):
            variables |= {f"{name}/kernel": dense.kernel, f"{name}/bias": dense.bias}
    if "readout/kernel" in weights:
        variables["readout/kernel"] = model.decoder.readout.kernel
    forward, backward = model.encoder.cells
    named = {"forward": forward, "backward": backward, "cell": cell}
    for name, one in named.items():
        variables[f"{name}/kernel"] = one.kernel
        variables[f"{name}/recurrent_kernel"] = one.recurrent_kernel
        variables[f"{name}/bias"] = one.bias
    assign(variables, weights)
    return model, variables


def train_step(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting, xla: bool = False
) -> Workload:
    threads = use_threads(setting)
    model, variables = build(weights)
    loss = ka.losses.MaskedCrossentropy(pad_id=PAD)

    def loss_of(source: Any, target: Any, labels: Any) -> Any:
        inputs = {"source_ids": source, "target_ids": target}
        return loss(labels, model(inputs, training=True))

    return train_workload(loss_of, variables, cases, setting, threads, xla)


def generate(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    threads = use_threads(setting)
    model, _ = build(weights)
    options = ka.GenerationOptions(max_length=setting.max_length)
    fed = {case: tf.constant(arrays["source"]) for case, arrays in cases.items()}

    def check(case: str) -> Arrays:
        found = model.generate(fed[case], options)
        return generation_outputs(found.ids, found.log_probs, found.lengths)

    def call(case: str) -> None:
        model.generate(fed[case], options).ids.numpy()

    return Workload(check, call, versions(), threads)
