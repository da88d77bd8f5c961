"""Responses of exported models as predictions, by the signature contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from serving.client.signature_contract import (
    ALIGN,
    DEFAULT_SIGNATURE,
    N_BEST,
    NOT_FOUND,
    OUTPUTS,
    SCORE,
)
from serving.client.values import Prediction, ScoredText
from serving.errors import UnexpectedResponse

Outputs = Mapping[str, np.ndarray]


def read_predictions(outputs: Outputs, batch: int) -> list[Prediction]:
    """Texts and log-probabilities, with options and without.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype. So do
            the other readers.
    """
    found = _checked(outputs, DEFAULT_SIGNATURE, batch)
    rows = zip(_strings(found["text"]), found["log_prob"].tolist(), strict=True)
    return [Prediction(*row) for row in rows]


def read_n_best(outputs: Outputs, batch: int) -> list[list[Prediction]]:
    """Several predictions of each text, fewer where fewer were found."""
    found = _checked(outputs, N_BEST, batch)
    return [
        [
            Prediction(text, float(log_prob))
            for text, log_prob in zip(_strings(texts), log_probs, strict=True)
            if log_prob > NOT_FOUND
        ]
        for texts, log_probs in zip(found["text"], found["log_prob"], strict=True)
    ]


def read_alignments(outputs: Outputs, batch: int) -> list[Prediction]:
    """Texts with their tokens and attention weights."""
    rows = _token_fields(_checked(outputs, ALIGN, batch))
    predictions = read_predictions(outputs, batch)
    return [replace(one, **row) for one, row in zip(predictions, rows, strict=True)]


def read_scores(outputs: Outputs, batch: int) -> list[ScoredText]:
    """How probable the model finds given targets."""
    found = _checked(outputs, SCORE, batch)
    totals, each = found["log_prob"].tolist(), found["token_log_prob"]
    rows = zip(totals, each, _token_fields(found), strict=True)
    return [
        ScoredText(log_prob=total, token_log_probs=one[: len(row["tokens"])], **row)
        for total, one, row in rows
    ]


def _token_fields(found: Outputs) -> Iterator[dict[str, Any]]:
    """Tokens, offsets and weights of each row, without padding."""
    ends = zip(_lengths(found, "length"), _lengths(found, "source_length"), strict=True)
    for i, (t, s) in enumerate(ends):
        start, end = (found[name][i, :s].tolist() for name in _OFFSETS)
        yield {
            "tokens": _strings(found["tokens"][i, :t]),
            "source_tokens": _strings(found["source_tokens"][i, :s]),
            "source_offsets": list(zip(start, end, strict=True)),
            "alignment": found["alignment"][i, :t, :s],
        }


_OFFSETS = ("source_start", "source_end")


def _lengths(found: Outputs, name: str) -> list[int]:
    longest = found[name.replace("length", "tokens")].shape[1]
    lengths = found[name].tolist()
    if any(not 0 <= length <= longest for length in lengths):
        raise UnexpectedResponse(
            f"output `{name}` must hold lengths of rows. "
            f"Expected: 0 to {longest}. Received: {lengths}"
        )
    return lengths


def _checked(outputs: Outputs, signature: str, batch: int) -> Outputs:
    """The outputs, once all have the axes and dtypes of the contract."""
    sizes = {"B": batch}
    for name, (axes, kinds) in OUTPUTS[signature].items():
        if name not in outputs:
            raise UnexpectedResponse(
                "the model must be one that keras_attention exported; use call() for "
                f"others. Expected: an output {name}. Received: {sorted(outputs)}"
            )
        array = outputs[name]
        if array.ndim == len(axes):
            sizes = dict(zip(axes, array.shape, strict=True)) | sizes
        shape = tuple(sizes.get(axis, "?") for axis in axes)
        # bfloat16 is no NumPy kind of its own ("V"), yet a float to the caller.
        kind = array.dtype.kind
        if kind == "V" and array.dtype.name == "bfloat16":
            kind = "f"
        if array.shape != shape or kind not in kinds:
            raise UnexpectedResponse(
                f"output `{name}` must have the shape and dtype of the signature "
                f"{signature}. Expected: [{', '.join(map(str, shape))}]. "
                f"Received: {array.dtype} {list(array.shape)}"
            )
    return outputs


def _strings(row: np.ndarray) -> list[str]:
    return [item.decode("utf-8", "replace") for item in row.tolist()]
