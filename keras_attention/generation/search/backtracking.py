"""Backtracking: from the traces of a search to its sequences."""

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.backend.loop import unfold
from keras_attention.backend.sizes import size
from keras_attention.generation.result import LOWEST, Generation
from keras_attention.generation.search.finished import FinishedHypotheses
from keras_attention.layer_support.types import Tensor


def sequences(
    finished: FinishedHypotheses,
    emitted: dict[str, Tensor],
    steps: Tensor,
    pad_id: int,
    several: bool,
) -> Generation:
    """Follow every finished hypothesis back to its start.

    Args:
        finished: `[B, N]`.
        emitted: Time-major traces: `slot [T, B, K]` (which slot each came from),
            `token [T, B, K]`, and `weights [T, B, K, H, S]` where there are any,
            of the slots before the step.
        steps: How many steps were run.
        pad_id: Written after the end.
        several: Whether the answers have an axis of their own.

    Returns:
        `ids [B, T]`, with several `[B, N, T]`, and so on; `weights [B, H, T, S]`.
    """
    length = size(emitted["token"], 0)
    there = finished.rank > -float("inf")  # [B, N]

    def back(t: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
        time = length - 1 - t
        before = gather(gather(emitted["slot"], time), slot, batch_axes=1)  # [B, N]
        before = ops.where(ops.equal(time, finished.step), finished.slot, before)
        before = ops.where(time <= finished.step, before, slot)
        return before, before

    _, slots, _ = unfold(back, finished.slot, lambda _: True, length, rows=length)
    slots = ops.flip(slots, 0)  # [T, B, N], where each hypothesis was before a step
    last = ops.expand_dims(finished.slot, 0)  # [1, B, N]
    after = ops.concatenate([slots[1:], last], axis=0)  # [T, B, N]
    times = ops.reshape(ops.arange(length, dtype="int32"), (-1, 1, 1))  # [T, 1, 1]
    inside = (times <= finished.step) & there  # [T, B, N]
    ids = gather(emitted["token"], after, batch_axes=2)  # [T, B, N]
    ids = ops.where(ops.equal(times, finished.step), finished.token, ids)
    ids = ops.transpose(ops.where(inside, ids, pad_id), (1, 2, 0))  # [B, N, T]
    weights = emitted.get("weights")
    if weights is not None:
        weights = gather(weights, slots, batch_axes=2)  # [T, B, N, H, S]
        inside = ops.expand_dims(ops.expand_dims(inside, -1), -1)
        weights = ops.where(inside, weights, 0.0)
        weights = ops.transpose(weights, (1, 2, 3, 0, 4))  # [B, N, H, T, S]
    lengths = ops.where(there, finished.step + 1, 0)
    log_probs = ops.where(there, finished.log_prob, LOWEST)
    if not several:
        ids, lengths, log_probs = ids[:, 0], lengths[:, 0], log_probs[:, 0]
        weights = None if weights is None else weights[:, 0]
    return Generation(ids, lengths, log_probs, weights, steps)
