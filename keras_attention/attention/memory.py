"""What attention is given once per sentence and what it carries: two values."""

from typing import Any, NamedTuple


class AttentionMemory(NamedTuple):
    """The encoder's outputs with everything that is precomputed from them.

    Attributes:
        keys: What the score made of the keys: a tensor or a tuple of tensors,
            each `[B, S, ...]`, zero where masked before projection.
        values: `[B, H, S, Dv / H]`, zero where masked.
        mask: `[B, S]` booleans.
    """

    keys: Any
    values: Any
    mask: Any


class AttentionState(NamedTuple):
    """What a mechanism carries from one target step to the next.

    Attributes:
        score: The score's part, `()` when it carries nothing.
        alignment: The alignment's part, `()` when it carries nothing.
    """

    score: Any = ()
    alignment: Any = ()
