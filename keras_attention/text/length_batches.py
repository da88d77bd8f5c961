"""Batches of sequences of like length, so that little of them is padding.

Batches drawn at random are mostly padding (two thirds of it for lengths with a
log-normal spread of 0.55); sorting pools of a hundred batches leaves 15 %.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_attention.text.special_symbols import PAD_ID, START_ID
from keras_attention.text.text_lists import ROWS_AT_ONCE, at_least_one, encoded
from keras_attention.text.tokenizer import Tokenizer

Batch = tuple[dict[str, np.ndarray], np.ndarray]


def encode(tokenizer: Tokenizer, texts: Iterable[str | bytes]) -> list[np.ndarray]:
    """Ids of every text, int32, each with its end symbol and no padding."""
    rows = encoded("texts", texts)
    spec = tf.TensorSpec([None], tf.string)
    # Concrete, since TensorFlow warns of a function that is made again and again.
    tokenize = tf.function(tokenizer.tokenize_with_offsets).get_concrete_function(spec)
    sequences = []
    for first in range(0, len(rows), ROWS_AT_ONCE):
        batch = tokenize(tf.constant(rows[first : first + ROWS_AT_ONCE], tf.string))
        lengths = batch.length.numpy()
        sequences += [
            row[:length].copy()
            for row, length in zip(batch.ids.numpy(), lengths, strict=True)
        ]
    return sequences


def batches(
    source_ids: Sequence[np.ndarray],
    target_ids: Sequence[np.ndarray],
    batch_size: int = 64,
    tokens_per_batch: int | None = None,
    pool: int = 100,
    shuffle: bool = True,
    seed: int = 0,
    replicas: int | None = None,
    first_pass: int = 0,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` for `model.fit`, shuffled anew in every epoch.

    Every epoch is a random order, cut into pools; a pool is sorted by length and
    cut into batches; the batches of all pools come in random order. The n-th
    pass over the dataset is the same in every run with the same seed.

    Under `tf.distribute` every replica gets as many rows of a batch as the others,
    except for a last batch of what is left over, fewer rows than replicas: Keras
    fails on a first batch that replicas cannot divide.

    Args:
        source_ids: One int array a row, ending in the end symbol.
        target_ids: Likewise.
        batch_size: Most rows of a batch.
        tokens_per_batch: Also bounds a batch's size, rows times the longest source
            plus the longest target. A longer row, or one of them for each replica,
            is a batch of its own. The number of batches then differs between
            epochs, so the dataset does not tell it.
        pool: How many batches' worth of rows are sorted together.
        shuffle: False for evaluation: all rows sorted by length, in the same
            order in every pass.
        seed: Of the shuffling.
        replicas: How many share a batch; None for those of the strategy in whose
            scope this is called.
        first_pass: Which pass the first one is: training that goes on after epoch n
            sees what it would have seen.

    Returns:
        A dataset of `({"source_ids": [B, S], "target_ids": [B, T]}, labels [B, T])`,
        all int32 padded with 0; target inputs begin with the start symbol, labels
        end with the end symbol.

    Raises:
        ValueError: An argument is out of range, the sides differ in number, or
            there are fewer rows than replicas.

    Example:

    >>> rows = [np.array([5, 2]), np.array([6, 7, 2])]
    >>> inputs, labels = next(iter(batches(rows, rows, shuffle=False)))
    >>> inputs["target_ids"].numpy(), labels.numpy()
    (array([[1, 5, 0],
           [1, 6, 7]], dtype=int32), array([[5, 2, 0],
           [6, 7, 2]], dtype=int32))
    """
    if len(source_ids) != len(target_ids):
        raise ValueError(
            "`target_ids` must have as many rows as `source_ids`. "
            f"Received: {len(target_ids)} and {len(source_ids)}"
        )
    at_least_one(
        batch_size=batch_size,
        pool=pool,
        tokens_per_batch=tokens_per_batch,
        replicas=replicas,
    )
    if replicas is None:
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
    for argument, size in (("batch_size", batch_size), ("source_ids", len(source_ids))):
        if 0 < size < replicas:
            raise ValueError(
                f"`{argument}` must give every replica a row. Expected: at least "
                f"{replicas} rows. Received: {size}"
            )
    batch_size -= batch_size % replicas
    lengths = np.array(
        [[len(s), len(t)] for s, t in zip(source_ids, target_ids, strict=True)],
        np.int64,
    ).reshape(-1, 2)
    count = len(lengths)
    whole = count - count % replicas
    passes = itertools.count(first_pass)

    def generate() -> Iterator[Batch]:
        chunk = pool * batch_size if shuffle else max(whole, 1)
        random = np.random.default_rng([seed, next(passes) if shuffle else 0])
        order = random.permutation(count) if shuffle else _by_length(lengths)
        plan = []
        for first in range(0, whole, chunk):
            rows = order[first : min(first + chunk, whole)]
            rows = rows[_by_length(lengths[rows])]
            plan += _cut(rows, lengths, batch_size, tokens_per_batch, replicas)
        if shuffle:
            random.shuffle(plan)
        if whole < count:
            plan.append(order[whole:])
        for rows in plan:
            yield _batch([source_ids[i] for i in rows], [target_ids[i] for i in rows])

    ids = tf.TensorSpec([None, None], tf.int32)
    dataset = tf.data.Dataset.from_generator(
        generate,
        output_signature=({"source_ids": ids, "target_ids": ids}, ids),
    )
    if tokens_per_batch is None:
        size = -(-whole // batch_size) + (whole < count)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
    # Nothing here can be tuned, and the thread that tries holds up the end of an
    # epoch for as long as it sleeps, 5 seconds and more (TensorFlow 2.21).
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def _by_length(lengths: np.ndarray) -> np.ndarray:
    """Places of rows `[N, 2]`, the shortest source first."""
    return np.lexsort((lengths[:, 1], lengths[:, 0]))


def _cut(
    rows: np.ndarray,
    lengths: np.ndarray,
    batch_size: int,
    budget: int | None,
    replicas: int,
) -> list[np.ndarray]:
    """Batches of so many rows that replicas can divide them."""
    if budget is None:
        return [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    parts = []
    first, longest = 0, np.zeros(2, np.int64)
    for place in range(0, len(rows), replicas):
        end = place + replicas
        added = lengths[rows[place:end]].max(axis=0)
        grown = np.maximum(longest, added)
        size = end - first
        if place > first and (size > batch_size or size * grown.sum() > budget):
            parts.append(rows[first:place])
            first, grown = place, added
        longest = grown
    return [*parts, rows[first:]]


def _batch(sources: list[np.ndarray], targets: list[np.ndarray]) -> Batch:
    labels = _padded(targets, 0)
    target_ids = _padded([row[:-1] for row in targets], 1)
    target_ids[:, 0] = START_ID
    return {"source_ids": _padded(sources, 0), "target_ids": target_ids}, labels


def _padded(rows: list[np.ndarray], offset: int) -> np.ndarray:
    width = max(len(row) for row in rows) + offset
    array = np.full((len(rows), width), PAD_ID, np.int32)
    for row, ids in zip(array, rows, strict=True):
        row[offset : offset + len(ids)] = ids
    return array
