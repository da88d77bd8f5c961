"""An export in the embedded server's session, from ids to ids or from text to text."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import keras_attention as ka
from benchmarks.problem import PAD, Arrays
from benchmarks.variants import Setting, Workload, ours
from benchmarks.variants.tensorflow_graph import use_threads, versions
from keras_attention.text import CharacterTokenizer, WordTokenizer
from serving.messages import session_pb2
from serving.server.runtime.session import SavedModelSession

# Of the tokenizers; the vocabularies begin with them.
SPECIAL = 4
FIRST_LETTER = 0x4E00


def letters(size: int) -> list[str]:
    """Symbols of the source, from the number `SPECIAL` on."""
    return [chr(FIRST_LETTER + place) for place in range(SPECIAL, size)]


def export(weights: Arrays, folder: str) -> Path:
    """An export of a model with these weights."""
    model, _ = ours.build(weights)
    words = [f"w{place}" for place in range(SPECIAL, model.target_vocabulary_size)]
    pipeline = ka.TextToText(
        model,
        CharacterTokenizer(letters(model.source_vocabulary_size)),
        WordTokenizer(words, split="whitespace"),
    )
    return pipeline.export(folder, max_beam_size=1)


def generate(
    weights: Arrays,
    cases: dict[str, Arrays],
    setting: Setting,
    compiled: bool = False,
    text: bool = False,
) -> Workload:
    threads = use_threads(setting)
    config = session_pb2.ConfigProto(
        intra_op_parallelism_threads=setting.threads,
        inter_op_parallelism_threads=setting.threads,
    )
    with tempfile.TemporaryDirectory() as folder:
        session = SavedModelSession(export(weights, folder), config=config)
    signature = session.signatures["compiled_default" if text else "compiled_ids"]
    names = sorted({*signature.outputs} - {"size"})
    fetches = [signature.outputs[name].name for name in names]
    given, seconds = {}, {}
    for case, arrays in cases.items():
        inputs: dict[str, Any] = {"source_ids": arrays["source"]}
        if text:
            inputs = {"text": _texts(arrays["source"])}
        sizes = signature.inputs["ready"].tensor_shape.dim
        inputs["ready"] = np.full([dim.size for dim in sizes], compiled)
        given[case] = {signature.inputs[k].name: x for k, x in inputs.items()}
        start = time.perf_counter()
        session.run(given[case], fetches)
        seconds[f"first_ms {case}"] = round(1e3 * (time.perf_counter() - start))

    def check(case: str) -> Arrays:
        found = dict(zip(names, session.run(given[case], fetches), strict=True))
        if text:
            found["ids"] = _ids(found["text"])
            found["length"] = np.sum(found["ids"] != PAD, axis=-1)
        return {
            "ids": found["ids"],
            "lengths": found["length"],
            "log_probs": found["log_prob"],
        }

    def call(case: str) -> None:
        session.run(given[case], fetches)

    return Workload(check, call, versions(), threads | seconds)


def _texts(source: np.ndarray) -> np.ndarray:
    texts = np.empty(len(source), object)
    for place, row in enumerate(source):
        texts[place] = "".join(chr(FIRST_LETTER + i) for i in row[:-1]).encode()
    return texts


def _ids(texts: np.ndarray) -> np.ndarray:
    rows = [[int(word[1:]) for word in text.split()] for text in texts]
    return np.asarray(tf.ragged.constant(rows, tf.int32).to_tensor(PAD))
