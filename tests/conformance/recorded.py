"""What an artefact is asked, and the files that keep its answers.

A `.npz` beside a `.keras` file, a `.json` beside a pipeline or an export. They hold the
questions too, so that those of one version never depend on what a later one asks.
"""

import dataclasses
import json

import keras
import numpy as np

import keras_attention as ka

GROUPS = ("inputs", "labels", "search", "outputs")


def model_outputs(model, inputs, labels, search):
    """Name -> array: outputs, answers, losses, and what a step of training changes.

    Args:
        labels: By output; empty for a model that is not compiled.
        search: Options of generation; empty for a model that does not generate.
    """
    found = _named("call", model(inputs))
    if model.losses:
        found["regularization"] = keras.ops.convert_to_numpy(sum(model.losses))
    if search:
        source, targets = inputs["source_ids"], inputs["target_ids"][:, 1:]
        options = ka.GenerationOptions(**{k: v.item() for k, v in search.items()})
        found |= _named("greedy", model.generate(source)._asdict())
        found |= _named("search", model.generate(source, options)._asdict())
        found |= _named("score", model.score(source, targets)._asdict())
    if labels:
        evaluated = model.evaluate(inputs, labels, verbose=0, return_dict=True)
        found |= {f"evaluate/{k}": np.float32(v) for k, v in evaluated.items()}
        for step in range(3):
            loss = model.train_on_batch(inputs, labels, return_dict=True)["loss"]
            found[f"train/{step}"] = np.float32(loss)
    return found


def _named(prefix, outputs):
    if not isinstance(outputs, dict):
        outputs = {"output": outputs}
    return {
        f"{prefix}/{name}": keras.ops.convert_to_numpy(output)
        for name, output in outputs.items()
        if output is not None
    }


def write_arrays(path, **groups):
    """Groups of named arrays, `GROUPS`."""
    np.savez_compressed(
        path,
        **{
            f"{group}/{name}": array
            for group in GROUPS
            for name, array in groups[group].items()
        },
    )


def read_arrays(path):
    """Group -> name -> array."""
    groups = {group: {} for group in GROUPS}
    with np.load(path) as stored:
        for key in stored:
            group, name = key.split("/", 1)
            groups[group][name] = stored[key]
    return groups


def predictions(pipeline, texts, options):
    """Answers of `predict` as JSON has them."""
    found = pipeline.predict(texts, ka.GenerationOptions(**options))
    return [_plain(dataclasses.asdict(one)) for one in found]


def scores(pipeline, texts, target_texts):
    """Answers of `score` as JSON has them."""
    found = pipeline.score(texts, target_texts)
    return [_plain(dataclasses.asdict(one)) for one in found]


def signature_outputs(loaded, signature, inputs):
    """Answers of a signature as JSON has them.

    Args:
        loaded: What `tf.saved_model.load` returns.
        inputs: Name -> list, of all that the signature takes.
    """
    import tensorflow as tf

    function = loaded.signatures[signature]
    specs = function.structured_input_signature[1]
    given = {
        name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()
    }
    return {name: _plain(found.numpy()) for name, found in function(**given).items()}


def _plain(value):
    """Only what JSON has."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.9g}")  # As many digits as tell all float32 apart.
    return value.decode() if isinstance(value, bytes) else value


def write_json(path, document):
    """A line for each answer, so that differences can be read."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text.replace("},{", "},\n{") + "\n", encoding="utf-8")


def read_json(path):
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))
