"""One cell or several on top of each other, behind one interface."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import keras
from keras import ops, tree

from keras_attention.backend.cells.any_cell import (
    draw_dropout_masks,
    forget_dropout_masks,
    has_dropout,
    prepare_whole,
)
from keras_attention.backend.cells.gru import prepare_gru
from keras_attention.backend.cells.lstm import prepare_lstm
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Size, Tensor

States: TypeAlias = tuple[tuple[Tensor, ...], ...]
"""State tensors of every cell, bottom first."""

FedCell: TypeAlias = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""`fed, states` to `output, states`: its whole input is known inside the loop only."""


class Gate(Protocol):
    """What may stand in front of a cell: `ka.ContextGate`."""

    units: int

    def in_front_of(self, cell: FedCell) -> PreparedCell:
        """A cell that takes what the gate takes."""


class CellStack:
    """How a loop drives `cell`, whatever it is.

    Args:
        cell: A Keras cell, or `keras.layers.StackedRNNCells`, whose cells are
            driven one by one.
        dtype: Compute dtype of the loop.
        argument: What the cell is called in messages.

    Raises:
        TypeError: Not a cell (no `state_size`).
    """

    def __init__(
        self, cell: keras.layers.Layer, dtype: str, argument: str = "cell"
    ) -> None:
        if not hasattr(cell, "state_size") or not callable(cell):
            raise TypeError(
                f"`{argument}` must be a Keras RNN cell (with `state_size`) or "
                f"`keras.layers.StackedRNNCells`. Received: {argument}={cell!r}"
            )
        self.cell = cell
        self.dtype = dtype
        stacked = type(cell) is keras.layers.StackedRNNCells
        self.cells = list(cell.cells) if stacked else [cell]
        if len({id(part) for part in self.cells}) < len(self.cells):
            raise ValueError(
                f"`{argument}` must not hold one cell twice: expected a cell object "
                f"for every layer. Received: {[part.name for part in self.cells]}"
            )

    @property
    def state_sizes(self) -> list[list[int]]:
        """Depth of every state tensor of every cell, bottom first."""
        return [list(tree.flatten(cell.state_size)) for cell in self.cells]

    @property
    def output_depth(self) -> int:
        """Depth of the top cell's output."""
        return self.output_depths[-1]

    @property
    def output_depths(self) -> list[int]:
        """Depth of every cell's output, bottom first."""
        return [
            int(getattr(cell, "output_size", None) or sizes[0])
            for cell, sizes in zip(self.cells, self.state_sizes, strict=True)
        ]

    def build(self, input_depths: list[int]) -> None:
        """Build every cell for inputs of its depth, bottom first."""
        if input_depths[1:] == self.output_depths[:-1]:
            if not self.cell.built:
                self.cell.build((None, input_depths[0]))
        else:
            # Keras would build each for the output of the one below alone.
            for cell, depth in zip(self.cells, input_depths, strict=True):
                build_part(cell, (None, depth))
            self.cell.built = True
        self.input_depths = input_depths

    def zero_states(self, batch: Size) -> States:
        """The cells' own initial states, which are zeros unless they say else."""
        states = []
        for cell, sizes in zip(self.cells, self.state_sizes, strict=True):
            if hasattr(cell, "get_initial_state"):
                initial = tree.flatten(cell.get_initial_state(batch_size=batch))
            else:
                initial = [ops.zeros((batch, size)) for size in sizes]
            states.append(tuple(ops.cast(state, self.dtype) for state in initial))
        return tuple(states)

    @contextlib.contextmanager
    def dropout_masks(self, batch: Size, training: bool) -> Iterator[None]:
        """One set of dropout masks for everything run inside."""
        dropping = [c for c in self.cells if training and has_dropout(c)]
        try:
            for cell, depth in zip(self.cells, self.input_depths, strict=True):
                if cell in dropping:
                    draw_dropout_masks(cell, depth, batch, self.dtype)
            yield
        finally:
            for cell in dropping:
                forget_dropout_masks(cell)

    def prepare(
        self,
        fed_depth: int,
        training: bool,
        feed_all: bool = False,
        gate: Gate | None = None,
    ) -> PreparedCell:
        """Do the per-sentence work.

        Args:
            fed_depth: How many of the last input dimensions are only known
                inside the loop.
            training: Whether the cells' own dropout is active; then call inside
                `dropout_masks`.
            feed_all: Whether what is fed enters every cell, beside the output of the
                one below, or the bottom one alone.
            gate: What stands in front of the bottom cell.
        """
        if gate is None:
            first = self._prepare_one(self.cells[0], fed_depth, training)
        else:
            first = self._prepare_gated(self.cells[0], gate, training)
        beside = fed_depth if feed_all else 0
        upper = [
            self._prepare_fed(cell, depth + beside, training)
            for cell, depth in zip(self.cells[1:], self.output_depths, strict=False)
        ]

        def step(projected: Tensor, fed: Tensor, states: States) -> Any:
            output, new = first.step(projected, fed, states[0])
            collected = [new]
            for prepared, state in zip(upper, states[1:], strict=True):
                if feed_all:
                    output = ops.concatenate([output, fed], axis=-1)  # [B, U + F]
                output, new = prepared(output, state)
                collected.append(new)
            return output, tuple(collected)

        return PreparedCell(first.project, step)

    def prepare_apart(
        self, depth: int, training: bool, gate: Gate | None = None
    ) -> tuple[PreparedCell, FedCell]:
        """Two cells that are stepped one after the other, with work between them.

        Args:
            depth: Of what the second takes, known inside the loop only.
            training: As for `prepare`.
            gate: What stands in front of the second.

        Returns:
            The first, and the second as `(input, states) -> (output, states)`.
        """
        first = self._prepare_one(self.cells[0], 0, training)
        if gate is None:
            return first, self._prepare_fed(self.cells[1], depth, training)
        gated = self._prepare_gated(self.cells[1], gate, training)
        return first, lambda fed, states: gated.step(None, fed, states)

    def _prepare_gated(
        self, cell: keras.layers.Layer, gate: Gate, training: bool
    ) -> PreparedCell:
        return gate.in_front_of(self._prepare_fed(cell, gate.units, training))

    def fed_kernel(self, number: int, depth: int) -> Any:
        """What a cell multiplies what is fed with, `[F, N]`; None: it does not."""
        cell = self.cells[number]
        if self._runs_whole(cell, training=False):
            return None
        return ops.cast(cell.kernel, self.dtype)[-depth:]

    def _prepare_fed(
        self, cell: keras.layers.Layer, depth: int, training: bool
    ) -> FedCell:
        """A cell whose whole input is known inside the loop only."""
        prepared = self._prepare_one(cell, depth, training)
        empty = self._without_input(cell, training)
        return lambda fed, states: prepared.step(empty, fed, states)

    def _runs_whole(self, cell: keras.layers.Layer, training: bool) -> bool:
        hoisted = type(cell) in (keras.layers.LSTMCell, keras.layers.GRUCell)
        return not hoisted or (training and has_dropout(cell))

    def _prepare_one(
        self, cell: keras.layers.Layer, fed_depth: int, training: bool
    ) -> PreparedCell:
        if self._runs_whole(cell, training):
            return prepare_whole(cell, self.dtype, training)
        if type(cell) is keras.layers.LSTMCell:
            return prepare_lstm(cell, fed_depth, self.dtype)
        return prepare_gru(cell, fed_depth, self.dtype)

    def _without_input(self, cell: keras.layers.Layer, training: bool) -> Any:
        """What `project` gives for an input of depth 0: the bias alone, or None."""
        if self._runs_whole(cell, training) or not cell.use_bias:
            return None
        bias = ops.cast(cell.bias, self.dtype)
        return bias[0] if len(bias.shape) == 2 else bias
