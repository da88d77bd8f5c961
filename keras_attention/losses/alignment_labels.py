"""Labels of losses on attention weights."""

from collections.abc import Sequence

import numpy as np

from keras_attention.layer_support.types import Ids, Mask


def valid_pairs(target_ids: Ids, source_ids: Ids, pad_id: int = 0) -> Mask:
    """Pairs of a target and a source position that are no padding.

    Args:
        target_ids: `[B, T]` or `[B, T, 1]`, the labels or the shifted targets: both are
            as long.
        source_ids: `[B, S]` or `[B, S, 1]`.
        pad_id: Id of padding in both.

    Returns:
        `[B, T, S]` booleans, of the kind that was given: NumPy arrays, or tensors, so
        that it may stand in a `tf.data` pipeline.

    Raises:
        ValueError: Ids of another rank.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> ka.losses.valid_pairs(np.array([[5, 0]]), np.array([[7, 2, 0]])).astype(int)
    array([[[1, 1, 0],
            [0, 0, 0]]])
    """
    targets = _valid("target_ids", target_ids, pad_id)
    sources = _valid("source_ids", source_ids, pad_id)
    return targets[:, :, None] & sources[:, None, :]


def gold_alignment(
    links: Sequence[Sequence[tuple[int, int]]], target_length: int, source_length: int
) -> np.ndarray:
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


def _valid(argument: str, ids: Ids, pad_id: int) -> Mask:
    ids = ids if hasattr(ids, "shape") else np.asarray(ids)
    if len(ids.shape) == 3 and ids.shape[-1] == 1:
        ids = ids[:, :, 0]
    if len(ids.shape) != 2:
        raise ValueError(
            f"`{argument}` must be the ids of sequences. Expected: rank 2. "
            f"Received: {tuple(ids.shape)}"
        )
    return ids != pad_id
