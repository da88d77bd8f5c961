"""Any Keras cell, run whole inside the loop."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops, tree

from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.layer_support.types import Size, Tensor


def has_dropout(cell: keras.layers.Layer) -> bool:
    """Whether the cell drops inputs or recurrent inputs in training."""
    return bool(getattr(cell, "dropout", 0) or getattr(cell, "recurrent_dropout", 0))


def prepare_whole(cell: keras.layers.Layer, dtype: str, training: bool) -> PreparedCell:
    """Call the cell as it is, on `[x_t; fed_t]`."""

    def step(x: Tensor, fed: Tensor, states: tuple[Tensor, ...]) -> Any:
        if fed is not None:
            x = fed if x is None else ops.concatenate([x, fed], axis=-1)  # [B, D + F]
        with contextlib.nullcontext() if training else _without_dropout(cell):
            output, new = cell(x, list(states), training=training)
        cast = tuple(ops.cast(s, dtype) for s in tree.flatten(new))
        return ops.cast(output, dtype), cast

    return PreparedCell(lambda x: x, step)


def draw_dropout_masks(
    cell: keras.layers.Layer, input_depth: int, batch: Size, dtype: str
) -> None:
    """Draw a Keras cell's masks for one sequence.

    Keras' cells draw their masks when they are first called and keep them until
    they are told to forget. First called inside a loop, the mask would belong to
    the loop's body and leak out of it (JAX refuses, TensorFlow fails at the next
    trace); never told to forget, every batch would have the same mask.
    """
    forget_dropout_masks(cell)
    if hasattr(cell, "get_dropout_mask"):
        cell.get_dropout_mask(ops.ones((batch, input_depth), dtype))
    if hasattr(cell, "get_recurrent_dropout_mask"):
        depth = tree.flatten(cell.state_size)[0]
        cell.get_recurrent_dropout_mask(ops.ones((batch, depth), dtype))


def forget_dropout_masks(cell: keras.layers.Layer) -> None:
    """Drop a Keras cell's masks, so that it remembers no batch."""
    if hasattr(cell, "reset_dropout_mask"):
        cell.reset_dropout_mask()
    if hasattr(cell, "reset_recurrent_dropout_mask"):
        cell.reset_recurrent_dropout_mask()


@contextlib.contextmanager
def _without_dropout(cell: keras.layers.Layer) -> Iterator[None]:
    """Keep a cell from drawing masks that it will not use.

    Keras' SimpleRNNCell draws them outside of training too, and inside a loop
    they leak out of it as in training.
    """
    names = [name for name in ("dropout", "recurrent_dropout") if hasattr(cell, name)]
    rates = {name: getattr(cell, name) for name in names}
    try:
        for name in names:
            setattr(cell, name, 0.0)
        yield
    finally:
        for name, rate in rates.items():
            setattr(cell, name, rate)
