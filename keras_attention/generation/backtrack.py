"""From the traces of a search to its sequences."""

from typing import Any

from keras import ops

from keras_attention.generation.pool import Pool
from keras_attention.generation.result import LOWEST, Generation
from keras_attention.scan import scan


def sequences(
    pool: Pool, emitted: dict[str, Any], steps: Any, pad_id: int, several: bool
) -> Generation:
    """Follow every hypothesis of the pool back to its start.

    Args:
        pool: `[B, N]`.
        emitted: Time-major traces: `slot [T, B, K]` (which slot each came from),
            `token [T, B, K]`, and `weights [T, B, K, S]` (`[T, B, K, H, S]`) where
            there are any, of the slots before the step.
        steps: How many steps were run.
        pad_id: Written after the end.
        several: Whether the answers have an axis of their own.

    Returns:
        `ids [B, T]`, with several `[B, N, T]`, and so on.
    """
    length = ops.shape(emitted["token"])[0]
    times = ops.arange(length, dtype="int32")

    def step(slot: Any, row: dict[str, Any]) -> Any:
        t = row["t"]
        at_end = ops.equal(t, pool.step)  # [B, N]
        inside = t <= pool.step
        inside = ops.logical_and(inside, pool.rank > -float("inf"))
        source = ops.where(
            at_end, pool.slot, ops.take_along_axis(row["slot"], slot, axis=1)
        )
        token = ops.where(
            at_end, pool.token, ops.take_along_axis(row["token"], slot, axis=1)
        )
        token = ops.where(inside, token, ops.full_like(token, pad_id))
        source = ops.where(inside, source, slot)
        written = {"ids": token}
        if "weights" in row:
            index, valid = source, inside
            for _ in range(len(row["weights"].shape) - 2):
                index, valid = ops.expand_dims(index, -1), ops.expand_dims(valid, -1)
            weights = ops.take_along_axis(row["weights"], index, axis=1)
            written["weights"] = ops.where(valid, weights, ops.zeros_like(weights))
        return source, written

    rows = {"t": times, **emitted}
    backwards = {name: ops.flip(value, 0) for name, value in rows.items()}
    _, written = scan(step, pool.slot, backwards)
    written = {name: ops.flip(value, 0) for name, value in written.items()}
    ids = ops.transpose(written["ids"], (1, 2, 0))  # [B, N, T]
    weights = written.get("weights")
    if weights is not None:
        # [T, B, N, S] to [B, N, T, S]; [T, B, N, H, S] to [B, N, H, T, S]
        order = (1, 2, 0, 3) if len(weights.shape) == 4 else (1, 2, 3, 0, 4)
        weights = ops.transpose(weights, order)
    there = pool.rank > -float("inf")
    lengths = ops.where(there, pool.step + 1, ops.zeros_like(pool.step))
    log_probs = ops.where(there, pool.log_prob, ops.full_like(pool.log_prob, LOWEST))
    if not several:
        ids, lengths, log_probs = ids[:, 0], lengths[:, 0], log_probs[:, 0]
        weights = None if weights is None else weights[:, 0]
    return Generation(ids, lengths, log_probs, weights, steps)
