"""The agreement with exported models: what is read back.

Every tensor starts with the batch. Letters: B texts, T target and S source tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from serving.client.values import Prediction, ScoredText
from serving.errors import UnexpectedResponse

# The log-probability of a place that no answer came to.
_UNUSED = np.finfo(np.float32).min


def read_predictions(outputs: Mapping[str, np.ndarray], batch: int) -> list[Prediction]:
    """Texts and log-probabilities, from ``serving_default``.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    texts = _strings(_output(outputs, "text", (batch,), "O"))
    log_probs = _output(outputs, "log_prob", (batch,), "f").tolist()
    return [Prediction(*row) for row in zip(texts, log_probs, strict=True)]


def read_n_best(
    outputs: Mapping[str, np.ndarray], batch: int
) -> list[list[Prediction]]:
    """Several answers to each text, from ``n_best``; unused places are dropped.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    texts = _output(outputs, "text", (batch, None), "O")
    log_probs = _output(outputs, "log_prob", texts.shape, "f")
    return [
        [
            Prediction(text, float(log_prob))
            for text, log_prob in zip(_strings(row), scores, strict=True)
            if log_prob > _UNUSED
        ]
        for row, scores in zip(texts, log_probs, strict=True)
    ]


def read_alignments(outputs: Mapping[str, np.ndarray], batch: int) -> list[Prediction]:
    """Texts with their tokens and attention weights, from ``align``.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    plain = read_predictions(outputs, batch)
    return [
        replace(row, **details)
        for row, details in zip(plain, _details(outputs, batch), strict=True)
    ]


def read_scores(outputs: Mapping[str, np.ndarray], batch: int) -> list[ScoredText]:
    """What the model thinks of given targets, from ``score``.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    totals = _output(outputs, "log_prob", (batch,), "f").tolist()
    each = _output(outputs, "token_log_prob", (batch, None), "f")
    return [
        ScoredText(
            log_prob=total, token_log_probs=row[: len(details["tokens"])], **details
        )
        for total, row, details in zip(
            totals, each, _details(outputs, batch), strict=True
        )
    ]


def _details(outputs: Mapping[str, np.ndarray], batch: int) -> list[dict[str, Any]]:
    """Tokens, offsets and weights of each row, without padding.

    T and S of each row are what ``length`` and ``source_length`` say.
    """
    weights = _output(outputs, "alignment", (batch, None, None), "f")
    t, s = weights.shape[1:]
    tokens = _output(outputs, "tokens", (batch, t), "O")
    sources = _output(outputs, "source_tokens", (batch, s), "O")
    starts = _output(outputs, "source_start", (batch, s), "iu")
    ends = _output(outputs, "source_end", (batch, s), "iu")
    lengths = _lengths(outputs, "length", batch, t)
    source_lengths = _lengths(outputs, "source_length", batch, s)
    return [
        {
            "tokens": _strings(tokens[i, :t]),
            "source_tokens": _strings(sources[i, :s]),
            "source_offsets": list(
                zip(starts[i, :s].tolist(), ends[i, :s].tolist(), strict=True)
            ),
            "alignment": weights[i, :t, :s],
        }
        for i, (t, s) in enumerate(zip(lengths, source_lengths, strict=True))
    ]


def _lengths(
    outputs: Mapping[str, np.ndarray], name: str, batch: int, longest: int
) -> list[int]:
    lengths = _output(outputs, name, (batch,), "iu").tolist()
    if any(not 0 <= length <= longest for length in lengths):
        raise UnexpectedResponse(
            f"output {name}: expected lengths from 0 to {longest}, received {lengths}"
        )
    return lengths


def _output(
    outputs: Mapping[str, np.ndarray],
    name: str,
    shape: tuple[int | None, ...],
    kinds: str,
) -> np.ndarray:
    if name not in outputs:
        raise UnexpectedResponse(
            f"expected an output {name}, received {sorted(outputs)}; was the model "
            "exported by keras_attention? Use call() for others"
        )
    array = outputs[name]
    fits = array.ndim == len(shape) and all(
        want is None or want == got
        for want, got in zip(shape, array.shape, strict=True)
    )
    # bfloat16 is no NumPy kind of its own ("V"), yet a float to the caller.
    kind = "f" if array.dtype.name == "bfloat16" else array.dtype.kind
    if not fits or kind not in kinds:
        wanted = ["?" if size is None else size for size in shape]
        raise UnexpectedResponse(
            f"output {name}: expected shape {wanted}, received {array.dtype} "
            f"{list(array.shape)}"
        )
    return array


def _strings(row: np.ndarray) -> list[str]:
    return [item.decode("utf-8", "replace") for item in row.tolist()]
