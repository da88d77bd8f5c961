"""Export of a SavedModel: trace, try out, write, warm up, check, publish."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_attention.export import warmup_requests
from keras_attention.export.graph_checks import check_saved_model
from keras_attention.export.postprocessing import finish
from keras_attention.export.tracing import portable
from keras_attention.export.trial_requests import try_out
from keras_attention.export.version_folders import check_version, publish, staging
from keras_attention.layer_support.argument_checks import local_path, positive_integer
from keras_attention.pipeline.graphs import Parts


def export(
    parts: Parts,
    model_base_path: str | os.PathLike[str],
    version: int | None,
    max_beam_size: int,
    compiled: bool,
) -> Path:
    """Write one version of a model for TF Serving; see `TextToText.export`."""
    base = local_path("model_base_path", model_base_path)
    check_version(base, version)
    positive_integer("max_beam_size", max_beam_size)
    warmup_requests.messages()
    signatures, functions = portable(parts, max_beam_size, compiled)
    requests = try_out(parts, signatures, functions)
    with staging(base) as directory:
        tf.saved_model.save(
            _root(parts, functions), str(directory), signatures=functions
        )
        finish(directory, {name: item.defaults for name, item in signatures.items()})
        warmup_requests.write(directory, base.resolve().name, requests)
        check_saved_model(directory)
        return publish(directory, base, version)


def _root(parts: Parts, functions: Mapping[str, Any]) -> Any:
    """An object that holds whatever the functions need, and nothing else."""
    root = tf.Module(name="text_to_text")
    root.text = [
        part
        for part in (
            *parts.source.tokenizers.values(),
            parts.target_tokenizer,
            parts.unknown_words,
        )
        if part is not None
    ]
    captured = [v for function in functions.values() for v in function.variables]
    root.weights = list({v.ref(): v for v in captured}.values())
    return root
