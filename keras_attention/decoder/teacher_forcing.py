"""The decoder's loops over a whole target that is known."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_attention.attention.base import AttentionLayer
from keras_attention.attention.beam_attention import BeamAttention
from keras_attention.attention.linear_time_monotonic import WalkingAttention
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.backend.loop import scan
from keras_attention.backend.masks import keep_where_masked
from keras_attention.decoder.orders import DecoderState, Order

_NO_AFFINES: dict[str, Any] = {}


class StepParts(NamedTuple):
    """What one target step works with, all of it per-sentence values."""

    cell: PreparedCell
    attention: AttentionLayer | BeamAttention | WalkingAttention
    memory: Any
    fed_readout: Callable[[Any, Any], Any] | None
    second: Callable[[Any, Any], Any] | None = None


def time_major(x: Any) -> Any:
    """`[B, T, ...]` to `[T, B, ...]`."""
    return ops.swapaxes(x, 0, 1)  # [T, B, ...]


def batch_major(x: Any) -> Any:
    """`[T, B, ...]` to `[B, T, ...]`."""
    return ops.swapaxes(x, 0, 1)  # [B, T, ...]


def deferred_kernels(
    cell: PreparedCell, training: bool, name: str = "x"
) -> dict[str, Any] | None:
    """What to pass to `scan` for the kernel of a cell, if it has one."""
    return {name: cell.kernel} if training and cell.kernel is not None else None


def run_cell(
    parts: StepParts, rows: dict[str, Any], state: DecoderState, training: bool
) -> Any:
    """The cell alone over all steps, for attention that comes after the loop.

    Args:
        parts: The decoder's parts, prepared.
        rows: `x` as the prepared cell wants it, `mask` where there is one;
            time-major.
        state: The state before the first step.
        training: Whether a gradient will be asked for.

    Returns:
        Outputs of the cell, `[B, T, Dh]`.
    """

    def step(carried: Any, row: dict[str, Any], affines: Any = _NO_AFFINES) -> Any:
        cell = parts.cell.with_affine(affines.get("x"))
        hidden, new = cell.step(row["x"], None, carried)
        return keep_where_masked(row.get("mask"), new, carried), hidden

    kernels = deferred_kernels(parts.cell, training)
    return batch_major(scan(step, state.cell, rows, kernels)[1])


def run_steps(
    order: Order,
    readout: Callable[[Any, Any], Any],
    parts: StepParts,
    rows: dict[str, Any],
    state: DecoderState,
    with_weights: bool,
    training: bool,
) -> Any:
    """Cell and attention over all steps.

    Args:
        order: How a step is put together.
        readout: Applied after the loop, unless it is fed back inside.
        parts: The decoder's parts, prepared.
        rows: As for `run_cell`, and in training `drawn`, what `AttentionLayer.draw`
            gave, time-major.
        state: The state before the first step.
        with_weights: Whether to collect the weights.
        training: Whether a gradient will be asked for.

    Returns:
        Outputs `[B, T, Do]`, and weights `[B, H, T, S]` or None.
    """

    def step(carried: Any, row: dict[str, Any], affines: Any = _NO_AFFINES) -> Any:
        (state,) = carried
        run = parts._replace(cell=parts.cell.with_affine(affines.get("x")))
        result = order.step(run, row["x"], state, row.get("drawn"))
        new = keep_where_masked(row.get("mask"), result.state, state)
        if result.output is None:
            emitted = {"hidden": result.hidden, "context": result.context}
        else:
            emitted = {"output": result.output}
        if with_weights:
            emitted["weights"] = result.weights
        return (new,), emitted

    _, emitted = scan(step, (state,), rows, deferred_kernels(parts.cell, training))
    weights = None
    if with_weights:
        weights = ops.transpose(emitted["weights"], (1, 2, 0, 3))  # [B, H, T, S]
    if "output" in emitted:
        return batch_major(emitted["output"]), weights
    hidden = batch_major(emitted["hidden"])  # [B, T, Dh]
    return readout(hidden, batch_major(emitted["context"])), weights
