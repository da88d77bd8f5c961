"""Monotonic attention: Raffel et al. 2017."""

from keras import ops

from keras_attention.attention.alignments.base import registry
from keras_attention.attention.alignments.stopping_probability import SelectingAlignment
from keras_attention.attention.alignments.valid_positions import first_position
from keras_attention.backend.linear_recurrence import linear_recurrence
from keras_attention.layer_support.types import Mask, State, Tensor


def monotonic_weights(stop: Tensor, go: Tensor, previous: Tensor, hard: bool) -> Tensor:
    r"""Where attention stops, starting from where it was.

    $$ a_{ts} = p_{ts}\, q_{ts}, \qquad
       q_{ts} = (1 - p_{t,s-1})\, q_{t,s-1} + a_{t-1,s} $$

    with q the probability that position s is looked at. The recurrence is exact for
    any length (`linear_recurrence`); the paper's closed form divides by a product of
    many probabilities, which underflows.

    Args:
        stop: p, `[B, H, S]`, 0 at padding.
        go: 1 - p, 1 at padding.
        previous: Weights of the step before; where `hard`, a single one or none.
        hard: Whether p is 0 or 1 everywhere.

    Returns:
        `[B, H, S]`.
    """
    if hard:
        stops = stop * ops.cumsum(previous, axis=-1)
        return stops * ops.cast(ops.equal(ops.cumsum(stops, axis=-1), 1), stops.dtype)
    left = ops.concatenate([ops.zeros_like(go[..., :1]), go[..., :-1]], axis=-1)
    return stop * linear_recurrence(left, previous)


@registry.register("monotonic")
class MonotonicAlignment(SelectingAlignment):
    r"""Attention that only moves forward: looks at one position after the other from
    where it was, and stops at each with a probability of its own.

    $$ a_{ts} = p_{ts} \Big( (1 - p_{t,s-1}) \frac{a_{t,s-1}}{p_{t,s-1}}
       + a_{t-1,s} \Big), \qquad a_0 = (1, 0, 0, \ldots) $$

    with p of `SelectingAlignment`: a sigmoid of the energies. These are expected
    weights; outside training, with `mode="hard"`, the first position from the last
    one on with $p > 1/2$ has weight one.

    Args:
        mode, noise, score_bias, seed: As for `SelectingAlignment`.

    Weights sum to less than one when attention may have run off the end of the
    sentence; from then on there is nothing left to attend to, and a hard row is all
    zeros. Every head moves on its own. The paper's weight-normalised energies are
    `ka.scores.AdditiveScore(normalize=True)`.

    State: the weights of the step before, `[B, H, S]`, one at the first valid
    position before the first step.

    Weights: `score_bias [H]`, r.

    Relative to the paper: the same numbers, computed without its division (TF Addons'
    "parallel" mode has it, and loses all mass on long sources). Not Luong's local-m,
    which is called monotonic too and moves by one position a step.

    References:
        Raffel, Luong, Liu, Weiss & Eck 2017, arXiv 1704.00784, section 2 and
        algorithm 1.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> monotonic = ka.alignments.MonotonicAlignment(mode="soft", score_bias=0.0)
    >>> attention = ka.Attention("zero", monotonic)
    >>> _, weights = attention(
    ...     np.ones((1, 2, 1)), np.ones((1, 3, 1)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0].tolist()
    [[0.5, 0.25, 0.125], [0.25, 0.25, 0.1875]]
    """

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        return first_position(mask, num_heads, self.state_dtype)  # [B, H, S]

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        hard = self.is_hard(training)
        stop, go = self.probabilities(energies, mask, hard)
        weights = monotonic_weights(stop, go, ops.cast(state, stop.dtype), hard)
        return ops.expand_dims(weights, 2), ops.cast(weights, state.dtype)
