"""Memory and state of exact marginals, as values."""

from typing import NamedTuple

from keras_attention.layer_support.types import Nested, Tensor


class MarginalMemory(NamedTuple):
    """What the source gives, once per sentence.

    Attributes:
        keys: `[B, S, Dq]`.
        hidden: `[B, S, U]`, the source's part of the emissions.
        jumps: `[B, S, W]`, the source's part of the jumps; `()` with `order=0`.
        mask: `[B, S]` booleans.
    """

    keys: Tensor
    hidden: Tensor
    jumps: Nested
    mask: Tensor


class MarginalState(NamedTuple):
    """What one target step leaves to the next, which knows what was said.

    Attributes:
        places: `[B, S]`, $\\log p(a_t \\mid y_{<t})$; the first position at first.
        emissions: `[B, S, V]`, $\\log p(y_t \\mid a_t)$; zeros at first.
    """

    places: Tensor
    emissions: Tensor
