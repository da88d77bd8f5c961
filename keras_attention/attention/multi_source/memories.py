"""Several memories: lists of them, and projections of their own."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.attention import Attention
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.building import from_config
from keras_attention.layer_support.types import Initializer, Regularizer, Shape, Tensor


def attention_of(attention: Attention | dict[str, Any], argument: str) -> Attention:
    """An attention over one memory, from itself or its configuration.

    Raises:
        TypeError: Something else.
    """
    attention = from_config(attention)
    if not isinstance(attention, Attention):
        raise TypeError(
            f"`{argument}` must be a ka.Attention or one of its presets. "
            f"Received: {argument}={attention!r}"
        )
    return attention


def memory_shapes(value_shape: Shape, count: int | None = None) -> list[Shape]:
    """One shape for each memory.

    Args:
        value_shape: A shape of rank 3 for each.
        count: How many memories there have to be, where that is known.

    Raises:
        ValueError: These are not the shapes of so many memories.
    """
    shapes = list(value_shape)
    several = all(isinstance(shape, (list, tuple)) for shape in shapes)
    if not several or not shapes or any(len(shape) != 3 for shape in shapes):
        raise ValueError(
            "`value` must be a list of memories, each of rank 3. "
            f"Received: value of shape {tuple(value_shape)}"
        )
    if count is not None:
        _check_count("value", shapes, count)
    return [tuple(shape) for shape in shapes]


def memories(
    value: list[Tensor], key: Tensor, value_mask: list[Tensor] | None, count: int
) -> list[tuple[Tensor, Tensor]]:
    """Pairs of a memory and its mask (or None).

    Args:
        value: A list or tuple of tensors `[B, S_k, D_k]`.
        key: Has to be None: the keys are the values.
        value_mask: None, or a list or tuple of masks `[B, S_k]` and None.
        count: How many memories there have to be.

    Raises:
        ValueError: Other numbers or kinds of arguments.
    """
    if key is not None:
        raise ValueError(
            "`key` is for a single memory: expected None. "
            f"Received: key={type(key).__name__}"
        )
    if value_mask is None:
        value_mask = [None] * count
    _check_count("value", value, count)
    _check_count("value_mask", value_mask, count)
    return [
        (own, getattr(own, "_keras_mask", None) if mask is None else mask)
        for own, mask in zip(value, value_mask, strict=True)
    ]


def _check_count(argument: str, given: list[Any], count: int) -> None:
    several = isinstance(given, (list, tuple))
    if not several or len(given) != count:
        received = f"{len(given)} of them" if several else type(given).__name__
        raise ValueError(
            f"`{argument}` must be a list with an entry for every memory. "
            f"Expected: {count} entries. Received: {received}"
        )


class MemoryProjections(keras.layers.Layer):
    r"""Vectors of several memories as keys and values of one.

    Values are $U_c^{(k)} h$. Keys stand in blocks: those of memory k are $h$ at the
    places that belong to k and 0 elsewhere, in a vector as long as all depths
    together. The one kernel that a score has for its keys then has rows of its own
    for each memory, the papers' $U_a^{(k)}$. Shared, keys are the values.

    Args:
        units: Depth of the values.
        share: Whether the keys are the values.
        kernel_initializer, kernel_regularizer: As in `keras.layers.Dense`.
        **layer: `name`, `dtype`, `trainable`.

    Weights: `memory_0 [D_0, units]` and so on.
    """

    def __init__(
        self,
        units: int | None,
        share: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units)
        self.share = share
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, shapes: list[Shape]) -> None:
        self.depths = [shape[-1] for shape in shapes]
        serialized = keras.initializers.serialize(self.kernel_initializer)
        self.kernels = [
            self.add_weight(
                name=f"memory_{index}",
                shape=(depth, self.units),
                # One object would draw the same numbers for all of them.
                initializer=keras.initializers.get(serialized),
                regularizer=self.kernel_regularizer,
            )
            for index, depth in enumerate(self.depths)
        ]

    @property
    def key_depth(self) -> int:
        """Depth of the keys."""
        return self.units if self.share else sum(self.depths)

    def call(self, vectors: list[Tensor]) -> Any:
        """Keys and values, a list of each.

        Args:
            vectors: A tensor `[..., D_k]` for every memory.
        """
        values = [
            ops.matmul(x, ops.cast(kernel, x.dtype))  # [..., units]
            for x, kernel in zip(vectors, self.kernels, strict=True)
        ]
        if self.share:
            return values, values
        return [self._in_block(k, x) for k, x in enumerate(vectors)], values

    def config(self) -> dict[str, Any]:
        """The arguments that the layer around this one was given for it."""
        return {
            "units": self.units,
            "share": self.share,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }

    def _in_block(self, index: int, x: Tensor) -> Any:
        before, after = sum(self.depths[:index]), sum(self.depths[index + 1 :])
        widths = [(0, 0)] * (len(x.shape) - 1) + [(before, after)]
        return ops.pad(x, widths)  # [..., sum of D_k]
