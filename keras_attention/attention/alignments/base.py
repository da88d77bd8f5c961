"""Contract of an alignment function, and the registry of all alignments."""

import abc
import inspect

from keras_attention.attention.part import AttentionPart
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.registry import Registry
from keras_attention.layer_support.types import Mask, Shape, State, Tensor


class Alignment(AttentionPart, abc.ABC):
    """weights = alignment(energies, mask, query, state).

    To add one, extend this class, implement `align` (and the state methods
    when it has a memory of its own), and pass an instance to `ka.Attention`.
    Weights of a row without a valid key must be zero, with finite gradients.

    One whose state depends on more than the weights it returns, or that does
    something else in training, implements `advance` instead: `CarriedAlignment`. An
    argument of the constructor that is kept as the attribute of its name is saved
    without a `get_config`.

    Attributes:
        num_heads: H, set by the attention.
        energies_per_head: How many energies it wants for every key. The score gets
            as many heads for each head of the attention, and `align` sees
            `[B, energies_per_head * H, T, S]`: first energies of all heads first.
        needs_log_weights: Whether it takes the energies for logarithms of weights,
            so that only scores whose energies are can be combined with it.
        masks_by_head: Whether `align` also takes a mask `[B, H, S]`, another one for
            each head, and asks it for nothing but which energies count.
    """

    energies_per_head: int = 1
    needs_log_weights: bool = False
    masks_by_head: bool = False

    def build(self, query_shape: Shape) -> None:
        """Make weights that depend on the depths; none by default.

        Args:
            query_shape: `[B, T, Dq]`.

        One that needs the depth of the context has another argument, `value_shape`,
        `[B, S, Dv]`.
        """

    def build_for(self, query_shape: Shape, value_shape: Shape) -> None:
        """`build`, unless it is built, with as many shapes as it takes."""
        count = len(inspect.signature(self.build).parameters)
        build_part(self, *(query_shape, value_shape)[:count])

    @abc.abstractmethod
    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
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
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        """Weights, and the state as far as it is known before the context is.

        Args:
            energies, mask, query, state: As for `align`. In training the noise that
                `draw_noise` gave is already in the energies.
            training: Whether this is training.

        Returns:
            Weights as from `align`, and the state that `next_state` is given.
        """
        return self.align(energies, mask, query, state), state

    def draw_noise(self, shape: Shape, dtype: str) -> Tensor | None:
        """What is added to energies of this shape in training, or None.

        Asked for once for all queries, before any loop over them.
        """
        return None

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        """State before the first step: `()` for an alignment without state."""
        return ()

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        """State after a step with `weights [B, H, S]`, `context [B, Dv]`, `query`.

        Args:
            state: What `advance` returned: the state before the step, where it was
                not changed there.
        """
        return state

    def call(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State = ()
    ) -> Tensor:
        return self.align(energies, mask, query, state)


class CarriedAlignment(Alignment, abc.ABC):
    """Weights and state that come out of one computation, one query at a time."""

    @abc.abstractmethod
    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]: ...

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        return self.advance(energies, mask, query, state)[0]


registry: Registry[Alignment] = Registry("alignment", Alignment)
