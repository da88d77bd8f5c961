"""All weight on the best position, with the softmax's gradient."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.softmax import masked_softmax
from keras_attention.layer_support.types import Mask, State, Tensor


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of `hard` with the gradient of `soft`."""
    # In this order the value is exactly `hard`: soft - soft is 0.
    return ops.stop_gradient(hard) + (soft - ops.stop_gradient(soft))


def best_position(weights: Tensor) -> Tensor:
    """One at the largest weight, the first of equals; zeros for a row of zeros.

    Args:
        weights: `[B, H, T, S]`, not negative.
    """
    best = ops.argmax(weights, axis=-1)  # [B, H, T]
    position = ops.arange(ops.shape(weights)[-1], dtype=best.dtype)  # [S]
    chosen = ops.equal(position, ops.expand_dims(best, -1))  # [B, H, T, S]
    chosen = ops.logical_and(chosen, weights > 0)
    return ops.cast(chosen, weights.dtype)


@registry.register("hard")
class HardAlignment(Alignment):
    r"""Weight one on the position of the highest energy.

    $$ a_{ts} = 1 \text{ if } s = \arg\max_r e_{tr} \text{ else } 0,
       \qquad \frac{\partial a_t}{\partial e_t} :=
       \frac{\partial\, \mathrm{softmax}(e_t)}{\partial e_t} $$

    The derivative is 0 nearly everywhere; the straight-through estimator takes the
    softmax's instead. Deterministic in training and afterwards; `gumbel` samples.

    References:
        Bengio, Léonard & Courville 2013, arXiv 1308.3432 (straight-through); Xu et al.
        2015, arXiv 1502.03044, section 4.1 for hard attention, there trained by
        sampling.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> hard = ka.alignments.get("hard")
    >>> energies = np.array([[[[1.0, 3.0, 2.0]]]])
    >>> weights = hard(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().tolist()
    [0.0, 1.0, 0.0]
    """

    masks_by_head = True

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        soft = masked_softmax(energies, mask)  # [B, H, T, S]
        return straight_through(best_position(soft), soft)
