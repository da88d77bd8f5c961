"""The contract of an alignment function."""

import abc
from typing import Any

from keras_attention.attention.part import AttentionPart


class Alignment(AttentionPart, abc.ABC):
    """weights = alignment(energies, mask, query, state).

    To add one, extend this class, implement `align` (and the state methods
    when it has a memory of its own), and pass an instance to `ka.Attention`.
    Weights of a row without a valid key must be zero, with finite gradients.

    One whose state depends on more than the weights it returns, or that does
    something else in training, implements `advance` instead: `CarriedAlignment`.

    Attributes:
        num_heads: H, set by the attention.
        energies_per_head: How many energies it wants for every key. The score gets
            as many heads for each head of the attention, and `align` sees
            `[B, energies_per_head * H, T, S]`: first energies of all heads first.
        needs_log_weights: Whether it takes the energies for logarithms of weights,
            so that only scores whose energies are can be combined with it.
        masks_by_head: Whether `align` also takes a mask `[B, H, S]`, another one for
            each head, and asks it for nothing but which energies count.
        sees_context: Whether `build` takes the shape of the values too, as deep as
            the context that `next_state` is given.
    """

    energies_per_head: int = 1
    needs_log_weights: bool = False
    sees_context: bool = False
    masks_by_head: bool = False

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

    def advance(
        self, energies: Any, mask: Any, query: Any, state: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """Weights, and the state as far as it is known before the context is.

        Args:
            energies, mask, query, state: As for `align`. In training the noise that
                `draw_noise` gave is already in the energies.
            training: Whether this is training.

        Returns:
            Weights as from `align`, and the state that `next_state` is given.
        """
        return self.align(energies, mask, query, state), state

    def draw_noise(self, shape: Any, dtype: Any) -> Any:
        """What is added to energies of this shape in training, or None.

        Asked for once for all queries, before any loop over them.
        """
        return None

    def initial_state(self, mask: Any, num_heads: int) -> Any:
        """State before the first step: `()` for an alignment without state."""
        return ()

    def next_state(self, state: Any, weights: Any, context: Any, query: Any) -> Any:
        """State after a step with `weights [B, H, S]`, `context [B, Dv]`, `query`.

        Args:
            state: What `advance` returned: the state before the step, where it was
                not changed there.
        """
        return state

    def call(self, energies: Any, mask: Any, query: Any, state: Any = ()) -> Any:
        return self.align(energies, mask, query, state)


class CarriedAlignment(Alignment, abc.ABC):
    """Weights and state that come out of one computation, one query at a time."""

    @abc.abstractmethod
    def advance(
        self, energies: Any, mask: Any, query: Any, state: Any, training: bool = False
    ) -> tuple[Any, Any]: ...

    def align(self, energies: Any, mask: Any, query: Any, state: Any) -> Any:
        return self.advance(energies, mask, query, state)[0]
