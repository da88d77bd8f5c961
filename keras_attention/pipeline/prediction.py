"""Answers of a text-to-text model, as values of Python and NumPy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from keras_attention.layer_support.types import Tensor
from keras_attention.text.text_lists import at_least_one

Arrays = Mapping[str, np.ndarray]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer to one text. T target tokens, S source tokens, without padding.

    Attributes:
        text: The output text.
        log_prob: Natural logarithm of its probability, summed over its tokens,
            the end symbol included.
        tokens: Target tokens `[T]`, the last one `"</s>"` unless the text was cut
            at its greatest length.
        source_tokens: Source tokens `[S]`, as normalised, the last one `"</s>"`.
        source_offsets: For each source token its first byte and the byte after
            its last, in the UTF-8 of the text as given `[S]`.
        alignment: Attention weights `[T, S]`, the mean over heads.
        alternatives: Other outputs for the same text, best first, where several
            were asked for.
    """

    text: str
    log_prob: float
    tokens: list[str]
    source_tokens: list[str]
    source_offsets: list[tuple[int, int]]
    alignment: np.ndarray
    alternatives: Sequence["Prediction"] = ()


@dataclass(frozen=True, eq=False)
class ScoredText:
    """How probable a target text is. T target tokens, S source tokens.

    Attributes:
        log_prob: Natural logarithm of its probability, the end symbol included.
        token_log_probs: Those of its tokens `[T]`.
        tokens: Target tokens `[T]`, the last one `"</s>"`; `"<unk>"` for what is
            not in the vocabulary, and is scored as unknown.
        source_tokens, source_offsets: As in `ka.Prediction`, `[S]`.
        alignment: Attention weights `[T, S]`, the mean over heads.
    """

    log_prob: float
    token_log_probs: np.ndarray
    tokens: list[str]
    source_tokens: list[str]
    source_offsets: list[tuple[int, int]]
    alignment: np.ndarray


def in_batches(
    rows: Sequence[bytes],
    batch_size: int,
    run: Callable[[list[int]], Mapping[str, Tensor]],
    read: Callable[[Arrays], list[_Answer]],
) -> list[_Answer]:
    """Answers in the order of the rows, computed for rows of like length at a time."""
    at_least_one(batch_size=batch_size)
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    found: dict[int, _Answer] = {}
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        arrays = {name: tensor.numpy() for name, tensor in run(chosen).items()}
        found.update(zip(chosen, read(arrays), strict=True))
    return [found[row] for row in range(len(rows))]


def predictions(outputs: Arrays) -> list[Prediction]:
    """Predictions of a batch, from what `Graphs.search` or `greedy` computes."""
    return [_prediction(row) for row in _rows(outputs)]


def scored_texts(outputs: Arrays) -> list[ScoredText]:
    """Likelihoods of a batch, from what `Graphs.score` computes."""
    return [
        ScoredText(
            log_prob=float(row["log_prob"]),
            token_log_probs=row["token_log_prob"][: row["length"]].copy(),
            **_target(row["tokens"], row["alignment"], row["length"], row),
            **_source(row),
        )
        for row in _rows(outputs)
    ]


def _rows(outputs: Arrays) -> Iterator[dict[str, Any]]:
    for row in range(len(outputs["log_prob"])):
        yield {name: output[row] for name, output in outputs.items()}


def _prediction(row: dict[str, Any]) -> Prediction:
    source = _source(row)
    answers = [
        Prediction(
            text=row["text"][place].decode(),
            log_prob=float(row["log_prob"][place]),
            **_target(row["tokens"][place], row["alignment"][place], length, row),
            **source,
        )
        for place, length in enumerate(row["length"])
        # Places that no hypothesis came to.
        if length
    ]
    return replace(answers[0], alternatives=tuple(answers[1:]))


def _target(
    tokens: np.ndarray, alignment: np.ndarray, length: int, row: dict[str, Any]
) -> dict[str, Any]:
    return {
        "tokens": [token.decode() for token in tokens[:length]],
        "alignment": alignment[:length, : row["source_length"]].copy(),
    }


def _source(row: dict[str, Any]) -> dict[str, Any]:
    s = row["source_length"]
    starts, ends = row["source_start"][:s], row["source_end"][:s]
    return {
        "source_tokens": [token.decode() for token in row["source_tokens"][:s]],
        "source_offsets": list(zip(starts.tolist(), ends.tolist(), strict=True)),
    }
