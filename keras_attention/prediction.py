"""What a text-to-text model answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        alternatives: Other outputs for the same text, best first.
    """

    text: str
    log_prob: float
    tokens: list[str]
    source_tokens: list[str]
    source_offsets: list[tuple[int, int]]
    alignment: np.ndarray
    alternatives: Sequence["Prediction"] = ()


def from_alignment(outputs: Mapping[str, Any]) -> list[Prediction]:
    """Predictions of a batch, from the outputs of signature `align` as arrays."""
    return [
        _row({name: output[row] for name, output in outputs.items()})
        for row in range(len(outputs["text"]))
    ]


def _row(outputs: Mapping[str, Any]) -> Prediction:
    t, s = int(outputs["length"]), int(outputs["source_length"])
    starts, ends = outputs["source_start"][:s], outputs["source_end"][:s]
    return Prediction(
        text=outputs["text"].decode(),
        log_prob=float(outputs["log_prob"]),
        tokens=[token.decode() for token in outputs["tokens"][:t]],
        source_tokens=[token.decode() for token in outputs["source_tokens"][:s]],
        source_offsets=list(zip(starts.tolist(), ends.tolist(), strict=True)),
        alignment=outputs["alignment"][:t, :s].copy(),
    )
