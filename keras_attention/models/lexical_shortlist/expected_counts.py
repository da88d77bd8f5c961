"""Expected counts: how often a target token stands for a source token, by attention."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.backend.loop import compiled, scan
from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.weights import mean_over_heads, weights_with_heads

_IDS = ((None, None), "int32")


class Counts(NamedTuple):
    """Pairs of source and target tokens with their counts, all `[N]`.

    Attributes:
        source_ids, target_ids: int64; a pair may occur more than once.
        counts: float64, at least 0; fractions where they are expected counts.
    """

    source_ids: np.ndarray
    target_ids: np.ndarray
    counts: np.ndarray


def expected_counts(model: Any, batches: Iterable[Any]) -> Counts:
    r"""Counts of the alignments that a model's attention gives, teacher forced.

    $$ c(s, t) = \sum_{x, y} \sum_{i, j} a_{ji} [x_i = s] [y_j = t] $$

    Args:
        model: `ka.Seq2Seq` or another with `encode` and `stepper`; heads are averaged.
        batches: As for `model.fit`: `({"source_ids": [B, S], "target_ids": [B, T]},
            labels [B, T])`, more being ignored.

    Returns:
        Pairs without padding, each once, in the order of their ids.
    """
    align = compiled(_aligner(model), (_IDS, _IDS))
    summed = _Sum()
    size = model.target_vocabulary_size
    for batch in batches:
        inputs, labels = batch[0], np.asarray(batch[1])
        source = np.asarray(inputs["source_ids"])
        target = np.asarray(inputs["target_ids"])
        weights = align(
            ops.convert_to_tensor(source, dtype="int32"),
            ops.convert_to_tensor(target, dtype="int32"),
        )
        weights = ops.convert_to_numpy(weights)  # [B, T, S]
        valid = (labels != model.pad_id)[:, :, None] & (source != model.pad_id)[:, None]
        pairs = labels[:, :, None] + source[:, None].astype("int64") * size
        summed.add(pairs[valid], weights[valid])
    keys, counts = summed.result()
    return Counts(keys // size, keys % size, counts)


def _aligner(model: Any) -> Callable[[Any, Any], Any]:
    def align(source_ids: Any, target_ids: Any) -> Any:
        memory, state, _ = model.encode(source_ids)
        step = model.stepper(memory)

        def next_weights(carried: Any, ids: Any) -> Any:
            _, weights, new = step(ids, carried[0])
            if weights is None:
                raise ValueError(
                    "A shortlist is learned from attention weights: expected a model "
                    f"whose `stepper` gives them. Received: None from {model!r}"
                )
            weights = weights_with_heads(weights, rank=3)
            weights = ops.cast(weights, at_least_float32(weights.dtype))
            return (new,), mean_over_heads(weights)  # [B, S]

        _, weights = scan(next_weights, (state,), ops.transpose(target_ids))
        return ops.transpose(weights, (1, 0, 2))  # [B, T, S]

    return align


class _Sum:
    """Sums by key, of more numbers than fit into memory at once."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, "int64")
        self._sums = np.zeros(0, "float64")
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._number = 0

    def add(self, keys: np.ndarray, values: np.ndarray) -> None:
        self._waiting.append((keys, values))
        self._number += len(keys)
        # Merging costs as much as there is: not before as much again has come.
        if self._number > max(len(self._keys), 1 << 20):
            self._merge()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        self._merge()
        return self._keys, self._sums

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._waiting)])
        values = np.concatenate([self._sums, *(value for _, value in self._waiting)])
        self._keys, place = np.unique(keys, return_inverse=True)
        self._sums = np.bincount(place, values, len(self._keys)).astype("float64")
        self._waiting, self._number = [], 0
