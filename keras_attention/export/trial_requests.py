"""Trial requests: what an export is tried with, and a server warms up with."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.export.compiled_search import READY
from keras_attention.export.signatures import ENCODE, STEP, SignatureGraph
from keras_attention.pipeline.graphs import Parts
from keras_attention.text import Tokenizer
from keras_attention.text.special_symbols import END_ID, SPECIAL_TOKENS, START_ID

_TOKENS = 8

Arrays = Mapping[str, Any]


def try_out(
    parts: Parts, signatures: Mapping[str, SignatureGraph], functions: Mapping[str, Any]
) -> list[tuple[str, Arrays]]:
    """Ask every signature about a single text and about a batch.

    Returns:
        The requests: name of the signature, arrays by the name of the input.
    """
    requests = []
    with _unoptimised():
        for rows in (1, 2):
            for name, inputs in _requests(parts, signatures, functions, rows):
                tensors = {key: tf.constant(value) for key, value in inputs.items()}
                functions[name](**tensors)
                requests.append((name, inputs))
    return requests


@contextlib.contextmanager
def _unoptimised() -> Iterator[None]:
    """Run graphs as they are: optimising takes longer than a few short requests."""
    option = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def _requests(
    parts: Parts, signatures: Mapping[str, SignatureGraph], functions: Any, rows: int
) -> Iterator[tuple[str, Arrays]]:
    source = {
        name: _known_text(tokenizer, rows)
        for name, tokenizer in parts.source.tokenizers.items()
    }
    texts = source | {"target_text": _known_text(parts.target_tokenizer, rows)}
    for name, signature in signatures.items():
        if name == STEP:
            given = {name: tf.constant(text) for name, text in source.items()}
            encoded = functions[ENCODE](**given)
            inputs = {key: value.numpy() for key, value in encoded.items()}
            inputs["token"] = np.array([SPECIAL_TOKENS[START_ID]] * rows, object)
            yield name, {key: inputs[key] for key in signature.inputs}
            continue
        defaults = signature.defaults | signature.trial
        inputs = {
            key: value if key == READY.name else np.repeat(value, rows, axis=0)
            for key, value in defaults.items()
        }
        inputs |= {key: texts[key] for key in texts.keys() & signature.inputs.keys()}
        yield name, inputs


def _known_text(tokenizer: Tokenizer, rows: int) -> np.ndarray:
    """A text of symbols that the model knows, then empty ones, `[B]`."""
    first = len(SPECIAL_TOKENS)
    last = min(tokenizer.vocabulary_size, first + _TOKENS)
    known = tokenizer.detokenize([[*range(first, last), END_ID]]).numpy()
    return np.concatenate([known, np.array([b""] * (rows - 1), object)])
