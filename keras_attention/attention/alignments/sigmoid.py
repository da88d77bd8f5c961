"""Normalised sigmoid: Chorowski et al. 2015, section 2.3 (smoothing)."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.softmax import masked_softmax
from keras_attention.backend.masks import for_energies
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("sigmoid")
class SigmoidAlignment(Alignment):
    r"""Sigmoids over their sum.

    $$ a_{ts} = \frac{\sigma(e_{ts})}{\sum_r \sigma(e_{tr})} $$

    Energies that are all large share the weight evenly where softmax would pick
    the largest: attention is spread ("smoothed") over several positions.

    Relative to the paper: computed as the softmax of $\log \sigma(e)$, so that very
    low energies do not end in 0/0.

    References:
        Chorowski et al. 2015, arXiv 1506.07503, section 2.3 (smoothing).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> sigmoid = ka.alignments.get("sigmoid")
    >>> energies = np.array([[[[50.0, 60.0, 0.0]]]])
    >>> weights = sigmoid(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().round(2).tolist()
    [0.4, 0.4, 0.2]
    """

    masks_by_head = True

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        energies = ops.cast(energies, at_least_float32(energies.dtype))
        # The sigmoid of padding may be anything, but not a reason for a NaN.
        valid = for_energies(mask)
        energies = ops.where(valid, energies, ops.zeros_like(energies))
        return masked_softmax(ops.log_sigmoid(energies), mask)
