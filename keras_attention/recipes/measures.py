"""Measures of what was generated: error rates, and sacrebleu's BLEU and chrF."""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from keras_attention.metrics.error_rates import (
    edit_distance,
    sequence_error_rate,
    token_error_rate,
)

References = Sequence[Sequence[str]]


class Figure(NamedTuple):
    """A measure's value, in per cent, and the half width of its 95 % interval.

    Attributes:
        name: Of the measure.
        value: From 0 to 100, or above for error rates by token.
        interval: Lower and upper end by bootstrap over items; None where not asked.
        signature: What says how it was computed, where the library has one.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    signature: str = ""

    def __str__(self) -> str:
        text = f"{self.name} {self.value:.2f}"
        if self.interval is not None:
            text += f" ({self.interval[0]:.2f} to {self.interval[1]:.2f})"
        return f"{text}  [{self.signature}]" if self.signature else text


LOWER_IS_BETTER = {
    "wer": True,
    "per": True,
    "accuracy": False,
    "bleu": False,
    "chrf": False,
}


def splitter(texts: Iterable[str]) -> Callable[[str], list[str]]:
    """What cuts texts into what an edit changes.

    Characters, or what stands between white space where any of the texts has some: the
    one symbol of a text among others is no list of characters.
    """
    return str.split if any(" " in text for text in texts) else list


def target_splitter(references: References) -> Callable[[str], list[str]]:
    """`splitter` of all targets that are right."""
    return splitter(text for accepted in references for text in accepted)


def measure(name: str, references: References, hypotheses: Sequence[str]) -> Figure:
    """One measure of hypotheses, each against all of its references.

    Args:
        name: `wer`, wrong items; `per`, edits by reference token; `accuracy`, right
            items; `bleu`, `chrf`, by sacrebleu.
        references: Accepted targets of every item.
        hypotheses: What was generated for it.

    Raises:
        ImportError: sacrebleu is not installed.
    """
    if name in ("bleu", "chrf"):
        return _sacrebleu(name, references, hypotheses)
    if name == "per":
        cut = target_splitter(references)
        split = [[cut(text) for text in accepted] for accepted in references]
        value = token_error_rate(split, [cut(text) for text in hypotheses])
        return Figure("PER", 100 * value)
    wrong = 100 * sequence_error_rate(
        [[[text] for text in accepted] for accepted in references],
        [[text] for text in hypotheses],
    )
    if name == "accuracy":
        return Figure("accuracy", 100 - wrong)
    return Figure("WER", wrong)


def better(name: str, new: float, old: float | None) -> bool:
    """Whether a value is better than the best so far."""
    if old is None:
        return True
    return new < old if LOWER_IS_BETTER[name] else new > old


def with_interval(
    name: str,
    references: References,
    hypotheses: Sequence[str],
    draws: int = 500,
    seed: int = 1,
) -> Figure:
    """`measure`, and its 95 % interval by bootstrap over the items.

    References:
        Koehn 2004, W04-3250 (bootstrap resampling).
    """
    figure = measure(name, references, hypotheses)
    rng = random.Random(seed)
    value = _resampled(name, references, hypotheses)
    values = sorted(value(rng) for _ in range(draws))
    ends = values[round(0.025 * (draws - 1))], values[round(0.975 * (draws - 1))]
    return figure._replace(interval=ends)


def _resampled(
    name: str, references: References, hypotheses: Sequence[str]
) -> Callable[[random.Random], float]:
    """The measure of as many items drawn with replacement."""
    places = range(len(hypotheses))
    if name in ("bleu", "chrf"):

        def corpus(rng: random.Random) -> float:
            drawn = rng.choices(places, k=len(places))
            return measure(
                name, [references[i] for i in drawn], [hypotheses[i] for i in drawn]
            ).value

        return corpus
    if name == "per":
        cut = target_splitter(references)
        counts = [
            _edits([cut(text) for text in accepted], cut(hypothesis))
            for accepted, hypothesis in zip(references, hypotheses, strict=True)
        ]
    else:
        counts = [
            (int((hypothesis not in accepted) == (name == "wer")), 1)
            for accepted, hypothesis in zip(references, hypotheses, strict=True)
        ]

    def ratio(rng: random.Random) -> float:
        drawn = rng.choices(counts, k=len(counts))
        return 100 * sum(one for one, _ in drawn) / max(sum(of for _, of in drawn), 1)

    return ratio


def _edits(
    accepted: Sequence[Sequence[str]], hypothesis: Sequence[str]
) -> tuple[int, int]:
    """Edits to the nearest reference, and its length; the longest of equals."""
    return min(
        ((edit_distance(text, hypothesis), len(text)) for text in accepted),
        key=lambda found: (found[0], -found[1]),
    )


def _sacrebleu(name: str, references: References, hypotheses: Sequence[str]) -> Figure:
    try:
        import sacrebleu
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{name} needs sacrebleu, which is not installed: "
            'pip install "keras-attention-seq2seq[eval]"',
            name=error.name,
        ) from error
    metric = sacrebleu.metrics.BLEU() if name == "bleu" else sacrebleu.metrics.CHRF()
    most = max(map(len, references))
    # One stream a reference; None where an item has fewer.
    streams = [
        [accepted[i] if i < len(accepted) else None for accepted in references]
        for i in range(most)
    ]
    score = metric.corpus_score(list(hypotheses), cast(Any, streams))
    title = "BLEU" if name == "bleu" else "chrF"
    return Figure(title, score.score, signature=str(metric.get_signature()))
