"""Teacher forcing: loops over a whole target, and the one that is known beforehand."""

from collections.abc import Callable
from typing import Any, TypeAlias

from keras_attention.attention.base import drawn_rows, loop_rows, weights_of_rows
from keras_attention.backend.loop import scan, swap_time
from keras_attention.backend.masks import keep_where_masked
from keras_attention.decoder.step import DecoderState, PreparedDecoder, StepResult
from keras_attention.layer_support.types import Mask, State, Tensor

Loop: TypeAlias = Callable[
    [PreparedDecoder, Tensor, Mask, DecoderState, bool], tuple[Tensor, Tensor]
]
"""Outputs `[B, T, Do]` and weights `[B, H, T, S]` (or None) of a decoder from inputs
`[B, T, D]`, their mask, the state before the first step, and whether it is training."""


def teacher_forced(
    decoder: PreparedDecoder,
    inputs: Tensor,
    mask: Mask,
    state: DecoderState,
    training: bool,
    with_weights: bool = True,
) -> tuple[Tensor, Tensor]:
    """The `Loop` over inputs that are known; weights are None unless asked for."""
    rows = _rows(decoder, inputs, mask)
    drawn = decoder.layer.draw(inputs, decoder.memory, training)

    def step(row: dict[str, Any], state: DecoderState) -> StepResult:
        return decoder.order_step(decoder, row["x"], state, row.get("drawn"))

    emitted, weights = run_steps(
        step, state, rows | drawn_rows(drawn), training, with_weights
    )
    if "output" in emitted:
        return emitted["output"], weights
    return decoder.readout(emitted["hidden"], emitted["context"], inputs), weights


def cell_first(
    decoder: PreparedDecoder,
    inputs: Tensor,
    mask: Mask,
    state: DecoderState,
    training: bool,
) -> tuple[Tensor, Tensor]:
    """The `Loop` where attention waits until the cell has run over all steps."""

    def step(before: State, row: dict[str, Any]) -> Any:
        hidden, new = decoder.cell.step(row["x"], None, before)
        return keep_where_masked(row.get("mask"), new, before), hidden

    rows = _rows(decoder, inputs, mask)
    _, hidden = scan(step, state.cell, rows, training)
    hidden = swap_time(hidden)  # [B, T, Dh]
    context, weights = decoder.layer.attend(hidden, decoder.memory, mask, training)
    return decoder.readout(hidden, context, inputs), weights


def run_steps(
    step: Callable[[dict[str, Any], Any], StepResult],
    state: State,
    rows: dict[str, Any],
    training: bool,
    with_weights: bool = True,
) -> tuple[dict[str, Tensor], Tensor]:
    """Cell and attention over all steps.

    Args:
        step: A row and the state before to a result.
        state: The state before the first step.
        rows: Time-major, with `mask` where there is one: there the state stays.
        training: Whether gradients will be asked for.
        with_weights: Whether to collect the weights.

    Returns:
        `output [B, T, Do]`, or where the readout waits `hidden` and `context`; and
        weights `[B, H, T, S]` or None.
    """

    def masked(before: State, row: dict[str, Any]) -> Any:
        result = step(row, before)
        if result.output is None:
            emitted = {"hidden": result.hidden, "context": result.context}
        else:
            emitted = {"output": result.output}
        if with_weights:
            emitted["weights"] = result.weights
        return keep_where_masked(row.get("mask"), result.state, before), emitted

    _, emitted = scan(masked, state, rows, training)
    weights = emitted.pop("weights", None)
    if weights is not None:
        weights = weights_of_rows(weights)
    return {name: swap_time(x) for name, x in emitted.items()}, weights


def _rows(decoder: PreparedDecoder, inputs: Tensor, mask: Mask) -> dict[str, Any]:
    """What the cell takes and the mask, time-major."""
    rows = loop_rows(x=inputs, mask=mask)
    # Time-major before it is projected: inputs are a quarter as deep, or less.
    return rows | {"x": decoder.cell.project(rows["x"])}
