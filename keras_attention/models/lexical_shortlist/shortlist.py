"""Shortlist: which target tokens a source token may become."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_attention.layer_support.argument_checks import (
    check_rank,
    local_path,
    not_negative,
)
from keras_attention.models.lexical_shortlist.expected_counts import (
    Counts,
    expected_counts,
)
from keras_attention.models.lexical_shortlist.restricted_model import Restricted


@dataclass(frozen=True, eq=False)
class Shortlist:
    r"""The target tokens that each source token may become, and frequent ones.

    Of a sentence $x$ the candidates are

    $$ A(x) = \bigcup_i \mathrm{table}[x_i] \;\cup\; \mathrm{frequent}
              \;\cup\; \{\text{padding, start, end}\} $$

    and a model that is restricted to them gives
    $p(y_t \mid y_{<t}, x) = \mathrm{softmax}$ over $A(x)$ alone.

    Args:
        table: `[Vs, C]` target ids of each source id, -1 in places left over.
        frequent: `[F]` target ids that are candidates of every sentence.
        target_vocabulary_size: V.

    Raises:
        ValueError: Wrong shapes, or ids that are not in the vocabulary.
        TypeError: Ids that are no integers.

    References:
        Jean et al. 2015, arXiv 1412.2007, section 3.3 (K frequent tokens and K' for
        each source token); Mi, Wang & Ittycheriah 2016, arXiv 1605.03209; Marian's
        lexical shortlist.

    Relative to the papers: tables come from the attention of a trained model, or from
    counts of any aligner, and every sentence keeps to its own candidates, whatever the
    batch (Marian lets it choose from those of the whole batch).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> shortlist = ka.Shortlist.from_counts(
    ...     source_ids=[3, 3, 4], target_ids=[5, 6, 5], counts=[4, 1, 2],
    ...     source_vocabulary_size=5, target_vocabulary_size=7,
    ...     candidates=1, frequent=1,
    ... )
    >>> shortlist.table[3:].tolist(), shortlist.frequent.tolist()
    ([[5], [5]], [5])
    """

    table: np.ndarray
    frequent: np.ndarray
    target_vocabulary_size: int

    def __post_init__(self) -> None:
        size = self.target_vocabulary_size
        for name, rank, lowest in (("table", 2, -1), ("frequent", 1, 0)):
            ids = _ids(name, getattr(self, name), rank, lowest, size)
            object.__setattr__(self, name, ids.astype("int32"))

    @classmethod
    def learn(
        cls,
        model: Any,
        batches: Iterable[Any],
        candidates: int = 50,
        frequent: int = 100,
        threshold: float = 0.0,
    ) -> "Shortlist":
        """A shortlist from the attention of a trained model.

        Args:
            model: `ka.Seq2Seq` or another with `encode` and `stepper`.
            batches: Pairs to align, as for `model.fit`: `(inputs, labels)`.
            candidates, frequent, threshold: As for `from_counts`; special tokens take
                no place, they are candidates without it.

        Raises:
            ValueError: The model gives no attention weights, or there are no pairs.
        """
        counts = expected_counts(model, batches)
        if not len(counts.counts):
            raise ValueError("`batches` must hold at least one pair. Received: none")
        special = (model.pad_id, model.start_id, model.end_id)
        kept = ~np.isin(counts.target_ids, special)
        return cls.from_counts(
            counts.source_ids[kept],
            counts.target_ids[kept],
            counts.counts[kept],
            source_vocabulary_size=model.source_vocabulary_size,
            target_vocabulary_size=model.target_vocabulary_size,
            candidates=candidates,
            frequent=frequent,
            threshold=threshold,
        )

    @classmethod
    def from_counts(
        cls,
        source_ids: Any,
        target_ids: Any,
        counts: Any,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        candidates: int = 50,
        frequent: int = 100,
        threshold: float = 0.0,
    ) -> "Shortlist":
        r"""A shortlist from counts $c(s, t)$ of aligned tokens.

        $p(t \mid s) = c(s, t) / \sum_{t'} c(s, t')$; of equally frequent tokens the
        lower id comes first.

        Args:
            source_ids, target_ids, counts: `[N]` each; a pair may occur repeatedly,
                its counts are then added.
            source_vocabulary_size: Vs.
            target_vocabulary_size: V.
            candidates: C, most target tokens for a source token.
            frequent: F, target tokens with the largest $\sum_s c(s, t)$.
            threshold: Leave out what is less probable for the source token.
        """
        for name, value in (("candidates", candidates), ("frequent", frequent)):
            not_negative(name, value)
        if not 0 <= threshold <= 1:
            raise ValueError(
                "`threshold` must be a probability, from 0 to 1. "
                f"Received: threshold={threshold!r}"
            )
        known = _checked(
            source_ids,
            target_ids,
            counts,
            source_vocabulary_size,
            target_vocabulary_size,
        )
        return cls(
            _best(known, source_vocabulary_size, candidates, threshold),
            _most_frequent(known, frequent),
            target_vocabulary_size,
        )

    def restrict(self, model: Any, **arguments: Any) -> Restricted:
        """The model, generating from the candidates of each sentence alone.

        Args:
            model: `ka.Seq2Seq` or `ka.Ensemble`.
            **arguments: `name`, `trainable`.
        """
        return Restricted(model, self.table, self.frequent, **arguments)

    def coverage(
        self,
        batches: Iterable[Any],
        pad_id: int = 0,
        start_id: int = 1,
        end_id: int = 2,
    ) -> float:
        """The share of target tokens that are candidates of their sentence.

        What is lacking cannot be generated: measure it on pairs that the shortlist was
        not learned from.

        Args:
            batches: As for `learn`.
            pad_id, start_id, end_id: Of the model. Padding does not count.
        """
        everyones = np.zeros(self.target_vocabulary_size, bool)
        everyones[[*self.frequent, start_id, end_id]] = True
        found = total = 0
        for inputs, labels, *_ in batches:
            rows = zip(
                np.asarray(inputs["source_ids"]), np.asarray(labels), strict=True
            )
            for source, target in rows:
                target = target[target != pad_id]
                own = self.table[source[source != pad_id]]
                found += int((everyones[target] | np.isin(target, own)).sum())
                total += len(target)
        if not total:
            raise ValueError("`batches` must hold at least one token. Received: none")
        return found / total

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tables into one NumPy file (`.npz`)."""
        with open(local_path("path", path), "wb") as file:
            np.savez_compressed(
                file,
                table=self.table,
                frequent=self.frequent,
                target_vocabulary_size=self.target_vocabulary_size,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Shortlist":
        """Read what `save` wrote."""
        with np.load(local_path("path", path), allow_pickle=False) as arrays:
            return cls(
                arrays["table"],
                arrays["frequent"],
                int(arrays["target_vocabulary_size"]),
            )

    def __repr__(self) -> str:
        return (
            f"Shortlist(source_vocabulary_size={len(self.table)}, "
            f"target_vocabulary_size={self.target_vocabulary_size}, "
            f"candidates={self.table.shape[1]}, frequent={len(self.frequent)})"
        )


def _ids(name: str, given: Any, rank: int, lowest: int, size: int) -> np.ndarray:
    """Ids from `lowest` on and below `size`, of this rank."""
    ids = np.asarray(given)
    if ids.dtype.kind not in "iu" and ids.size:
        raise TypeError(f"`{name}` must hold integers. Received: {name} of {ids.dtype}")
    check_rank(name, ids.shape, rank)
    wrong = ids[(ids < lowest) | (ids >= size)]
    if wrong.size:
        raise ValueError(
            f"`{name}` must hold ids from {lowest} on and below {size}. "
            f"Received: {int(wrong[0])}"
        )
    return ids


def _checked(
    source_ids: Any, target_ids: Any, counts: Any, source_size: int, target_size: int
) -> Counts:
    """The counts, each pair once, in the order of source and then target ids."""
    known = Counts(
        _ids("source_ids", source_ids, 1, 0, source_size).astype("int64"),
        _ids("target_ids", target_ids, 1, 0, target_size).astype("int64"),
        np.asarray(counts, "float64"),
    )
    shapes = [field.shape for field in known]
    if len(set(shapes)) != 1:
        raise ValueError(
            "`source_ids`, `target_ids` and `counts` must be as long as each other. "
            f"Received: shapes {shapes}"
        )
    wrong = known.counts[~(known.counts >= 0) | np.isinf(known.counts)]
    if wrong.size:
        raise ValueError(
            f"`counts` must be finite and at least 0. Received: {float(wrong[0])}"
        )
    pairs, place = np.unique(
        known.source_ids * target_size + known.target_ids, return_inverse=True
    )
    sums = np.bincount(place, known.counts, len(pairs))
    return Counts(pairs // target_size, pairs % target_size, sums)


def _best(known: Counts, rows: int, candidates: int, threshold: float) -> np.ndarray:
    table = np.full((rows, candidates), -1, "int32")
    totals = np.bincount(known.source_ids, known.counts, rows)
    kept = known.counts > 0
    kept &= known.counts >= threshold * totals[known.source_ids]
    source, target, counts = (field[kept] for field in known)
    order = np.lexsort((target, -counts, source))
    source, target = source[order], target[order]
    # The place of each among those of its source token.
    starts = np.searchsorted(source, np.arange(rows))
    rank = np.arange(len(source)) - starts[source]
    first = rank < candidates
    table[source[first], rank[first]] = target[first]
    return table


def _most_frequent(known: Counts, number: int) -> np.ndarray:
    sums = np.bincount(known.target_ids, known.counts)
    order = np.lexsort((np.arange(len(sums)), -sums))
    return order[sums[order] > 0][:number].astype("int32")
