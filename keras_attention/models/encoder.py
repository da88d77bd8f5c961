"""Recurrent encoder: what attention looks at."""

from typing import Any

import keras
from keras import ops, tree

from keras_attention.backend.cells import CellStack
from keras_attention.backend.loop import scan, swap_time
from keras_attention.backend.masks import as_mask, keep_where_masked, zero_where_masked
from keras_attention.layer_support.argument_checks import (
    check_rank,
    number,
    one_of,
    positive_integer,
    steps,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.types import Shape, Tensor

_CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentEncoder(CompositeLayer):
    r"""A stack of recurrent layers, one or two directions each.

    $$ \overrightarrow{h}_s = \mathrm{cell}(x_s, \overrightarrow{h}_{s-1}) \qquad
       \overleftarrow{h}_s = \mathrm{cell}(x_s, \overleftarrow{h}_{s+1}) \qquad
       h_s = [\overrightarrow{h}_s; \overleftarrow{h}_s] $$

    Args:
        units: Depth of one direction.
        cell: `"lstm"` or `"gru"`.
        num_layers: Layers on top of each other.
        bidirectional: Read both ways; the outputs have depth `2 * units`.
        dropout: Fraction of every layer's inputs dropped in training.
        seed: Seed of the dropout.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments:
        embedded: `[B, S, D]`.
        mask: `[B, S]`; masked positions are stepped over and give zeros. It is
            also set on the outputs, so that an attention given them knows it.
        training: Whether dropout is active.

    Returns:
        value `[B, S, 2 * units]` (`[B, S, units]` in one direction) and the last
        states, one list per layer: `[h, c]` or `[h]`, each of the depth of the
        value, both directions joined.

    Relative to `keras.layers.Bidirectional(LSTM)`: the same numbers with the
    same weights; both directions run in one loop, the input projections outside
    it, and no kernel that only one kind of device has.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, section 3.2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> value, state = ka.RecurrentEncoder(4)(np.ones((2, 5, 3)))
    >>> tuple(value.shape), len(state), len(state[0])
    ((2, 5, 8), 1, 2)
    """

    def __init__(
        self,
        units: int,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units)
        self.cell = one_of("cell", cell, _CELLS)
        self.num_layers = positive_integer("num_layers", num_layers)
        self.bidirectional = bidirectional
        self.dropout = number("dropout", dropout, least=0, below=1)
        self.seed = seed
        self.directions = ["forward", "backward"] if bidirectional else ["forward"]
        self.cells = [
            _CELLS[cell](units, name=f"{direction}_{i}", dtype=self.dtype_policy)
            for i in range(num_layers)
            for direction in self.directions
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
            for _ in range(num_layers)
        ]
        self.supports_masking = True

    def build(self, embedded_shape: Shape) -> None:
        check_rank("embedded", embedded_shape, 3)
        depth = embedded_shape[-1]
        for cells in self._cells_by_layer():
            for cell in cells:
                build_part(cell, (None, depth))
            depth = self.units * len(cells)

    def call(
        self, embedded: Tensor, mask: Tensor = None, training: bool = False
    ) -> Any:
        steps("embedded", embedded)
        mask = as_mask(mask, "mask", like=embedded)
        value = zero_where_masked(embedded, mask)
        states = []
        for cells, dropout in zip(self._cells_by_layer(), self.dropouts, strict=True):
            value, state = self._run(
                cells, dropout(value, training=training), mask, training
            )
            states.append(state)
        return value, states

    def compute_output_shape(self, embedded_shape: Shape) -> Any:
        depth = self.units * len(self.directions)
        state = (embedded_shape[0], depth)
        states = [state for _ in tree.flatten(self.cells[0].state_size)]
        return (*embedded_shape[:-1], depth), [states] * self.num_layers

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor) -> Any:
        if previous_mask is not None:
            previous_mask = as_mask(previous_mask, "mask")
        return [previous_mask]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | constructor_config(self)

    def _cells_by_layer(self) -> list[list[Any]]:
        width = len(self.directions)
        return [self.cells[i : i + width] for i in range(0, len(self.cells), width)]

    def _run(self, cells: list[Any], x: Tensor, mask: Tensor, training: bool) -> Any:
        """One layer: outputs `[B, S, directions * U]`, states of that depth."""
        batch = ops.shape(x)[0]
        prepared, rows, states = {}, {}, []
        for name, cell in zip(self.directions, cells, strict=True):
            stack = CellStack(cell, self.compute_dtype)
            prepared[name] = stack.prepare(0, training=False)
            states.append(stack.zero_states(batch))
            reverse = name == "backward"
            rows[name] = prepared[name].project(self._in_order(x, reverse))
            if mask is not None:
                rows[f"{name}_mask"] = self._in_order(mask, reverse)

        # Both directions in one loop: their products run side by side.
        def step(carried: Any, row: dict[str, Tensor]) -> Any:
            news, outputs = [], []
            for (name, run), state in zip(prepared.items(), carried, strict=True):
                output, new = run.step(row[name], None, state)
                news.append(keep_where_masked(row.get(f"{name}_mask"), new, state))
                outputs.append(output)
            return tuple(news), tuple(outputs)

        states, outputs = scan(step, tuple(states), rows, training)
        value = swap_time(outputs[0])  # [B, S, U]
        if len(cells) == 2:
            backward = swap_time(ops.flip(outputs[1], 0))  # [B, S, U]
            value = ops.concatenate([value, backward], axis=-1)  # [B, S, 2U]
        joined = [
            parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
            for parts in zip(*(state[0] for state in states), strict=True)
        ]  # each [B, directions * U]
        return zero_where_masked(value, mask), joined

    def _in_order(self, x: Tensor, reverse: bool) -> Any:
        x = swap_time(x)  # [S, B, ...]
        return ops.flip(x, 0) if reverse else x
