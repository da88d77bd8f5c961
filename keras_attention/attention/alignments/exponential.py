"""Weights whose logarithms the score has made."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.backend.masks import for_energies
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("exp")
class ExponentialAlignment(Alignment):
    r"""Energies taken for the logarithms of weights that need not sum to one.

    $$ a_{ts} = \exp(e_{ts}) $$

    For scores that make log-weights, the Gaussian mixtures (`gmm_v0`, `gmm_v1`,
    `gmm_v2`), as their papers have them; `softmax` normalises the same weights over
    the sentence. `ka.Attention` refuses it for scores whose energies are no
    log-weights: nothing bounds the exponential of those.

    References:
        Graves 2013, arXiv 1308.0850, equations 46 and 47.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> exp = ka.alignments.get("exp")
    >>> energies = np.log(np.array([[[[0.5, 0.25, 0.5]]]]))
    >>> weights = exp(energies, np.array([[True, True, False]]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().round(6).tolist()
    [0.5, 0.25, 0.0]
    """

    masks_by_head = True
    needs_log_weights = True

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        energies = ops.cast(energies, at_least_float32(energies.dtype))
        valid = for_energies(mask)
        # Selected twice, as in `softmax_where`.
        energies = ops.where(valid, energies, ops.zeros_like(energies))
        weights = ops.exp(energies)
        return ops.where(valid, weights, ops.zeros_like(weights))
