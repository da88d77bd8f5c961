"""LSTM cell with its input projection outside the loop."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.cells.gate_products import add_bias, gate_products
from keras_attention.backend.cells.prepared_cell import Multiplied, PreparedCell
from keras_attention.layer_support.types import Tensor


def prepare_lstm(
    cell: keras.layers.LSTMCell, fed_depth: int, dtype: str
) -> PreparedCell:
    """`keras.layers.LSTMCell` without dropout.

    The rows of the kernel that meet `x` are applied before the loop; those that
    meet `fed` are stacked on the recurrent kernel, so that a step is one matrix
    product, or one for each gate.

    Args:
        cell: A built cell; gates in Keras' order i, f, c, o.
        fed_depth: How many of the last input rows are only known in the loop.
        dtype: Compute dtype.
    """
    kernel = ops.cast(cell.kernel, dtype)  # [D + F, 4U]
    recurrent = inside = ops.cast(cell.recurrent_kernel, dtype)  # [U, 4U]
    known = kernel.shape[0] - fed_depth
    # Split, not sliced: the gradient of a slice is as large as what it was taken from.
    of_known, of_fed = ops.split(kernel, [known], axis=0)  # [D, 4U], [F, 4U]
    if fed_depth:
        inside = ops.concatenate([of_fed, inside], axis=0)  # [F + U, 4U]
    bias = ops.cast(cell.bias, dtype) if cell.use_bias else None
    gates_of, of_state = (gate_products(x, 4) for x in (inside, recurrent))

    def project(x: Tensor) -> Any:
        projected = ops.matmul(x, of_known)  # [..., 4U]
        return projected if bias is None else add_bias(projected, bias)

    def step(projected: Tensor, fed: Tensor, states: tuple[Tensor, ...]) -> Any:
        h, c = states
        if isinstance(fed, Multiplied):
            gates = of_state(fed.added_to(projected), h)
            return after_gates(gates, c)
        known_now = h if fed is None else ops.concatenate([fed, h], axis=-1)  # [B, F+U]
        return after_gates(gates_of(projected, known_now), c)

    def after_gates(gates: list[Any], c: Tensor) -> Any:
        i, f, candidate, o = gates  # each [B, U]
        gate = cell.recurrent_activation
        c = gate(f) * c + gate(i) * cell.activation(candidate)
        h = gate(o) * cell.activation(c)
        return h, (h, c)

    return PreparedCell(project, step)
