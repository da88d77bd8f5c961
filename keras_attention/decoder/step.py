"""One target step: the state before it, what it works with, and what it gives."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from keras_attention.attention.base import AttentionLayer, StepAttention
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.layer_support.types import Memory, Nested, State, Tensor


class DecoderState(NamedTuple):
    """What a decoder carries from one target step to the next.

    Attributes:
        cell: State tensors of every cell, bottom first: `((h, c), ...)`; those of
            the last one only in the order `conditional`.
        attention: `ka.AttentionState`.
        fed: What is fed back, `[B, F]`, or `()` when nothing is.
    """

    cell: tuple[tuple[Tensor, ...], ...]
    attention: State
    fed: Tensor = ()


Stepped: TypeAlias = tuple[Tensor, Tensor, DecoderState]
"""A step as users see it: output `[B, Do]`, weights `[B, S]` or `[B, H, S]`, state."""


class StepResult(NamedTuple):
    """Output of the cell, context, readout (None where it waits until after the loop),
    weights `[B, H, S]` and the next state."""

    hidden: Tensor
    context: Tensor
    output: Tensor
    weights: Tensor
    state: State


Entering: TypeAlias = Callable[[Tensor, Tensor], Any]
"""What is fed to a cell, of the context `[B, D]` and its weights `[B, H, S]`."""


def itself(context: Tensor, weights: Tensor) -> Any:
    """The `Entering` of a cell that multiplies by itself."""
    return context


class PreparedDecoder(NamedTuple):
    """A decoder over one memory, with the work that no step depends on done.

    What `AttentionDecoder.prepare` gives to loops.

    Attributes:
        order_step: `Order.step`.
        cell: The cell, prepared.
        second: The cell that is stepped after attention, where there is such a thing.
        layer: The decoder's attention.
        attention: What attends in a step: the same, or what takes its place.
        memory: What it attends to.
        readout: What leaves the decoder, of the cell's output, context and inputs.
        feeds_readout: Whether the next step is fed with it.
        entering: What is fed to a cell of the context and its weights.
    """

    order_step: Callable[..., StepResult]
    cell: PreparedCell
    second: Any
    layer: AttentionLayer
    attention: StepAttention
    memory: Memory
    readout: Callable[..., Tensor]
    feeds_readout: bool
    entering: Entering = itself

    def attend(
        self, query: Tensor, state: State, drawn: Nested
    ) -> tuple[Tensor, Tensor, State]:
        """Context, weights `[B, H, S]` and the next state of the attention."""
        return self.attention.advance(query, self.memory, state, drawn)

    def step(
        self, inputs: Tensor, state: DecoderState, drawn: Nested = None
    ) -> StepResult:
        """One target step, from its inputs `[B, D]` to its output `[B, Do]`."""
        return self.step_projected(self.cell.project(inputs), inputs, state, drawn)

    def step_projected(
        self,
        projected: Nested,
        inputs: Tensor,
        state: DecoderState,
        drawn: Nested = None,
    ) -> StepResult:
        """`step`, given also what `cell.project` makes of the inputs."""
        result = self.order_step(self, projected, state, drawn)
        if result.output is not None:
            return result
        output = self.readout(result.hidden, result.context, inputs)
        return result._replace(output=output)
