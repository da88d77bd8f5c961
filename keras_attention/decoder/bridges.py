r"""Bridges: from the encoder's last states to the decoder's first ones.

| name | equation, per layer and state tensor | paper |
|---|---|---|
| `dense` | $s_0 = \tanh(W [h; c; ...] + b)$ | Bahdanau et al. 2014, A.2.2 |
| `copy` | $s_0 = h$; the depths must agree | Sutskever et al. 2014 |
| `mean_context` | $s_0 = \tanh(W \, \frac{1}{S} \sum_s v_s + b)$ | Sennrich et al. 2017, section 2 |
| `zero` | $s_0 = 0$: nothing passes but through attention | |
"""  # noqa: E501

import abc
from typing import Any

import keras
from keras import ops

from keras_attention.attention.heads import merge_heads
from keras_attention.attention.memory import AttentionMemory
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.registry import Registry

States = Any


def per_layer(initial_state: Any) -> list[list[Any]]:
    """Encoder states as one list of tensors a layer, whatever nesting came in."""
    if not isinstance(initial_state, (list, tuple)):
        return [[initial_state]]
    if all(not isinstance(part, (list, tuple)) for part in initial_state):
        return [list(initial_state)]
    return [
        list(part) if isinstance(part, (list, tuple)) else [part]
        for part in initial_state
    ]


def shapes_per_layer(shapes: Any) -> list[list[tuple[int | None, ...]]]:
    """The same for the shapes of the states."""

    def is_shape(value: Any) -> bool:
        return all(part is None or isinstance(part, int) for part in value)

    if is_shape(shapes):
        return [[tuple(shapes)]]
    if all(is_shape(part) for part in shapes):
        return [[tuple(part) for part in shapes]]
    return [
        [tuple(part)] if is_shape(part) else [tuple(shape) for shape in part]
        for part in shapes
    ]


class Bridge(keras.layers.Layer, abc.ABC):
    """Maps the states of E encoder layers to those of the decoder's cells.

    Decoder layer i takes encoder layer i, or the last one when there are fewer.

    Attributes:
        of_values: Whether it takes the mean of the values for the only state of the
            encoder, `[[mean]]`, whatever states there are.
    """

    of_values = False

    def call(self, initial_state: Any, zeros: Any) -> Any:
        """`initial_state` as `per_layer` gives it, `zeros` the cells' own states."""
        layers = per_layer(initial_state)
        return tuple(
            self.map_layer(i, layers[min(i, len(layers) - 1)], target)
            for i, target in enumerate(zeros)
        )

    def build_for(
        self, encoder_depths: list[list[int]], sizes: list[list[int]]
    ) -> None:
        """Build for encoder states and cell states of these depths."""
        for i, targets in enumerate(sizes):
            self.build_layer(
                i, encoder_depths[min(i, len(encoder_depths) - 1)], targets
            )
        self.built = True

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        """Make the weights of decoder layer `index`; none by default."""

    @abc.abstractmethod
    def map_layer(self, index: int, sources: list[Any], zeros: tuple[Any, ...]) -> Any:
        """States of decoder layer `index`."""

    def get_config(self) -> dict[str, Any]:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down. A class with arguments adds its own.
        return super().get_config()


@keras.saving.register_keras_serializable(package="keras_attention")
class ZeroBridge(Bridge):
    """The decoder starts from its cells' own initial states."""

    def map_layer(self, index: int, sources: list[Any], zeros: tuple[Any, ...]) -> Any:
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

    def map_layer(self, index: int, sources: list[Any], zeros: tuple[Any, ...]) -> Any:
        return tuple(ops.cast(s, z.dtype) for s, z in zip(sources, zeros, strict=True))


@keras.saving.register_keras_serializable(package="keras_attention")
class DenseBridge(Bridge):
    r"""$s_0 = \tanh(W [h; c; ...] + b)$, a layer for every state tensor.

    Bahdanau et al. use the backward encoder's first state alone and no bias;
    here every final state of the encoder layer enters.
    """

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        _add_maps(self, index, sum(sources), targets)

    def map_layer(self, index: int, sources: list[Any], zeros: tuple[Any, ...]) -> Any:
        return _mapped(self, index, ops.concatenate(sources, axis=-1), zeros)


@keras.saving.register_keras_serializable(package="keras_attention")
class MeanContextBridge(Bridge):
    r"""$s_0 = \tanh(W \bar v + b)$, $\bar v$ the mean of the values of valid positions.

    A layer for every state tensor. The encoder's last states are not used.
    """

    of_values = True

    def build_layer(self, index: int, sources: list[int], targets: list[int]) -> None:
        _add_maps(self, index, sum(sources), targets)

    def map_layer(self, index: int, sources: list[Any], zeros: tuple[Any, ...]) -> Any:
        return _mapped(self, index, sources[0], zeros)


def mean_value(memory: AttentionMemory) -> Any:
    """Mean of the values of valid positions, `[B, Dv]`; zeros where there is none."""
    values = merge_heads(memory.values)  # [B, S, Dv], zero at padding
    exact = ops.cast(values, at_least_float32(values.dtype))
    count = ops.sum(ops.cast(memory.mask, exact.dtype), axis=1)  # [B]
    count = ops.expand_dims(ops.maximum(count, 1.0), -1)  # [B, 1]
    return ops.cast(ops.sum(exact, axis=1) / count, values.dtype)


def _add_maps(bridge: Bridge, index: int, depth: int, targets: list[int]) -> None:
    """A layer with tanh for each state of decoder layer `index`."""
    for number, size in enumerate(targets):
        dense = keras.layers.Dense(
            size,
            activation="tanh",
            name=f"layer_{index}_state_{number}",
            dtype=bridge.dtype_policy,
        )
        dense.build((None, depth))
        setattr(bridge, f"layer_{index}_state_{number}", dense)


def _mapped(bridge: Bridge, index: int, x: Any, zeros: tuple[Any, ...]) -> Any:
    """What these layers make of `x [B, depth]`."""
    return tuple(
        ops.cast(getattr(bridge, f"layer_{index}_state_{number}")(x), z.dtype)
        for number, z in enumerate(zeros)
    )


registry: Registry[Bridge] = Registry("bridge", Bridge)
registry.add("copy", CopyBridge)
registry.add("dense", DenseBridge)
registry.add("mean_context", MeanContextBridge)
registry.add("zero", ZeroBridge)


def get(identifier: Any, **arguments: Any) -> Bridge:
    """A bridge from its name, configuration or itself."""
    return registry.get(identifier, **arguments)


def check(bridge: Bridge, one_memory: bool) -> None:
    """Raise ValueError where a bridge wants values that the memory does not have."""
    if bridge.of_values and not one_memory:
        raise ValueError(
            f"{type(bridge).__name__} takes the mean of one memory's values. Expected: "
            "another bridge with ka.HierarchicalAttention, whose memories stay apart"
        )
