"""Memory and state of an attention: what it is given once, and what it carries."""

from typing import NamedTuple

from keras_attention.layer_support.types import Mask, Nested, State, Tensor


class AttentionMemory(NamedTuple):
    """The encoder's outputs with everything that is precomputed from them.

    Attributes:
        keys: What the score made of the keys: a tensor or a tuple of tensors,
            each `[B, S, ...]`, zero where masked before projection.
        values: `[B, H, S, Dv / H]`, zero where masked.
        mask: `[B, S]` booleans.
    """

    keys: Nested
    values: Tensor
    mask: Mask


class AttentionState(NamedTuple):
    """What a mechanism carries from one target step to the next.

    Attributes:
        score: The score's part, `()` when it carries nothing.
        alignment: The alignment's part, `()` when it carries nothing.
    """

    score: State = ()
    alignment: State = ()
