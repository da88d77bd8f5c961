r"""Bridges: from the encoder's last states to the decoder's first ones.

| name | equation, per layer and state tensor | paper |
|---|---|---|
| `dense` | $s_0 = \tanh(W [h; c; ...] + b)$ | Bahdanau et al. 2014, A.2.2 |
| `copy` | $s_0 = h$; the depths must agree | Sutskever et al. 2014 |
| `mean_context` | $s_0 = \tanh(W \, \frac{1}{S} \sum_s v_s + b)$ | Sennrich et al. 2017, section 2 |
| `zero` | $s_0 = 0$: nothing passes but through attention | |
"""  # noqa: E501

import abc
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_attention.attention.heads import merge_heads
from keras_attention.attention.memory import AttentionMemory
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.registry import Registry
from keras_attention.layer_support.types import Nested, Tensor

Depths: TypeAlias = list[list[int]]
"""Of every state tensor, layer by layer."""

States: TypeAlias = tuple[Tensor, ...]
"""The state tensors of one cell."""


def per_layer(
    states: Nested,
    is_leaf: Callable[[Nested], bool] = lambda x: not isinstance(x, (list, tuple)),
) -> list[list[Any]]:
    """Encoder states as one list of tensors a layer, whatever nesting came in."""
    if is_leaf(states):
        return [[states]]
    if all(map(is_leaf, states)):
        return [list(states)]
    return [[part] if is_leaf(part) else list(part) for part in states]


def _is_shape(value: Nested) -> bool:
    return all(part is None or isinstance(part, int) for part in value)


class Bridge(keras.layers.Layer, abc.ABC):
    """Maps the states of E encoder layers to those of the decoder's cells.

    Decoder layer i takes encoder layer i, or the last one when there are fewer.
    """

    def check(self, memory_type: type) -> None:
        """Raise ValueError where memories of this type do not have what it takes."""

    def sources(self, initial_state: Nested, memory: AttentionMemory) -> Any:
        """What is mapped: the encoder's states; None where there are none."""
        return initial_state

    def source_depths(
        self, initial_state_shape: Nested, context_depth: int
    ) -> Depths | None:
        """Depths of what is mapped."""
        if initial_state_shape is None:
            return None
        return [
            [int(shape[-1] or 0) for shape in shapes]
            for shapes in per_layer(initial_state_shape, _is_shape)
        ]

    def call(self, initial_state: Nested, zeros: Nested) -> Any:
        """`initial_state` as `per_layer` gives it, `zeros` the cells' own states."""
        layers = per_layer(initial_state)
        return tuple(
            self.map_layer(i, layers[min(i, len(layers) - 1)], target)
            for i, target in enumerate(zeros)
        )

    def build_for(self, depths: Depths, sizes: Depths) -> None:
        """Build for encoder states and cell states of these depths."""
        for i, targets in enumerate(sizes):
            self.build_layer(i, depths[min(i, len(depths) - 1)], targets)
        self.built = True

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        """Make the weights of decoder layer `index`; none by default."""

    @abc.abstractmethod
    def map_layer(self, index: int, sources: list[Tensor], zeros: States) -> Any:
        """States of decoder layer `index`."""

    def get_config(self) -> dict[str, Any]:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down. A class with arguments adds its own.
        return super().get_config()


@keras.saving.register_keras_serializable(package="keras_attention")
class ZeroBridge(Bridge):
    """The decoder starts from its cells' own initial states."""

    def map_layer(self, index: int, sources: list[Tensor], zeros: States) -> Any:
        return zeros


@keras.saving.register_keras_serializable(package="keras_attention")
class CopyBridge(Bridge):
    """The decoder starts where the encoder ended.

    Raises:
        ValueError: Number or depth of the states differ.
    """

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        if sources != targets:
            raise ValueError(
                'bridge="copy" needs encoder and decoder states of the same depth. '
                f"Expected: {targets} for layer {index}. Received: {sources} "
                "(a bidirectional encoder has states of 2 * units)"
            )

    def map_layer(self, index: int, sources: list[Tensor], zeros: States) -> Any:
        return tuple(ops.cast(s, z.dtype) for s, z in zip(sources, zeros, strict=True))


class MappedBridge(Bridge, abc.ABC):
    """A layer with tanh for every state tensor, of all that its layer is given."""

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        for number, size in enumerate(targets):
            name = f"layer_{index}_state_{number}"
            dense = keras.layers.Dense(
                size, activation="tanh", name=name, dtype=self.dtype_policy
            )
            dense.build((None, sum(sources)))
            setattr(self, name, dense)

    def map_layer(self, index: int, sources: list[Tensor], zeros: States) -> Any:
        x = ops.concatenate(sources, axis=-1) if len(sources) > 1 else sources[0]
        return tuple(
            ops.cast(getattr(self, f"layer_{index}_state_{number}")(x), z.dtype)
            for number, z in enumerate(zeros)
        )


@keras.saving.register_keras_serializable(package="keras_attention")
class DenseBridge(MappedBridge):
    r"""$s_0 = \tanh(W [h; c; ...] + b)$, a layer for every state tensor.

    Bahdanau et al. use the backward encoder's first state alone and no bias;
    here every final state of the encoder layer enters.
    """


@keras.saving.register_keras_serializable(package="keras_attention")
class MeanContextBridge(MappedBridge):
    r"""$s_0 = \tanh(W \bar v + b)$, $\bar v$ the mean of the values of valid positions.

    A layer for every state tensor. The encoder's last states are not used.
    """

    def check(self, memory_type: type) -> None:
        if memory_type is not AttentionMemory:
            raise ValueError(
                "MeanContextBridge takes the mean of one memory's values. Expected: "
                "another bridge with ka.HierarchicalAttention, whose memories stay "
                "apart"
            )

    def sources(
        self, initial_state: Nested, memory: AttentionMemory
    ) -> list[list[Tensor]]:
        return [[mean_value(memory)]]

    def source_depths(
        self, initial_state_shape: Nested, context_depth: int
    ) -> Depths | None:
        return [[context_depth]]


def mean_value(memory: AttentionMemory) -> Any:
    """Mean of the values of valid positions, `[B, Dv]`; zeros where there is none."""
    values = merge_heads(memory.values)  # [B, S, Dv], zero at padding
    exact = ops.cast(values, at_least_float32(values.dtype))
    count = ops.sum(ops.cast(memory.mask, exact.dtype), axis=1)  # [B]
    count = ops.expand_dims(ops.maximum(count, 1.0), -1)  # [B, 1]
    return ops.cast(ops.sum(exact, axis=1) / count, values.dtype)


registry: Registry[Bridge] = Registry("bridge", Bridge)
registry.add("copy", CopyBridge)
registry.add("dense", DenseBridge)
registry.add("mean_context", MeanContextBridge)
registry.add("zero", ZeroBridge)
