"""Signatures of exported models: their names, their inputs and what they return.

``keras_attention.export`` writes them. The two packages share these names and no code;
the tests of exports hold one to the other. Letters: B texts, A predictions of a text, T
target and S source tokens.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

DEFAULT_SIGNATURE = "serving_default"
WITH_OPTIONS = "predict_with_options"
N_BEST = "n_best"
ALIGN = "align"
SCORE = "score"
#: What an embedded server computes the default one by, with one more input and output:
#: which sizes' programs it may use, and the number of this request's.
COMPILED_DEFAULT = "compiled_default"
READY_INPUT, SIZE_OUTPUT = "ready", "size"

#: The input of a model of one; several have names of their own.
TEXT_INPUT = "text"
TARGET_INPUT = "target_text"

#: The log-probability of a prediction that was asked for and not found.
NOT_FOUND = np.finfo(np.float32).min

_TOKENS = {
    "alignment": ("BTS", "f"),
    "tokens": ("BT", "O"),
    "source_tokens": ("BS", "O"),
    "source_start": ("BS", "iu"),
    "source_end": ("BS", "iu"),
    "length": ("B", "iu"),
    "source_length": ("B", "iu"),
}
_TEXTS = {"text": ("B", "O"), "log_prob": ("B", "f")}

#: By signature: name of an output to its axes and the kinds of NumPy's dtypes it has.
OUTPUTS = {
    DEFAULT_SIGNATURE: _TEXTS,
    N_BEST: {"text": ("BA", "O"), "log_prob": ("BA", "f")},
    ALIGN: _TEXTS | _TOKENS,
    SCORE: {"log_prob": ("B", "f"), **_TOKENS, "token_log_prob": ("BT", "f")},
}


def with_options(name: str, signatures: Container[str]) -> str:
    """What takes options instead of ``align`` or ``n_best``, among those there are.

    Exports of version 0.1 have one signature for both.
    """
    longer = f"{name}_with_options"
    return longer if longer in signatures else name
