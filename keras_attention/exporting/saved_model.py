"""The order of events: trace, try out, write, warm up, check, publish."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.exporting import warmup
from keras_attention.exporting.checks import check_saved_model
from keras_attention.exporting.devices import forget_devices
from keras_attention.exporting.publish import check_version, publish, staging
from keras_attention.exporting.signatures import SIGNATURES, Parts
from keras_attention.exporting.trace import portable
from keras_attention.text.special import END_ID, SPECIAL_TOKENS

_WARMUP_TOKENS = 8


def export(
    parts: Parts, model_base_path: str | os.PathLike[str], version: int | None = None
) -> Path:
    """Write one version of a model for TF Serving; see `TextToText.export`."""
    base = Path(model_base_path)
    check_version(base, version)
    warmup.messages()
    functions = portable(parts, SIGNATURES)
    requests = _requests(parts)
    for name, inputs in requests:
        functions[name](**{key: tf.constant(value) for key, value in inputs.items()})
    with staging(base) as directory:
        tf.saved_model.save(
            _root(parts, functions), str(directory), signatures=functions
        )
        forget_devices(directory)
        warmup.write(directory, base.resolve().name, requests)
        check_saved_model(directory)
        return publish(directory, base, version)


def _root(parts: Parts, functions: Mapping[str, Any]) -> Any:
    """An object that holds whatever the functions need, and nothing else."""
    root = tf.Module(name="text_to_text")
    root.tokenizers = [parts.source_tokenizer, parts.target_tokenizer]
    captured = [v for function in functions.values() for v in function.variables]
    root.weights = list({v.ref(): v for v in captured}.values())
    return root


def _requests(parts: Parts) -> list[tuple[str, Mapping[str, Any]]]:
    """A single text and a batch, of symbols that the model knows."""
    first = len(SPECIAL_TOKENS)
    last = min(parts.source_tokenizer.vocabulary_size, first + _WARMUP_TOKENS)
    known = parts.source_tokenizer.detokenize([[*range(first, last), END_ID]])
    single = known.numpy()
    batch = np.concatenate([single, np.array([b""], object)])
    return [(name, {"text": text}) for name in SIGNATURES for text in (single, batch)]
