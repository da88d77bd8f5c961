"""Labels of losses on attention weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def valid_pairs(target_ids: Any, source_ids: Any, pad_id: int = 0) -> Any:
    """Which pairs of a target and a source position are no padding.

    Args:
        target_ids: `[B, T]`, the labels or the shifted targets: both are as long.
        source_ids: `[B, S]`.
        pad_id: Id of padding in both.

    Returns:
        `[B, T, S]` booleans, of the kind that was given: NumPy arrays, or tensors, so
        that it may stand in a `tf.data` pipeline.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> ka.losses.valid_pairs(np.array([[5, 0]]), np.array([[7, 2, 0]])).astype(int)
    array([[[1, 1, 0],
            [0, 0, 0]]])
    """
    return (target_ids != pad_id)[:, :, None] & (source_ids != pad_id)[:, None, :]


def gold_alignment(
    links: Sequence[Sequence[tuple[int, int]]], target_length: int, source_length: int
) -> Any:
    r"""Aligned pairs as labels of `ka.losses.GuidedAlignment`.

    $$ A_{ts} = \frac{[(s, t) \in \mathrm{links}]}{|\{s' : (s', t) \in
       \mathrm{links}\}|} $$

    Args:
        links: For each of B sentences pairs (source position, target position), from 0,
            as aligners write them (`0-0 1-2`).
        target_length: T, padding included.
        source_length: S, padding included.

    Returns:
        `[B, T, S]` float32.

    Raises:
        ValueError: A position that does not exist.

    Example:

    >>> import keras_attention as ka
    >>> ka.losses.gold_alignment([[(0, 0), (2, 0)]], 2, 3)
    array([[[0.5, 0. , 0.5],
            [0. , 0. , 0. ]]], dtype=float32)
    """
    gold = np.zeros((len(links), target_length, source_length), "float32")
    for row, pairs in enumerate(links):
        for source, target in pairs:
            if not (0 <= source < source_length and 0 <= target < target_length):
                raise ValueError(
                    "`links` must be pairs (source, target) of positions below "
                    f"({source_length}, {target_length}). "
                    f"Received: {(source, target)} in row {row}"
                )
            gold[row, target, source] = 1.0
    total = gold.sum(axis=-1, keepdims=True)
    return gold / np.where(total > 0, total, 1.0)
