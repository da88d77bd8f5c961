"""The contract of an alignment function."""

import abc
from typing import Any

import keras


class Alignment(keras.layers.Layer, abc.ABC):
    """weights = alignment(energies, mask, query, state).

    To add one, extend this class, implement `align` (and the state methods
    when it has a memory of its own), and pass an instance to `ka.Attention`.
    Weights of a row without a valid key must be zero, with finite gradients.
    """

    num_heads: int = 1

    def build(self, query_shape: Any) -> None:
        """Make weights that depend on the depth of the query; none by default."""

    @abc.abstractmethod
    def align(self, energies: Any, mask: Any, query: Any, state: Any) -> Any:
        """Weights of every key for every query.

        Args:
            energies: `[B, H, T, S]`.
            mask: `[B, S]` booleans, False at padding.
            query: `[B, T, Dq]`.
            state: What `initial_state` or `next_state` returned. An alignment
                with a state is only asked about one query at a time (T = 1).

        Returns:
            `[B, H, T, S]`, at least float32, zero at padding.
        """

    def initial_state(self, mask: Any, num_heads: int) -> Any:
        """State before the first step: `()` for an alignment without state."""
        return ()

    def next_state(self, state: Any, weights: Any, context: Any, query: Any) -> Any:
        """State after a step with `weights [B, H, S]`, `context [B, Dv]`, `query`."""
        return state

    def call(self, energies: Any, mask: Any, query: Any, state: Any = ()) -> Any:
        return self.align(energies, mask, query, state)

    def get_config(self) -> dict[str, Any]:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down. A class with arguments adds its own.
        return super().get_config() | {"num_heads": self.num_heads}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        # Keras builds the parts of a saved layer before the layer itself, which is
        # who knows the number of heads.
        config = dict(config)
        num_heads = config.pop("num_heads", 1)
        part = cls(**config)
        part.num_heads = num_heads
        return part
