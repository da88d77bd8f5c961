r"""Weights on the simplex by a threshold: what sparsemax and entmax share.

$$ a_s = \big[(\alpha - 1)\, e_s - \tau\big]_+^{1/(\alpha-1)},
   \qquad \tau \text{ such that } \sum_s a_s = 1 $$

The threshold is found without gradients. One Newton step with the slope held fixed
then gives it, and the weights, exactly the gradients of the implicit function: in
energies and in alpha, for every backend, with no formula for each alpha.
"""

import keras
from keras import ops

from keras_attention.backend.masks import for_energies
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Mask, Tensor

# No position so far below the largest has a weight: tau is at least -1 when the
# largest is 0. Clipping there keeps sums finite, whatever the energies are.
_OUTSIDE = -2.0

_HALVINGS = {"float32": 25, "float64": 54}


def shifted(energies: Tensor, mask: Mask, alpha: Tensor) -> Tensor:
    """`(alpha - 1) * energies`, the largest valid one 0, those without weight -2.

    Args:
        energies: `[B, H, T, S]`.
        mask: `[B, S]` or `[B, H, S]` booleans.
        alpha: Above 1: a number or a tensor that broadcasts.
    """
    energies = ops.cast(energies, at_least_float32(energies.dtype))
    valid = for_energies(mask)
    lowest = ops.cast(-1e30, energies.dtype)
    energies = ops.where(valid, energies, lowest)
    # `initial`: without it Keras refuses a batch of zero rows.
    peak = ops.max(energies, axis=-1, keepdims=True, initial=-1e30)
    below = ops.where(valid, energies - ops.stop_gradient(peak), lowest)
    below = ops.maximum(below, lowest)  # an energy may be minus infinity
    return ops.maximum((alpha - 1.0) * below, _OUTSIDE)


def weights_above(x: Tensor, tau: Tensor, alpha: Tensor, mask: Mask) -> Tensor:
    """`[x - tau]_+ ** (1 / (alpha - 1))` with the gradients of the implicit tau.

    Args:
        x: What `shifted` gave, `[B, H, T, S]`.
        tau: Thresholds `[B, H, T, 1]`; no gradient is taken through them.
        alpha: As for `shifted`.
        mask: As for `shifted`.

    Returns:
        `[B, H, T, S]`, zeros where no position is valid.
    """
    tau = ops.stop_gradient(tau)
    excess = ops.sum(powers(x, tau, alpha), axis=-1, keepdims=True) - 1.0
    exponent = 1.0 / (alpha - 1.0)
    above = ops.stop_gradient(x - tau)
    inside = above > 0
    safe = ops.where(inside, above, ops.ones_like(above))
    slopes = ops.where(
        inside, exponent * ops.power(safe, exponent - 1.0), ops.zeros_like(safe)
    )
    slope = ops.stop_gradient(ops.sum(slopes, axis=-1, keepdims=True))  # [B, H, T, 1]
    # Without a slope nothing is above tau: a row without a valid position.
    sloped = slope > 0
    step = excess / ops.where(sloped, slope, ops.ones_like(slope))
    tau = tau + ops.where(sloped, step, ops.zeros_like(step))
    weights = powers(x, tau, alpha)
    valid = for_energies(mask)
    return ops.where(valid, weights, ops.zeros_like(weights))


def bisected(x: Tensor, alpha: Tensor) -> Tensor:
    """Thresholds `[B, H, T, 1]` by halving, as exact as the dtype; no gradients.

    Args:
        x: What `shifted` gave, `[B, H, T, S]`.
        alpha: As for `shifted`.
    """
    x = ops.stop_gradient(x)
    low, high = -ops.ones_like(x[..., :1]), ops.zeros_like(x[..., :1])
    for _ in range(_HALVINGS[keras.backend.standardize_dtype(x.dtype)]):
        middle = (low + high) / 2.0
        enough = ops.sum(powers(x, middle, alpha), axis=-1, keepdims=True) >= 1.0
        low = ops.where(enough, middle, low)
        high = ops.where(enough, high, middle)
    return low


def powers(x: Tensor, tau: Tensor, alpha: Tensor) -> Tensor:
    """`[x - tau]_+ ** (1 / (alpha - 1))`."""
    above = x - tau
    inside = above > 0
    # The gradient of a power at 0 may be infinite: there nothing is raised.
    safe = ops.where(inside, above, ops.ones_like(above))
    raised = ops.power(safe, 1.0 / (alpha - 1.0))
    return ops.where(inside, raised, ops.zeros_like(raised))
