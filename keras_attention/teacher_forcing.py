"""The decoder's loops over a whole target that is known."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_attention.attention import Attention
from keras_attention.beams import BeamAttention
from keras_attention.cells.prepared import PreparedCell
from keras_attention.masks import keep_where_masked
from keras_attention.memory import AttentionMemory
from keras_attention.orders import DecoderState, Order
from keras_attention.scan import scan


class StepParts(NamedTuple):
    """What one target step works with, all of it per-sentence values."""

    cell: PreparedCell
    attention: Attention | BeamAttention
    memory: AttentionMemory
    fed_readout: Callable[[Any, Any], Any] | None


def time_major(x: Any) -> Any:
    """`[B, T, ...]` to `[T, B, ...]`."""
    return ops.swapaxes(x, 0, 1)  # [T, B, ...]


def batch_major(x: Any) -> Any:
    """`[T, B, ...]` to `[B, T, ...]`."""
    return ops.swapaxes(x, 0, 1)  # [B, T, ...]


def run_cell(parts: StepParts, rows: dict[str, Any], state: DecoderState) -> Any:
    """The cell alone over all steps, for attention that comes after the loop.

    Args:
        parts: The decoder's parts, prepared.
        rows: `x` as the prepared cell wants it, `mask` where there is one;
            time-major.
        state: The state before the first step.

    Returns:
        Outputs of the cell, `[B, T, Dh]`.
    """

    def step(carried: Any, row: dict[str, Any]) -> Any:
        hidden, new = parts.cell.step(row["x"], None, carried)
        return keep_where_masked(row.get("mask"), new, carried), hidden

    return batch_major(scan(step, state.cell, rows)[1])


def run_steps(
    order: Order,
    readout: Callable[[Any, Any], Any],
    parts: StepParts,
    rows: dict[str, Any],
    state: DecoderState,
    with_weights: bool,
) -> Any:
    """Cell and attention over all steps.

    Args:
        order: How a step is put together.
        readout: Applied after the loop, unless it is fed back inside.
        parts: The decoder's parts, prepared.
        rows: As for `run_cell`, and `keep [T, B, H, S]`, the dropout factors of
            the weights, where there are any.
        state: The state before the first step.
        with_weights: Whether to collect the weights.

    Returns:
        Outputs `[B, T, Do]`, and weights `[B, H, T, S]` or None.
    """

    def step(carried: Any, row: dict[str, Any]) -> Any:
        (state,) = carried
        result = order.step(parts, row["x"], state, row.get("keep"))
        new = keep_where_masked(row.get("mask"), result.state, state)
        if result.output is None:
            emitted = {"hidden": result.hidden, "context": result.context}
        else:
            emitted = {"output": result.output}
        if with_weights:
            emitted["weights"] = result.weights
        return (new,), emitted

    _, emitted = scan(step, (state,), rows)
    weights = None
    if with_weights:
        weights = ops.transpose(emitted["weights"], (1, 2, 0, 3))  # [B, H, T, S]
    if "output" in emitted:
        return batch_major(emitted["output"]), weights
    hidden = batch_major(emitted["hidden"])  # [B, T, Dh]
    return readout(hidden, batch_major(emitted["context"])), weights
