"""Checks of ids: their shape, and whether a vocabulary has them where that is known."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.layer_support.types import Ids


def id_matrix(argument: str, ids: Any) -> Ids:
    """Ids `[B, T]`, an array or a tensor, as int32.

    Raises:
        ValueError: Another rank, or T is 0: every sequence has an end.
    """
    if not ops.is_tensor(ids):
        ids = np.asarray(ids)
    if len(ids.shape) != 2 or ids.shape[1] == 0:
        shape = tuple(ids.shape)
        raise ValueError(
            f"`{argument}` must have rank 2, and a column at least, since every "
            f"sequence ends in `end_id`. Received: {argument} of shape {shape}"
        )
    if ops.is_tensor(ids):
        return ops.cast(ids, "int32")
    return ops.convert_to_tensor(ids.astype("int32"))


def check_ids(argument: str, ids: Any, vocabulary_size: int, mask: Any = None) -> None:
    """Raise where an id is none of the vocabulary's.

    Args:
        argument: Name of the argument, for the message.
        ids: `[B]` or `[B, T]`.
        vocabulary_size: V.
        mask: Booleans of the same shape: those that are looked at, None for all.

    Tensors of a graph that is being traced show their dtype alone.

    Raises:
        TypeError: The ids are no integers.
        ValueError: One of them is negative, or V or more.
    """
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if "int" not in dtype:
        raise TypeError(
            f"`{argument}` must hold integer ids. Received: {argument} of dtype {dtype}"
        )
    known = known_values(ids)
    looked_at = True if mask is None else known_values(mask)
    if known is None or looked_at is None:
        return
    bad = ((known < 0) | (known >= vocabulary_size)) & looked_at
    if bad.any():
        place = tuple(np.argwhere(bad)[0])
        step = f", step {place[1]}" if len(place) > 1 else ""
        raise ValueError(
            f"`{argument}` must hold ids of the vocabulary. Expected: 0 to "
            f"{vocabulary_size - 1}. Received: {known[place]} in row {place[0]}{step}"
        )


def known_values(x: Any) -> np.ndarray | None:
    """What stands in a tensor, None where only the running graph can tell."""
    try:
        return np.asarray(ops.convert_to_numpy(x))
    except (NotImplementedError, TypeError, RuntimeError, AttributeError):
        return None
