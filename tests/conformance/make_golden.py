"""Artefacts of this version, for later ones to load: models, a pipeline, an export.

`python -m tests.conformance.make_golden VERSION` writes them into a folder of that
name, once: what has been released does not change.
"""

import dataclasses
import json
import pathlib
import sys
import zipfile
import zlib

import keras
import numpy as np

import keras_attention as ka
from tests.conformance import (
    attention_models,
    layer_models,
    pipeline,
    recorded,
    sequence_models,
)

HERE = pathlib.Path(__file__).parent
SEARCH = {
    "beam_size": 3,
    "alternatives": 2,
    "length_penalty": 0.6,
    "coverage_penalty": 0.2,
    "repetition_penalty": 1.5,
    "no_repeat_ngram": 2,
    "min_length": 4,
    "max_length": 6,
}
# The largest beam of the export.
BEAM = 4


def write_models(folder):
    """Each model with random weights, so that no weight is left at 0 or 1."""
    models = {}
    for module in (attention_models, layer_models, sequence_models):
        models |= module.build()
    for name, golden in models.items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        for variable in golden.model.weights:
            if keras.backend.is_float_dtype(variable.dtype):
                variable.assign(random.normal(scale=0.5, size=variable.shape))
        labels = golden.labels or {}
        for _ in range(2 if labels else 0):
            golden.model.train_on_batch(golden.inputs, labels)
        golden.model.save(folder / f"{name}.keras")
        generates = hasattr(golden.model, "generate")
        asked = {
            "inputs": golden.inputs,
            "labels": labels,
            "search": {k: np.array(v) for k, v in SEARCH.items()} if generates else {},
        }
        outputs = recorded.model_outputs(golden.model, *asked.values())
        recorded.write_arrays(folder / f"{name}.npz", **asked, outputs=outputs)
        print(f"{name}: {len(outputs)} outputs")


def write_pipeline(made, folder):
    made.save(folder / "text.keras_attention")
    texts, targets = pipeline.TEXTS, pipeline.TARGETS
    answers = [
        {"options": options, "answers": recorded.predictions(made, texts, options)}
        for options in pipeline.OPTIONS.values()
    ]
    document = {
        "texts": texts,
        "predict": answers,
        "target_texts": targets,
        "score": recorded.scores(made, texts, targets),
    }
    recorded.write_json(folder / "text.json", document)


def write_export(made, folder):
    """The export, and every signature with its defaults and with options by row."""
    import tensorflow as tf

    path = made.export(folder / "text_exported", version=1, max_beam_size=BEAM)
    loaded = tf.saved_model.load(path)
    calls = []

    def call(signature, inputs):
        outputs = recorded.signature_outputs(loaded, signature, inputs)
        calls.append({"signature": signature, "inputs": inputs, "outputs": outputs})
        return outputs

    texts = pipeline.TEXTS
    call("serving_default", {"text": texts})
    call("score", {"text": texts, "target_text": pipeline.TARGETS})
    chosen = {
        "beam_size": [1, 2, 3, 4, 4],
        "max_length": [4, 5, 6, 7, 8],
        "length_penalty": [0.6],
        "banned_tokens": ["", "S T", "AA1", "", ""],
        "prefix": ["T", "", "R S", "", "AA1"],
    }
    for signature in ("n_best", "align"):
        call(signature, {"text": texts})
    for signature in ("predict", "n_best", "align"):
        signature += "_with_options"
        names = loaded.signatures[signature].structured_input_signature[1]
        defaults = {
            name: [_sent(value)]
            for name, value in dataclasses.asdict(ka.GenerationOptions()).items()
            if name in names
        }
        several = {"alternatives": [1, 2, 3, 4, 2]} if "alternatives" in names else {}
        call(signature, {"text": texts} | defaults)
        call(signature, {"text": texts} | defaults | chosen | several)
    kept = call("encode", {"text": texts})
    for token in ("<s>", "T"):
        taken = loaded.signatures["step"].structured_input_signature[1]
        given = {name: kept[name] for name in taken if name != "token"}
        kept = kept | call("step", {"token": [token] * len(texts)} | given)
    recorded.write_json(folder / "text_exported.json", calls)


def _sent(option):
    """A value of an option as signatures take it."""
    if option == ():
        return ""
    return 0 if option is None else option


def not_written(folder):
    """Registered classes that no artefact has."""
    configs = ""
    for path in folder.glob("*.keras"):
        with zipfile.ZipFile(path) as archive:
            configs += archive.read("config.json").decode()
    with zipfile.ZipFile(folder / "text.keras_attention") as archive:
        configs += archive.read("tokenizers.json").decode()
    names = keras.saving.get_custom_objects()
    ours = [name for name in names if name.startswith("keras_attention>")]
    return [name for name in ours if json.dumps(name) not in configs]


def main(version):
    if version != ka.__version__:
        raise SystemExit(f"This is {ka.__version__}. Received: {version}")
    folder = HERE / version
    folder.mkdir()
    write_models(folder)
    made = pipeline.build()
    write_pipeline(made, folder)
    write_export(made, folder)
    missing = not_written(folder)
    if missing:
        raise SystemExit(f"In no artefact: {missing}")


if __name__ == "__main__":
    main(*sys.argv[1:])
