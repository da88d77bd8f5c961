"""Stepwise monotonic attention: He, Deng & He 2019."""

from typing import Any

from keras import ops

from keras_attention.attention.alignments.base import registry
from keras_attention.attention.alignments.stopping_probability import SelectingAlignment
from keras_attention.attention.alignments.valid_positions import (
    first_position,
    neighbours,
    take_along_source,
)
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("stepwise_monotonic")
class StepwiseMonotonicAlignment(SelectingAlignment):
    r"""Attention that stays where it is or moves on by one position, never further.

    $$ a_{ts} = a_{t-1,s}\, p_{ts} + a_{t-1,s-1}\, (1 - p_{t,s-1}),
       \qquad a_0 = (1, 0, 0, \ldots) $$

    with p, here the probability of staying, of `SelectingAlignment`: a sigmoid of the
    energies. Outside training, with `mode="hard"`, it stays where $p > 1/2$.

    Args:
        mode, noise, score_bias, seed: As for `SelectingAlignment`. Here the bias
            starts at 0.

    No position is skipped. What moves on from the last position is lost: weights then
    sum to less than one, and a hard row is all zeros.

    State: the weights of the step before, `[B, H, S]`, and for each position the
    valid one before it, `[B, S]`.

    Weights: `score_bias [H]`, r.

    References:
        He, Deng & He 2019, arXiv 1906.00672.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> stepwise = ka.alignments.StepwiseMonotonicAlignment(mode="soft")
    >>> _, weights = ka.Attention("zero", stepwise)(
    ...     np.ones((1, 2, 1)), np.ones((1, 3, 1)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0].tolist()
    [[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]]
    """

    def __init__(
        self,
        mode: str = "hard",
        noise: float = 1.0,
        score_bias: float = 0.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(mode, noise, score_bias, seed, **layer)

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        start = first_position(mask, num_heads, self.state_dtype)  # [B, H, S]
        return start, neighbours(mask)[0]

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        previous, before = state
        stay, go = self.probabilities(energies, mask, self.is_hard(training))
        was = ops.cast(previous, stay.dtype)
        arrives = take_along_source(was * go, before, 0)
        arrives = ops.where(ops.expand_dims(mask, 1), arrives, ops.zeros_like(arrives))
        weights = was * stay + arrives
        return ops.expand_dims(weights, 2), (ops.cast(weights, previous.dtype), before)
