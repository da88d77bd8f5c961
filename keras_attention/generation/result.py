"""What generation returns."""

from typing import Any, NamedTuple


class Generation(NamedTuple):
    """Generated sequences and what they were made from.

    Attributes:
        ids: `[B, T]` int32, `pad_id` after the end.
        lengths: `[B]` int32, tokens including the end where there is one (a row
            that reached its `max_length` has none).
        log_probs: `[B]`, sums of the tokens' log-probabilities, the end's
            included; never penalised.
        weights: `[B, T, S]` attention weights (`[B, H, T, S]` with several
            heads), zero after the end; None for a step function that has none.
        steps_run: int32 scalar, steps of the loop: the longest row's length, and 1
            for a batch without rows.
    """

    ids: Any
    lengths: Any
    log_probs: Any
    weights: Any
    steps_run: Any
