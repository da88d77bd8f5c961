"""Values that a client returns: small, immutable, no messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Texts = Iterable[str | bytes]
#: Texts, or of a model of several inputs those of each by its name.
Inputs = Texts | Mapping[str, Texts]
#: Options of a model by name, each one value for all texts or one value a text.
Options = Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model's answer to one text.

    ``predict`` and ``n_best`` fill the first two fields; ``align`` fills all. Shapes:
    T target tokens, S source tokens, both of this row alone, without padding.

    Attributes:
        text: The output text.
        log_prob: Natural logarithm of its probability, summed over its tokens.
        tokens: Target tokens ``[T]``.
        source_tokens: Source tokens ``[S]``.
        source_offsets: For each source token its first byte and the byte after its
            last, in the UTF-8 text as it was sent ``[S]``.
        alignment: Attention weights ``[T, S]``, or None.
    """

    text: str
    log_prob: float
    tokens: list[str] = field(default_factory=list)
    source_tokens: list[str] = field(default_factory=list)
    source_offsets: list[tuple[int, int]] = field(default_factory=list)
    alignment: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ScoredText:
    """What the model thinks of a target text. T target tokens, S source tokens.

    Attributes:
        log_prob: Natural logarithm of its probability, the end symbol included.
        token_log_probs: Those of its tokens ``[T]``.
        tokens: Target tokens ``[T]``.
        source_tokens: Source tokens ``[S]``.
        source_offsets: As in :class:`Prediction`.
        alignment: Attention weights ``[T, S]``.
    """

    log_prob: float
    token_log_probs: np.ndarray
    tokens: list[str]
    source_tokens: list[str]
    source_offsets: list[tuple[int, int]]
    alignment: np.ndarray


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: TensorFlow's dtype name and a shape.

    Attributes:
        dtype: Such as ``"DT_STRING"``.
        shape: None for an unknown dimension; None altogether for an unknown rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """One way to call a model.

    Attributes:
        inputs: Specification by input name.
        outputs: Specification by output name.
        defaults: Values of the inputs that may be left out.
        method_name: TensorFlow's name for the kind of signature.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: Mapping[str, np.ndarray]
    method_name: str


@dataclass(frozen=True)
class ModelMetadata:
    """What one version of a model offers."""

    name: str
    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """How one version of a model fares.

    Attributes:
        version: Its number.
        state: ``START``, ``LOADING``, ``AVAILABLE``, ``UNLOADING`` or ``END``.
        error_code: ``OK``, or why it could not be loaded.
        error_message: The same in words.
    """

    version: int
    state: str
    error_code: str
    error_message: str
