"""Energies as log-odds of stopping at a position."""

import abc
from typing import Any

import keras
from keras import ops

from keras_attention.attention.alignments.base import CarriedAlignment
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import number, one_of
from keras_attention.layer_support.types import Mask, Shape, Tensor


class SelectingAlignment(CarriedAlignment, abc.ABC):
    r"""What the monotonic alignments share: positions are stopped at or left.

    $$ p_{ts} = \sigma(e_{ts} + r + \epsilon_{ts}),
       \qquad \epsilon_{ts} \sim N(0, n^2) \text{ in training, else } 0 $$

    Args:
        mode: Outside training: `"hard"` stops where $p_{ts} > 1/2$, one position a
            step; `"soft"` has the expected weights, as training always has.
        noise: n. It makes the probabilities leave the middle, so that hard weights
            are near the expected ones. It is never there outside training.
        score_bias: First value of r. Below 0, attention starts by looking further
            than at the first positions.
        seed: Seed of the noise.

    Raises:
        ValueError: Unknown mode, `noise` is negative, or one of the numbers is none.
    """

    def __init__(
        self,
        mode: str = "hard",
        noise: float = 1.0,
        score_bias: float = -1.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.mode = one_of("mode", mode, ("hard", "soft"))
        self.noise = number("noise", noise, least=0)
        self.score_bias = number("score_bias", score_bias)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if noise else None

    def build(self, query_shape: Shape) -> None:
        self.r = self.add_weight(
            name="score_bias",
            shape=(self.num_heads,),
            initializer=keras.initializers.Constant(self.score_bias),
        )

    def draw_noise(self, shape: Shape, dtype: str) -> Tensor | None:
        if self.seed_generator is None:
            return None
        return keras.random.normal(
            shape, stddev=self.noise, dtype=dtype, seed=self.seed_generator
        )

    def is_hard(self, training: bool) -> bool:
        return self.mode == "hard" and not training

    def probabilities(
        self, energies: Tensor, mask: Mask, hard: bool
    ) -> tuple[Tensor, Tensor]:
        """Of stopping at a position and of leaving it, each `[B, H, S]`.

        Args:
            energies: `[B, H, 1, S]`.
            mask: `[B, S]`; padding is always left.
            hard: Whether they are 0 or 1.
        """
        energies = ops.cast(energies, at_least_float32(energies.dtype))
        energies = ops.squeeze(energies, 2)  # [B, H, S]
        odds = energies + ops.reshape(ops.cast(self.r, energies.dtype), (1, -1, 1))
        valid = ops.expand_dims(mask, 1)  # [B, 1, S]
        ones, zeros = ops.ones_like(odds), ops.zeros_like(odds)
        if hard:
            stops = ops.logical_and(valid, odds > 0)
            return ops.where(stops, ones, zeros), ops.where(stops, zeros, ones)
        # Two sigmoids: 1 - p would lose what is left of a p near 1.
        odds = ops.where(valid, odds, zeros)
        stop, go = ops.sigmoid(odds), ops.sigmoid(-odds)
        return ops.where(valid, stop, zeros), ops.where(valid, go, ones)

    @property
    def state_dtype(self) -> str:
        return at_least_float32(self.compute_dtype)
