"""Stochastic hard attention by the Gumbel trick."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.hard import best_position, straight_through
from keras_attention.attention.alignments.softmax import masked_softmax
from keras_attention.layer_support.argument_checks import positive_number
from keras_attention.layer_support.types import Mask, Shape, State, Tensor

_SMALLEST = 1e-20


@registry.register("gumbel")
class GumbelAlignment(Alignment):
    r"""Weight one on a position drawn from the softmax.

    $$ a_{ts} = 1 \text{ if } s = \arg\max_r (e_{tr} + g_{tr}) \text{ else } 0, \qquad
       \frac{\partial a_t}{\partial e_t} :=
       \frac{\partial\, \mathrm{softmax}((e_t + g_t) / \theta)}{\partial e_t} $$

    with independent Gumbel noise g in training, which draws from
    $\mathrm{softmax}(e_t)$, and none otherwise: then it is `hard`.

    Args:
        temperature: $\theta$. Low ones make the gradient less biased and noisier.
        seed: Seed of the noise.

    Relative to Xu et al., who train stochastic hard attention with REINFORCE: here the
    gradient is that of the straight-through Gumbel-softmax.

    Raises:
        ValueError: `temperature` is not a positive number.

    References:
        Xu et al. 2015, arXiv 1502.03044, section 4.1; Jang, Gu & Poole 2017, arXiv
        1611.01144, section 2.2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> gumbel = ka.alignments.get("gumbel")
    >>> energies = np.array([[[[1.0, 3.0, 2.0]]]])
    >>> weights = gumbel(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().tolist()
    [0.0, 1.0, 0.0]
    """

    masks_by_head = True

    def __init__(
        self, temperature: float = 1.0, seed: int | None = None, **layer: Any
    ) -> None:
        super().__init__(**layer)
        self.temperature = positive_number("temperature", temperature)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_noise(self, shape: Shape, dtype: str) -> Tensor | None:
        # Half precision has too few numbers near 0 and 1.
        uniform = keras.random.uniform(
            shape, _SMALLEST, 1.0, dtype="float32", seed=self.seed_generator
        )
        return ops.cast(-ops.log(-ops.log(uniform)), dtype)

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        soft = masked_softmax(energies / self.temperature, mask)  # [B, H, T, S]
        return straight_through(best_position(soft), soft)
