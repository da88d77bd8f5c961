r"""Option table: every option of generation once, with all that is derived from it.

What a user gives (`GenerationOptions`), values per row (`RowOptions`), parts of the
search (`Features`), inputs of a signature (`pipeline.option_inputs`), error messages
and tables of the documentation take options from here. To add one, add a field; then
the search has to act on it.
"""

from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from keras_attention.generation.options.option import (
    INT32,
    Contradiction,
    Kind,
    Option,
)
from keras_attention.layer_support.types import Tensor

Values: TypeAlias = Any
"""A number for all rows, or one for each: a sequence, an array or a tensor `[B]`."""

IdLists: TypeAlias = Any
"""A list of ids for all rows, or one for each; in a graph a tensor `[B, M]`."""

_LARGEST = 100.0  # Of a penalty: beyond it the rank score leaves float32.


def _option(kind: Kind, default: Any, doc: str, **rest: Any) -> Any:
    return field(default=default, metadata={"kind": kind, "doc": doc, **rest})


def _above_limit(values: Tensor, limit: Tensor) -> Tensor:
    return (values > limit) & (limit > 0)  # In a graph 0 is no limit.


_EXCEED = "`{}` must not exceed `{}`"
_LONGER = "`{}` must not be longer than `{}`"
_ABOVE_BEAM = Contradiction(
    "beam_size", _EXCEED, lambda some, beams: some > beams, rows="searching"
)
_UNEVEN = Contradiction(
    "beam_size",
    "`{1}` must be a multiple of `{0}`",
    lambda groups, beams: beams % groups != 0,
    rows="searching",
)


@dataclass(frozen=True)
class OptionTable:
    """The options as fields."""

    beam_size: Values = _option(
        "integer", 1, "hypotheses kept alive; 1 is greedy", low=1
    )
    alternatives: Values = _option(
        "integer",
        1,
        "answers of a row, best first; at most the beam size of rows that search",
        low=1,
        contradiction=_ABOVE_BEAM,
    )
    max_length: Values = _option(
        "integer", None, "most tokens, end included", low=1, needs="limit"
    )
    max_length_ratio: Values = _option(
        "number",
        None,
        "most tokens for every token of the row's source (0: no such bound), and 10 "
        "more where `max_length` says nothing; without either option "
        "`2 * length + 10`",
        high=1e4,
        needs="limit",
    )
    min_length: Values = _option(
        "integer",
        1,
        "fewest tokens, end included",
        needs="restricted",
        on=lambda length: length > 1,
        contradiction=Contradiction("max_length", _EXCEED, _above_limit),
    )
    length_penalty: Values = _option(
        "number", 0.0, r"$\alpha$ of the rank score", high=_LARGEST, needs="lengths"
    )
    length_power: Values = _option(
        "number",
        0.0,
        r"$\rho$; 1 is the average per token",
        high=_LARGEST,
        needs="lengths",
    )
    word_bonus: Values = _option(
        "number",
        0.0,
        r"$\gamma$, added for every token; may be negative",
        low=-_LARGEST,
        high=_LARGEST,
        needs="lengths",
    )
    coverage_penalty: Values = _option(
        "number",
        0.0,
        r"$\beta$; needs attention weights and the source mask",
        high=_LARGEST,
        needs="coverage",
    )
    beam_groups: Values = _option(
        "integer",
        1,
        "groups that the beam is divided into, which are kept from choosing alike; "
        "divides the beam size",
        low=1,
        needs="grouped",
        rows="searching",
        contradiction=_UNEVEN,
    )
    diversity_penalty: Values = _option(
        "number",
        0.0,
        r"$\lambda$ of diverse beam search",
        high=_LARGEST,
        needs=None,
        rows="searching",
    )
    sample: Values = _option(
        "boolean", False, "draw tokens instead of searching", high=1, needs="sample"
    )
    temperature: Values = _option(
        "number",
        1.0,
        "divides the log-probabilities that samples are drawn from",
        low=1e-6,
        high=1e6,
        needs=None,
        rows="sampling",
    )
    top_k: Values = _option(
        "integer",
        0,
        "samples come from the k most probable tokens; 0: from all",
        needs="truncated",
        rows="sampling",
    )
    top_p: Values = _option(
        "number",
        1.0,
        "samples come from the fewest tokens that together are this probable",
        low=1e-6,
        high=1,
        needs="truncated",
        rows="sampling",
    )
    seed: Values = _option(
        "integer",
        0,
        "of a row's samples, which depend on it and the row's input alone",
        low=-INT32 - 1,
        needs=None,
        rows="sampling",
    )
    repetition_penalty: Values = _option(
        "number",
        1.0,
        "logits of tokens that the hypothesis has are divided (positive) or "
        "multiplied (negative) by it",
        low=1e-6,
        high=1e6,
        needs="repetition",
    )
    no_repeat_ngram: Values = _option(
        "integer",
        0,
        "no n-gram of this size, whatever it is, occurs twice; 0: off",
        needs="ngrams",
    )
    banned_tokens: IdLists = _option(
        "ids", (), "ids that are never chosen", needs="restricted"
    )
    prefix: IdLists = _option(
        "ids",
        (),
        "ids that the output starts with; no padding, and nothing after the end",
        needs="restricted",
        contradiction=Contradiction("max_length", _LONGER, _above_limit),
    )


OPTIONS = {
    entry.name: Option(entry.name, entry.default, **entry.metadata)
    for entry in fields(OptionTable)
}
CONTRADICTIONS = [
    (option, option.contradiction)
    for option in OPTIONS.values()
    if option.contradiction is not None
]
LISTS = tuple(name for name, option in OPTIONS.items() if option.kind == "ids")
LIMITS = tuple(name for name, option in OPTIONS.items() if option.needs == "limit")
