"""Evaluation: how often a model is right, where it is not, and how sure that is."""

import collections
import difflib
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_attention.generation import GenerationOptions
from keras_attention.metrics.error_rates import edit_distance
from keras_attention.pipeline.prediction import Prediction
from keras_attention.recipes.measures import (
    Figure,
    splitter,
    target_splitter,
    with_interval,
)
from keras_attention.recipes.training_pairs import inputs, references
from keras_attention.text import Pair, encode
from keras_attention.text_to_text import TextToText


class LengthBucket(NamedTuple):
    """Items whose sources have from `shortest` to `longest` tokens."""

    shortest: int
    longest: int
    items: int
    wrong: int


class Confusion(NamedTuple):
    """A token written for another; an empty one is inserted or left out."""

    reference: str
    written: str
    times: int


class Evaluation(NamedTuple):
    """What `evaluate` found.

    Attributes:
        figures: The measures with their intervals.
        lengths: Errors by source length, shortest first.
        confusions: Most frequent first.
        sources: The sources.
        accepted: Their references.
        predictions: What was generated.
    """

    figures: list[Figure]
    lengths: list[LengthBucket]
    confusions: list[Confusion]
    sources: list[str]
    accepted: list[list[str]]
    predictions: list[Prediction]

    def token_errors(self) -> list[int]:
        """Edits from each answer to the nearest reference, in tokens."""
        cut = target_splitter(self.accepted)
        return [
            min(edit_distance(cut(one), cut(prediction.text)) for one in right)
            for right, prediction in zip(self.accepted, self.predictions, strict=True)
        ]


def evaluate(
    pipeline: TextToText,
    pairs: Sequence[Pair],
    measures: Sequence[str] = ("wer", "per"),
    options: GenerationOptions | None = None,
    batch_size: int = 128,
) -> Evaluation:
    """Generate for every source once, and compare with all of its targets.

    Args:
        pipeline: The model.
        pairs: Sources and what is right; a source may have several.
        measures: Of `recipes.measures`.
        options: How to generate.
        batch_size: Texts computed at a time.
    """
    expected = references(pairs)
    sources, accepted = list(expected), list(expected.values())
    predictions = pipeline.predict(
        inputs(pipeline.input_names, sources), options, batch_size
    )
    texts = [prediction.text for prediction in predictions]
    return Evaluation(
        [with_interval(name, accepted, texts) for name in measures],
        _by_length(sources, accepted, texts),
        _confusions(accepted, texts),
        sources,
        accepted,
        predictions,
    )


def token_outcomes(
    pipeline: TextToText, found: Evaluation
) -> tuple[np.ndarray, np.ndarray]:
    """How probable each written token was, and whether it was right.

    A token is right where the longest matching runs of the answer and of its nearest
    reference hold it; the end is a token.

    Args:
        pipeline: The model that was evaluated.
        found: What `evaluate` found.

    Returns:
        Log-probabilities and booleans `[N]` of all tokens of all answers, for
        `ka.metrics.calibration`.
    """
    texts = [prediction.text for prediction in found.predictions]
    scored = pipeline.score(found.sources, texts)
    every = [*texts, *(text for accepted in found.accepted for text in accepted)]
    ids = map(np.ndarray.tolist, encode(pipeline.target_tokenizer, every))
    answers = list(itertools.islice(ids, len(texts)))
    right: list[bool] = []
    for written, accepted in zip(answers, found.accepted, strict=True):
        others = itertools.islice(ids, len(accepted))
        nearest = min(others, key=lambda other: edit_distance(other, written))
        matcher = difflib.SequenceMatcher(None, nearest, written, autojunk=False)
        matched = [False] * len(written)
        for _, start, size in matcher.get_matching_blocks():
            matched[start : start + size] = [True] * size
        right += matched
    log_probs = np.concatenate([one.token_log_probs for one in scored])
    return log_probs, np.array(right)


def report(found: Evaluation, most: int = 15) -> str:
    """The evaluation as text, with the most frequent confusions."""
    lines = [f"{len(found.sources)} sources"]
    lines += [str(figure) for figure in found.figures]
    lines += ["", "tokens of the source   items  wrong"]
    for bucket in found.lengths:
        span = f"{bucket.shortest} to {bucket.longest}"
        share = 100 * bucket.wrong / bucket.items
        lines.append(f"{span:>22} {bucket.items:7} {share:5.1f}%")
    if found.confusions:
        lines += ["", "expected   written   times"]
    for reference, written, times in found.confusions[:most]:
        lines.append(f"{reference or '-':>8}   {written or '-':>7} {times:7}")
    return "\n".join(lines)


def _by_length(
    sources: Sequence[str], accepted: Sequence[Sequence[str]], texts: Sequence[str]
) -> list[LengthBucket]:
    """Five buckets of about as many items, all of a length in one."""
    cut = splitter(sources)
    wrong: dict[int, list[bool]] = collections.defaultdict(list)
    for source, right, text in zip(sources, accepted, texts, strict=True):
        wrong[len(cut(source))].append(text not in right)
    buckets: list[LengthBucket] = []
    lengths: list[int] = []
    for length in sorted(wrong):
        lengths.append(length)
        items = [one for size in lengths for one in wrong[size]]
        if 5 * len(items) >= len(texts) or length == max(wrong):
            buckets.append(LengthBucket(lengths[0], length, len(items), sum(items)))
            lengths = []
    return buckets


def _confusions(
    accepted: Sequence[Sequence[str]], texts: Sequence[str]
) -> list[Confusion]:
    cut = target_splitter(accepted)
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for right, text in zip(accepted, texts, strict=True):
        written = cut(text)
        nearest = min(
            map(cut, right),
            key=lambda reference: edit_distance(reference, written),
        )
        counts.update(edits(nearest, written))
    return [Confusion(*pair, times) for pair, times in counts.most_common()]


def edits(reference: Sequence[str], written: Sequence[str]) -> list[tuple[str, str]]:
    """The fewest edits from one to the other, as pairs; what is missing is empty.

    Example:

    >>> edits(["K", "AE", "T"], ["K", "AA", "T", "S"])
    [('AE', 'AA'), ('', 'S')]
    """
    rows = [list(range(len(written) + 1))]
    for i, left in enumerate(reference, 1):
        row = [i]
        for j, right in enumerate(written, 1):
            kept = rows[-1][j - 1] + (left != right)
            row.append(min(kept, rows[-1][j] + 1, row[-1] + 1))
        rows.append(row)
    found = []
    i, j = len(reference), len(written)
    while i or j:
        here = rows[i][j]
        if (
            i
            and j
            and here == rows[i - 1][j - 1] + (reference[i - 1] != written[j - 1])
        ):
            i, j = i - 1, j - 1
            if reference[i] != written[j]:
                found.append((reference[i], written[j]))
        elif i and here == rows[i - 1][j] + 1:
            i -= 1
            found.append((reference[i], ""))
        else:
            j -= 1
            found.append(("", written[j]))
    return found[::-1]
