"""Kernels of a score: how they start, what regularizes and what constrains them."""

import abc
from typing import Any

import keras

from keras_attention.attention.scores.base import Score
from keras_attention.layer_support.types import (
    Constraint,
    Initializer,
    Regularizer,
    Tensor,
)


class KernelScore(Score, abc.ABC):
    """A score whose kernels take the arguments of `keras.layers.Dense`."""

    def __init__(
        self,
        kernel_initializer: Initializer,
        kernel_regularizer: Regularizer,
        kernel_constraint: Constraint,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def add_kernel(self, name: str, *shape: int | None) -> Tensor:
        """A weight of this shape that all three hold for."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
