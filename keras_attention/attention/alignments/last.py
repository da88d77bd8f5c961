"""All weight on the last valid position: no attention at all."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("last")
class LastAlignment(Alignment):
    r"""Weight one on the last valid position, at every step.

    $$ a_{ts} = 1 \text{ if } s = \max\{r : m_r\} \text{ else } 0 $$

    Together with the `zero` score this is the plain encoder-decoder, whose
    decoder sees one fixed vector, the baseline that attention is measured against.

    References:
        Sutskever, Vinyals & Le 2014, arXiv 1409.3215; Cho et al. 2014, arXiv
        1406.1078 (both without attention).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> last = ka.alignments.get("last")
    >>> mask = np.array([[True, True, False]])
    >>> weights = last(np.zeros((1, 1, 1, 3)), mask, np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().tolist()
    [0.0, 1.0, 0.0]
    """

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        dtype = at_least_float32(energies.dtype)
        count = ops.cumsum(ops.cast(mask, "int32"), axis=-1)  # [B, S]
        # `initial`: without it Keras refuses a batch of zero rows.
        total = ops.max(count, axis=-1, keepdims=True, initial=0)
        is_last = ops.logical_and(mask, ops.equal(count, total))
        row = ops.expand_dims(ops.expand_dims(ops.cast(is_last, dtype), 1), 1)
        return row + ops.zeros_like(ops.cast(energies, dtype))  # [B, H, T, S]
