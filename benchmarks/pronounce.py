"""Greedy search, beam search and n-best lists on the model that `make demo` left.

The model is served by `python -m serving serve` and asked over gRPC, so that what is
measured is what a user gets. The page in the documentation also has the figures that
the demo itself wrote.
"""

import argparse
import datetime
import json
import math
import runpy
import time
from pathlib import Path
from typing import Any

import serving
from benchmarks import machine
from benchmarks.harness import ROOT
from keras_attention.metrics.error_rates import sequence_error_rate, token_error_rate

PAGE = ROOT / "docs" / "pronunciation.md"
RESULTS = ROOT / "benchmarks" / "results" / "quality" / "pronounce.json"
ROWS_PER_CALL = 64
N_BEST = 10

# What is asked, by name: options of `predict_with_options`, None for `serving_default`.
SEARCHES: dict[str, dict[str, Any] | None] = {
    "greedy": None,
    "beam 2": {"beam_size": 2},
    "beam 5": {"beam_size": 5},
    "beam 10": {"beam_size": 10},
    "beam 5, average per token": {"beam_size": 5, "length_power": 1.0},
    "beam 5, length penalty 0.6": {"beam_size": 5, "length_penalty": 0.6},
    "beam 5, coverage penalty 0.2": {"beam_size": 5, "coverage_penalty": 0.2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pronounce")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    figures = options.folder / "figures.json"
    if not figures.exists():
        parser.error(f"expected {figures}, which `make demo` writes; found none")
    stored = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine.describe(),
        "demo": json.loads(figures.read_text()),
        **measure(options.folder),
    }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(tables(stored))
    if options.write_docs:
        PAGE.write_text(page(stored))
        print(f"Renewed {PAGE}")


def measure(folder: Path) -> dict[str, Any]:
    """Error rates of every search, and of the best of the n-best list."""
    example = runpy.run_path(str(ROOT / "examples" / "03_pronounce.py"))
    demo = json.loads((folder / "figures.json").read_text())
    test, *_ = example["split"](
        example["pronunciations"](), demo["test_words"], demo["training_words"]
    )
    words = list(test)
    references = [[phones.split() for phones in listed] for listed in test.values()]
    with (
        example["running_server"](folder / "model") as port,
        serving.Client(f"127.0.0.1:{port}", model="pronounce") as client,
    ):
        searches = {}
        for name, chosen in SEARCHES.items():
            start = time.perf_counter()
            answers = _asked(client.predict, words, chosen)
            seconds = time.perf_counter() - start
            texts = [answer.text.split() for answer in answers]
            searches[name] = _rates(references, texts) | {
                "milliseconds_per_word": 1e3 * seconds / len(words)
            }
        lists = _asked(
            client.n_best, words, {"beam_size": N_BEST, "alternatives": N_BEST}
        )
    oracle = {}
    for n in (1, 5, 10):
        found = [
            _best([answer.text.split() for answer in row[:n]], listed)
            for row, listed in zip(lists, references, strict=True)
        ]
        oracle[str(n)] = _rates(references, found)
    return {"searches": searches, "oracle": oracle}


def _asked(ask: Any, words: list[str], chosen: Any) -> list[Any]:
    return [
        answer
        for first in range(0, len(words), ROWS_PER_CALL)
        for answer in ask(words[first : first + ROWS_PER_CALL], chosen)
    ]


def _best(texts: list[list[str]], listed: list[list[str]]) -> list[str]:
    """The one that is right, else the first."""
    return next((text for text in texts if text in listed), texts[0])


def _rates(references: Any, texts: list[list[str]]) -> dict[str, float]:
    wrong = sequence_error_rate(references, texts)
    return {
        "word_error_rate": wrong,
        "standard_error": math.sqrt(wrong * (1 - wrong) / len(texts)),
        "phone_error_rate": token_error_rate(references, texts),
    }


def tables(stored: dict[str, Any]) -> str:
    """Two Markdown tables."""
    lines = [
        "| search | word error rate | phone error rate | ms a word |",
        "|---|---|---|---|",
    ]
    for name, row in stored["searches"].items():
        lines.append(
            f"| {name} | {row['word_error_rate']:.2%} ± {row['standard_error']:.2%} "
            f"| {row['phone_error_rate']:.2%} | {row['milliseconds_per_word']:.2f} |"
        )
    lines += ["", "| right answer among the best | missing for |", "|---|---|"]
    for n, row in stored["oracle"].items():
        lines.append(
            f"| {n} | {row['word_error_rate']:.2%} ± {row['standard_error']:.2%} |"
        )
    return "\n".join(lines)


def page(stored: dict[str, Any]) -> str:
    """The page of the documentation."""
    about, demo = stored["machine"], stored["demo"]
    seconds = "\n".join(
        f"| {name} | {value:.1f} |" for name, value in demo["seconds"].items()
    )
    return f"""<!-- Written by `python -m benchmarks.pronounce`: not by hand. -->

# Pronunciations: what the demo reaches

The task of [03_pronounce.py](../examples/03_pronounce.py): the letters of a word of the
CMU Pronouncing Dictionary to its phones, stress dropped. {demo["training_words"]} words
to learn from, {demo["test_words"]} others to be asked about; an answer is right when it
is any of the listed pronunciations.

```sh
make demo             # trains, exports, serves, compares
make bench-pronounce  # asks the model that it left; these tables
```

{stored["date"]}: {about["cpu"]}, {about["cores"]} cores, {about["system"]}, Python
{about["python"]}.

## The demo

Word error rate {demo["word_error_rate"]:.1%}, phone error rate
{demo["phone_error_rate"]:.1%}, after {demo["epochs"]} epochs. All answers over gRPC
equal those of the process that trained the model to the byte, their alignments to
{demo["alignment_difference_over_grpc"]:.0e}.

| | seconds |
|---|---|
{seconds}

## How to search

Over gRPC, {ROWS_PER_CALL} words a call, from one client; ± is one standard error. *ms a
word* is the whole call, divided.

{tables(stored)}

The second table is the oracle error of the n-best list of beam {N_BEST}: how often no
pronunciation among the first n is a listed one.
"""


if __name__ == "__main__":
    main()
