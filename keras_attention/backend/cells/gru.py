"""GRU cell with its input projection outside the loop."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.cells.gate_products import add_bias, gate_products
from keras_attention.backend.cells.prepared_cell import Multiplied, PreparedCell
from keras_attention.backend.deferred.products import step_product
from keras_attention.layer_support.types import Tensor


def prepare_gru(cell: keras.layers.GRUCell, fed_depth: int, dtype: str) -> PreparedCell:
    """`keras.layers.GRUCell` without dropout, in both its forms.

    Args:
        cell: A built cell; gates in Keras' order z, r, h. With `reset_after`
            the reset gate acts after the recurrent product, as in cuDNN.
        fed_depth: How many of the last input rows are only known in the loop.
        dtype: Compute dtype.
    """
    units = cell.units
    kernel = ops.cast(cell.kernel, dtype)  # [D + F, 3U]
    known = kernel.shape[0] - fed_depth
    of_fed = gate_products(kernel[known:], 3) if fed_depth else None
    recurrent = ops.cast(cell.recurrent_kernel, dtype)  # [U, 3U]
    bias = recurrent_bias = None
    if cell.use_bias:
        bias = ops.cast(cell.bias, dtype)  # [3U] or [2, 3U]
        if cell.reset_after:
            bias, recurrent_bias = bias[0], bias[1]
    # Weights are cut here, once, not in every step.
    if cell.reset_after:
        of_state = gate_products(recurrent, 3)
    else:
        of_state = gate_products(recurrent[:, : 2 * units], 2)
        recurrent_candidate = recurrent[:, 2 * units :]

    def project(x: Tensor) -> Any:
        projected = ops.matmul(x, kernel[:known])  # [..., 3U]
        return projected if bias is None else add_bias(projected, bias)

    def step(projected: Tensor, fed: Tensor, states: tuple[Tensor, ...]) -> Any:
        (h,) = states
        if isinstance(fed, Multiplied):
            x_z, x_r, x_h = ops.split(fed.added_to(projected), 3, axis=-1)
        elif of_fed is None:
            x_z, x_r, x_h = ops.split(projected, 3, axis=-1)  # each [B, U]
        else:
            x_z, x_r, x_h = of_fed(projected, fed)  # each [B, U]
        gate = cell.recurrent_activation
        if cell.reset_after:
            h_z, h_r, h_h = of_state(recurrent_bias, h)  # each [B, U]
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            candidate = cell.activation(x_h + r * h_h)
        else:
            h_z, h_r = of_state(None, h)  # each [B, U]
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            candidate = cell.activation(x_h + step_product(r * h, recurrent_candidate))
        h = z * h + (1 - z) * candidate
        return h, (h,)

    return PreparedCell(project, step)
