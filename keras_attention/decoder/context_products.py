r"""Products with the context, by values that were multiplied before the first step.

$$ c_t W = \sum_s a_{ts} \, (v_s W) $$

A product of few rows waits for its weights. Of a short source, a step then reads
`[S, N]` numbers instead of the `[D, N]` of W.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_attention.attention.attention import Attention
from keras_attention.attention.base import StepAttention
from keras_attention.attention.memory import AttentionMemory
from keras_attention.backend.batched_products import few_rows_matmul
from keras_attention.backend.cells.prepared_cell import Multiplied
from keras_attention.backend.loop import in_dynamic_graph
from keras_attention.backend.sizes import size, when
from keras_attention.decoder.readouts import ConcatReadout
from keras_attention.decoder.step import Entering, itself
from keras_attention.layer_support.types import Memory, Size, Tensor

if TYPE_CHECKING:
    from keras_attention.decoder.decoder import AttentionDecoder

# Weights below stay in a cache near a core, and a graph has to choose in every step.
_LARGE = 2**19
_LARGE_COMPILED = 2**16
# What their product costs once is saved in fewer steps than a sentence has.
_SHARE = 2

_many_steps = contextvars.ContextVar("many_steps", default=False)


@contextlib.contextmanager
def many_steps() -> Iterator[None]:
    """Says that what is prepared is for many steps, not for one."""
    token = _many_steps.set(True)
    try:
        yield
    finally:
        _many_steps.reset(token)


class ContextProduct:
    """`context @ kernel` for `B * K` rows, where the values are few.

    Args:
        memory: Of one head, for B rows.
        kernel: `[D, N]`.
        beam_size: K.
        few: Whether the values are.
    """

    def __init__(
        self, memory: AttentionMemory, kernel: Tensor, beam_size: Size, few: Tensor
    ) -> None:
        values = ops.squeeze(memory.values, 1)  # [B, S, D]
        if in_dynamic_graph():
            # Many are not multiplied; XLA leaves out by itself what is not used.
            values = values[:, : ops.where(few, size(values, 1), 0)]
        self._few = few
        self._alone = size(values, 0) == 1
        self._beam_size = beam_size
        self._values = ops.matmul(values, kernel)  # [B, S, N] or [B, 0, N]

    def choose(
        self,
        of_weights: Callable[[Callable[[Tensor], Tensor]], Tensor],
        of_context: Callable[[], Tensor],
    ) -> Any:
        """What is computed from the product where the values are few, else without it.

        Args:
            of_weights: Given the product as a function of weights `[B * K, S]` or
                `[B * K, 1, S]`.
            of_context: The same from the context.
        """
        return when(self._few, lambda: of_weights(self._product), of_context)

    def _product(self, weights: Tensor) -> Any:
        positions = size(weights, -1)

        def of_row() -> Any:
            # Twice to four times as fast as a product of a batch.
            return ops.matmul(
                ops.reshape(weights, (-1, positions)), self._values[0]
            )  # [K, N]

        def of_rows() -> Any:
            by_row = ops.reshape(weights, (-1, self._beam_size, positions))  # [B, K, S]
            product = few_rows_matmul(by_row, self._values)  # [B, K, N]
            return ops.reshape(product, (-1, self._values.shape[-1]))  # [B * K, N]

        return when(self._alone, of_row, of_rows)


def context_product(
    attention: StepAttention, memory: Memory, kernel: Tensor | None, beam_size: Size
) -> ContextProduct | None:
    """The product of an attention's context, None where it cannot be faster.

    Args:
        attention: What attends in a step.
        memory: Its memory.
        kernel: `[D, N]` in the dtype that is computed in; None: there is no product.
        beam_size: K.
    """
    large = _LARGE if in_dynamic_graph() else _LARGE_COMPILED
    if (
        kernel is None
        or not _many_steps.get()
        or not isinstance(attention, Attention)
        or attention.num_heads > 1
        # In half precision the rounding of values is not that of contexts.
        or keras.backend.standardize_dtype(kernel.dtype) not in ("float32", "float64")
        or kernel.shape[0] * kernel.shape[1] < large
    ):
        return None
    few = size(memory.mask, 0) * size(memory.mask, 1) * _SHARE <= kernel.shape[0]
    return None if few is False else ContextProduct(memory, kernel, beam_size, few)


def entering_cell(
    decoder: "AttentionDecoder",
    memory: Memory,
    beam_size: Size,
    attention: StepAttention | None,
) -> Entering:
    """How the context enters a cell in steps.

    Args:
        decoder: Whose cell it is.
        memory, beam_size, attention: As for `AttentionDecoder.stepper`.
    """
    place = decoder.order.context_cell
    if place is None or decoder.context_gate is not None:
        return itself
    kernel = decoder.stack.fed_kernel(place, decoder.context_depth)
    attends = attention or decoder.attention
    product = context_product(attends, memory, kernel, beam_size)
    if product is None:
        return itself
    return lambda context, weights: Multiplied(
        product.choose(
            lambda of_weights: of_weights(weights),
            lambda: ops.matmul(context, kernel),
        )
    )


def output_steps(
    layer: Any,
    decoder: "AttentionDecoder",
    memory: Memory,
    beam_size: Size,
    attention: StepAttention | None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """An output layer for steps, of outputs `[B * K, Do]` and weights `[B * K, S]`.

    Args:
        layer: The output layer, or what takes its place.
        decoder: Where its inputs come from.
        memory, beam_size, attention: As for `AttentionDecoder.stepper`.
    """

    def plain(outputs: Tensor, weights: Tensor) -> Any:
        return layer(outputs)

    if (
        type(decoder.readout) is not ConcatReadout
        or type(layer) is not keras.layers.Dense
        or layer.quantization_mode is not None
        or not layer.use_bias
        or layer.activation is not keras.activations.linear
    ):
        return plain
    kernel = ops.cast(layer.kernel, layer.compute_dtype)  # [U + D, V]
    units = decoder.stack.output_depth
    of_hidden, of_context = kernel[:units], kernel[units:]
    attends = attention or decoder.attention
    product = context_product(attends, memory, of_context, beam_size)
    if product is None:
        return plain

    def logits(outputs: Tensor, weights: Tensor) -> Any:
        found = product.choose(
            lambda of_weights: (
                ops.matmul(outputs[:, :units], of_hidden) + of_weights(weights)
            ),
            lambda: ops.matmul(outputs, kernel),
        )
        return found + ops.cast(layer.bias, found.dtype)

    return logits
