"""What a text-to-text model answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


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


def predictions(outputs: Mapping[str, Any]) -> list[Prediction]:
    """Predictions of a batch, from the arrays that `exporting.graphs` computes."""
    return [_prediction(row) for row in _rows(outputs)]


def scored_texts(outputs: Mapping[str, Any]) -> list[ScoredText]:
    """Scores of a batch, from the arrays that `exporting.graphs` computes."""
    return [
        ScoredText(
            log_prob=float(row["log_prob"]),
            token_log_probs=row["token_log_prob"][: row["length"]].copy(),
            **_target(row, int(row["source_length"])),
            **_source(row),
        )
        for row in _rows(outputs)
    ]


def _rows(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in range(len(outputs["log_prob"])):
        yield {name: output[row] for name, output in outputs.items()}


def _prediction(row: Mapping[str, Any]) -> Prediction:
    source = _source(row)
    answers = [
        Prediction(
            text=row["text"][place].decode(),
            log_prob=float(row["log_prob"][place]),
            **_target(
                {name: row[name][place] for name in _TARGET}, int(row["source_length"])
            ),
            **source,
        )
        for place in range(len(row["length"]))
        # Places that no hypothesis came to.
        if row["length"][place]
    ]
    return replace(answers[0], alternatives=tuple(answers[1:]))


_TARGET = ("tokens", "length", "alignment")


def _target(answer: Mapping[str, Any], source_length: int) -> dict[str, Any]:
    length = int(answer["length"])
    return {
        "tokens": [token.decode() for token in answer["tokens"][:length]],
        "alignment": answer["alignment"][:length, :source_length].copy(),
    }


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    s = int(row["source_length"])
    starts, ends = row["source_start"][:s], row["source_end"][:s]
    return {
        "source_tokens": [token.decode() for token in row["source_tokens"][:s]],
        "source_offsets": list(zip(starts.tolist(), ends.tolist(), strict=True)),
    }
