"""Signatures of an exported model: strings in, strings and alignments out.

Every tensor starts with the batch, but for `ready` and `size`. A model of several
inputs has a string tensor for each, by its name, in the place of `text`.

| signature | in | out |
|---|---|---|
| `serving_default` | text | text, log_prob |
| `predict_with_options` | text, options | text, log_prob |
| `n_best` | text | text, log_prob `[B, N]` |
| `n_best_with_options` | text, options | text, log_prob `[B, N]` |
| `align` | text | text, log_prob, tokens, alignment and more |
| `align_with_options` | text, options | text, log_prob, tokens, alignment and more |
| `score` | text, target_text | log_prob, token_log_prob, alignment and more |
| `encode` | text | memory and state |
| `step` | token, memory, state | what may come next, state |
| `compiled_default` | text, ready | text, log_prob, size |
| `compiled_ids` | source_ids, ready | ids, length, log_prob, size |

`score`, `encode` and `step` are there for models that have `score`, or `encode` and
`stepper`; the compiled ones where they are wanted.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.export.compiled_search import READY, CompiledSearch
from keras_attention.export.step_signatures import Stepwise
from keras_attention.pipeline import option_inputs
from keras_attention.pipeline.graphs import Graphs
from keras_attention.pipeline.option_inputs import Tensors
from keras_attention.pipeline.refusals import refuse_sizes
from keras_attention.text.special_symbols import END_ID

_LOG = logging.getLogger(__name__)

DEFAULT, ENCODE, STEP = "serving_default", "encode", "step"
COMPILED_TEXT, COMPILED_IDS = COMPILED = ("compiled_default", "compiled_ids")


class SignatureGraph(NamedTuple):
    """One way to call an exported model.

    Attributes:
        inputs: What is taken, by name.
        defaults: What the server takes for inputs that are not sent, `[1]`.
        trial: What an export is tried with, where that is not the default.
        answer: Graph function of the inputs by name.
    """

    inputs: Mapping[str, tf.TensorSpec]
    defaults: dict[str, np.ndarray]
    trial: dict[str, np.ndarray]
    answer: Callable[[Tensors], Tensors]


def signatures(shared: Graphs, compiled: bool) -> dict[str, SignatureGraph]:
    """All signatures that a model can have, by name."""
    model = shared.parts.model
    found = {
        DEFAULT: _texts(shared, lambda inputs: _serving_default(shared, inputs)),
        "predict_with_options": _with_options(
            shared, lambda found: _first(found, ("text", "log_prob"))
        ),
        "n_best_with_options": _with_options(
            shared,
            lambda found: {name: found[name] for name in ("text", "log_prob")},
            alternatives=True,
        ),
        "align_with_options": _with_options(
            shared, lambda found: _first(found, tuple(found))
        ),
    }
    for name in ("n_best", "align"):
        found[name] = _by_default(shared, found[f"{name}_with_options"])
    if hasattr(model, "score"):
        found["score"] = _texts(
            shared, lambda inputs: _score(shared, inputs), "target_text"
        )
    if hasattr(model, "encode") and hasattr(model, "stepper"):
        stepwise = Stepwise(shared)
        found[ENCODE] = _texts(shared, stepwise.encode)
        found[STEP] = SignatureGraph(stepwise.specs, {}, {}, stepwise.step)
    return found | (_compiled(shared) if compiled else {})


def _compiled(shared: Graphs) -> dict[str, SignatureGraph]:
    """Signatures that are compiled for the sizes that their caller says are ready."""
    search = CompiledSearch(shared).search
    try:
        search.get_concrete_function()
    except ValueError as error:
        # A shortlist, say, whose candidates are as many as there happen to be.
        _LOG.info("the model has no compiled signatures: %s", error)
        return {}
    defaults = {READY.name: np.zeros(READY.shape, bool)}

    def texts(inputs: Tensors) -> Tensors:
        source = shared.source(shared.parts.source.checked(inputs))
        found = search(source.ids, inputs[READY.name])
        size = found.pop("size")
        answers = shared.greedy_answers(source, found)
        return _first(answers, ("text", "log_prob")) | {"size": size}

    def ids(inputs: Tensors) -> Tensors:
        found = search(inputs["source_ids"], inputs[READY.name])
        return {
            "ids": found["ids"],
            "length": found["lengths"],
            "log_prob": tf.cast(found["log_probs"], tf.float32),
            "size": found["size"],
        }

    source_ids = tf.TensorSpec([None, None], tf.int32, name="source_ids")
    trial = {source_ids.name: np.full([1, 1], END_ID, np.int32)}
    given = {READY.name: READY}
    return {
        COMPILED_TEXT: SignatureGraph(
            _source_rows(shared) | given, defaults, {}, texts
        ),
        COMPILED_IDS: SignatureGraph(
            {source_ids.name: source_ids} | given, defaults, trial, ids
        ),
    }


def _texts(
    shared: Graphs, answer: Callable[[Tensors], Tensors], *more: str
) -> SignatureGraph:
    specs = _source_rows(shared) | {name: _rows(name, tf.string) for name in more}
    return SignatureGraph(specs, {}, {}, answer)


def _source_rows(shared: Graphs) -> dict[str, tf.TensorSpec]:
    return {name: _rows(name, tf.string) for name in shared.parts.source.names}


def _with_options(
    shared: Graphs, chosen: Callable[[Tensors], Tensors], alternatives: bool = False
) -> SignatureGraph:
    inputs = option_inputs.option_inputs(shared.max_beam_size, alternatives)
    # A search, but a short one.
    short = {"beam_size": min(2, shared.max_beam_size), "max_length": 4}

    def answer(tensors: Tensors) -> Tensors:
        asked = {"alternatives": tf.ones([1], tf.int32), **tensors}
        texts = shared.parts.source.checked(asked)
        asked = {name: asked[name] for name in asked.keys() - texts.keys()}
        return chosen(shared.checked_search(texts, asked))

    return SignatureGraph(
        _source_rows(shared)
        | {name: _rows(name, option.dtype) for name, option in inputs.items()},
        {name: option.array() for name, option in inputs.items()},
        {name: inputs[name]._replace(default=short[name]).array() for name in short},
        answer,
    )


def _by_default(shared: Graphs, signature: SignatureGraph) -> SignatureGraph:
    """The same with every option at its default: a person can send a text alone."""
    constants = signature.defaults

    def answer(tensors: Tensors) -> Tensors:
        options = {name: tf.constant(value) for name, value in constants.items()}
        return signature.answer(options | tensors)

    return SignatureGraph(_source_rows(shared), {}, {}, answer)


def _rows(name: str, dtype: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None], dtype, name=name)


def _serving_default(shared: Graphs, inputs: Tensors) -> Tensors:
    texts = shared.parts.source.checked(inputs)
    rows = tf.shape(next(iter(texts.values())))
    answers = shared.greedy(texts, tf.zeros(rows, tf.int32), tf.zeros(rows, tf.float32))
    return _first(answers, ("text", "log_prob"))


def _first(answers: Tensors, names: tuple[str, ...]) -> Tensors:
    """Of several answers the best; what is said of the source has no others."""
    return {
        name: value if name.startswith("source_") else value[:, 0]
        for name, value in ((name, answers[name]) for name in names)
    }


def _score(shared: Graphs, inputs: Tensors) -> Tensors:
    texts = shared.parts.source.checked(inputs)
    targets = {"target_text": inputs["target_text"]}
    rows = tf.shape(next(iter(texts.values())))[0]
    with tf.control_dependencies([refuse_sizes(targets, rows, or_one=False)]):
        texts = {name: tf.identity(text) for name, text in texts.items()}
        return shared.score(texts, targets["target_text"])
