"""Merging: rows of several requests in one array, and their results apart again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.server.refusal import invalid, precondition
from serving.server.versions.servable import Arrays, Feeds


def rows_of(feeds: Feeds) -> int:
    """How many rows a request has; a Refusal if its inputs do not agree."""
    if not feeds:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(array.ndim == 0 for array in feeds.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in feeds.values()}
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def merged(requests: Sequence[Feeds], rows: int) -> dict[str, np.ndarray]:
    """Inputs of several requests, one below the other, as arrays ``[rows, ...]``.

    Rows that are missing repeat the first one of the last request, which is valid.
    """
    together = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        missing = rows - sum(map(len, arrays))
        if missing:
            arrays.append(np.repeat(arrays[-1][:1], missing, axis=0))
        together[name] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    return together


def check_outputs(outputs: Sequence[np.ndarray], rows: int) -> None:
    """Raises Refusal, as TF Serving does, for outputs without one row per input row."""
    for array in outputs:
        if array.ndim == 0:
            raise precondition("Batched output tensor has 0 dimensions")
        if len(array) != rows:
            raise precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the "
                "0th dimension sizes of the input tensors"
            )


def joined(pieces: Sequence[Sequence[np.ndarray]]) -> Arrays:
    """Outputs of the pieces of one request, one below the other."""
    try:
        return [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]
    except ValueError as error:  # other dimensions depend on the rows beside it
        raise precondition(
            "The outputs for the pieces of a large request differ in shape: send "
            f"smaller requests or set enable_large_batch_splitting to false ({error})"
        ) from error
