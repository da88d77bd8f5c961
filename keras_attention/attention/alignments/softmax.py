"""Softmax over the valid positions."""

from typing import Any

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.backend.masks import for_energies
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import positive_number
from keras_attention.layer_support.types import Mask, State, Tensor


def masked_softmax(energies: Tensor, mask: Mask) -> Tensor:
    r"""Softmax over valid positions; zeros where there is none.

    $$ a_s = \frac{m_s \exp(e_s)}{\sum_r m_r \exp(e_r)} $$

    Args:
        energies: `[B, H, T, S]`.
        mask: `[B, S]` or `[B, H, S]` booleans.

    Returns:
        `[B, H, T, S]` in at least float32.
    """
    return softmax_where(energies, for_energies(mask))


def softmax_where(energies: Tensor, valid: Tensor) -> Tensor:
    """As `masked_softmax`, with a mask that broadcasts to the energies."""
    energies = ops.cast(energies, at_least_float32(energies.dtype))
    # Selected before exp, so that no inf meets a zero gradient, and below the least
    # peak, so that padding has exactly no weight where nothing is valid either.
    energies = ops.where(valid, energies, ops.cast(-2e30, energies.dtype))
    # `initial`: without it Keras refuses a batch of zero rows.
    peak = ops.max(energies, axis=-1, keepdims=True, initial=-1e30)
    exponentials = ops.exp(energies - ops.stop_gradient(peak))
    total = ops.sum(exponentials, axis=-1, keepdims=True)  # [B, H, T, 1]
    # At least 1 when any position is valid, since the peak contributes exp(0).
    # Not `maximum`, which shares its gradient where both are 1: one valid position.
    return exponentials / ops.where(total > 0, total, ops.ones_like(total))


@registry.register("softmax")
class SoftmaxAlignment(Alignment):
    r"""Softmax over the valid positions, in at least float32.

    $$ a_{ts} = \frac{\exp(e_{ts} / \theta)}{\sum_r \exp(e_{tr} / \theta)} $$

    Masked positions are selected away, not pushed down by a large negative
    number, so they have weight exactly 0 whatever their energies. A row without
    a valid position has weights 0.

    Args:
        temperature: Divides the energies. Below 1 it sharpens (Chorowski et al. 2015,
            section 2.3, where beta is its inverse), above it spreads.

    Raises:
        ValueError: `temperature` is not a positive number.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, equation 6.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> softmax = ka.alignments.get("softmax")
    >>> mask = np.array([[True, True, False]])
    >>> weights = softmax(np.zeros((1, 1, 1, 3)), mask, np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().tolist()
    [0.5, 0.5, 0.0]
    """

    masks_by_head = True

    def __init__(self, temperature: float = 1.0, **layer: Any) -> None:
        super().__init__(**layer)
        self.temperature = positive_number("temperature", temperature)

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        if self.temperature != 1.0:
            energies = ops.cast(energies, at_least_float32(energies.dtype))
            energies = energies / self.temperature
        return masked_softmax(energies, mask)
