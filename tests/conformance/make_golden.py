"""Artefacts of this version, for later ones to load: models, a pipeline, an export.

`python -m tests.conformance.make_golden VERSION` writes them into a folder of that
name, once: what has been released does not change. With names behind it, such as
`0.2.0.dev0 inflection`, it writes those alone: what no earlier version has.
"""

import dataclasses
import json
import pathlib
import shutil
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
CONFIGS = {"*.keras": "config.json", "*.keras_attention": "tokenizers.json"}
# The largest beam of the export.
BEAM = 4


def write_models(folder, names):
    """Each model with random weights, so that no weight is left at 0 or 1."""
    models = {}
    for module in (attention_models, layer_models, sequence_models):
        models |= module.build()
    for name in models if names is None else names:
        golden = models[name]
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


def write_pipeline(made, folder, name):
    case = pipeline.CASES[name]
    made.save(folder / f"{name}.keras_attention")
    answers = [
        {"options": options, "answers": recorded.predictions(made, case.texts, options)}
        for options in pipeline.OPTIONS.values()
    ]
    document = {
        "texts": case.texts,
        "predict": answers,
        "target_texts": case.targets,
        "score": recorded.scores(made, case.texts, case.targets),
    }
    recorded.write_json(folder / f"{name}.json", document)


def write_export(made, folder, name):
    """The export, and every signature with its defaults and with options by row."""
    import tensorflow as tf

    base = folder / f"{name}_exported"
    loaded = tf.saved_model.load(made.export(base, version=1, max_beam_size=BEAM))
    calls = []

    def call(signature, inputs):
        outputs = recorded.signature_outputs(loaded, signature, inputs)
        calls.append({"signature": signature, "inputs": inputs, "outputs": outputs})
        return outputs

    _, texts, targets, (first, second, third, fourth) = pipeline.CASES[name]
    texts = texts if isinstance(texts, dict) else {"text": texts}
    call("serving_default", texts)
    call("score", texts | {"target_text": targets})
    chosen = {
        "beam_size": [1, 2, 3, 4, 4],
        "max_length": [4, 5, 6, 7, 8],
        "length_penalty": [0.6],
        "banned_tokens": ["", f"{second} {first}", third, "", ""],
        "prefix": [first, "", f"{fourth} {second}", "", third],
    }
    for signature in ("n_best", "align"):
        call(signature, texts)
    for signature in ("predict", "n_best", "align"):
        signature += "_with_options"
        names = loaded.signatures[signature].structured_input_signature[1]
        defaults = {
            name: [_sent(value)]
            for name, value in dataclasses.asdict(ka.GenerationOptions()).items()
            if name in names
        }
        several = {"alternatives": [1, 2, 3, 4, 2]} if "alternatives" in names else {}
        call(signature, texts | defaults)
        call(signature, texts | defaults | chosen | several)
    kept = call("encode", texts)
    for token in ("<s>", first):
        taken = loaded.signatures["step"].structured_input_signature[1]
        given = {name: kept[name] for name in taken if name != "token"}
        kept = kept | call("step", {"token": [token] * len(targets)} | given)
    recorded.write_json(base.with_suffix(".json"), calls)
    shutil.make_archive(base, "zip", base)
    shutil.rmtree(base)


def _sent(option):
    """A value of an option as signatures take it."""
    if option == ():
        return ""
    return 0 if option is None else option


def not_written(folder):
    """Registered classes that no artefact has."""
    configs = ""
    for pattern, config in CONFIGS.items():
        for path in folder.glob(pattern):
            with zipfile.ZipFile(path) as archive:
                configs += archive.read(config).decode()
    names = keras.saving.get_custom_objects()
    ours = [name for name in names if name.startswith("keras_attention>")]
    return [name for name in ours if json.dumps(name) not in configs]


def main(version, *names):
    if not names and version != ka.__version__:
        raise SystemExit(f"This is {ka.__version__}. Received: {version}")
    folder = HERE / version
    folder.mkdir(exist_ok=bool(names))
    cases = [name for name in pipeline.CASES if not names or name in names]
    write_models(folder, set(names) - set(cases) if names else None)
    for name in cases:
        made = pipeline.CASES[name].build()
        write_pipeline(made, folder, name)
        write_export(made, folder, name)
    missing = [] if names else not_written(folder)
    if missing:
        raise SystemExit(f"In no artefact: {missing}")


if __name__ == "__main__":
    main(*sys.argv[1:])
