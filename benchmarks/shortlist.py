"""Generation with a lexical shortlist and without, greedy and with a beam.

Sources are drawn by Zipf's law, as words of a language are, and the candidates of a
source token have about its own frequency. The end symbol is made improbable, so that
both run the same number of steps.
"""

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import harness, machine, options, problem, report
from benchmarks.variants import LEXICAL, Setting


def main(given: Sequence[str] | None = None) -> int:
    parser = options.parser("shortlist", __doc__.split("\n")[0], preset="wide")
    parser.add_argument("--batches", default="1,64", help="comma-separated")
    parser.add_argument("--beams", default="1,5", help="beam sizes, comma-separated")
    parser.add_argument("--candidates", type=int, default=50, help="a source token's")
    parser.add_argument("--frequent", type=int, default=100, help="of every sentence")
    arguments = parser.parse_args(given)
    if arguments.batch is not None or arguments.variants is not None:
        parser.error("--batch and --variants: expected neither, the variants are fixed")
    sizes, name = options.sizes(arguments)
    setting = Setting(threads=arguments.threads, max_length=sizes.target)
    before = machine.describe()
    lists = problem.lexicon(sizes, arguments.candidates, arguments.frequent)
    cases = {}
    for batch in map(int, arguments.batches.split(",")):
        full = arguments.lengths == "full"
        source = problem.zipfian(sizes, problem.data(sizes, batch, full)["source"])
        number = len(_candidates(source, lists))
        for beam in map(int, arguments.beams.split(",")):
            case = f"B={batch}, K={beam}, M={number}"
            cases[case] = {"source": source, "beam_size": np.array(beam)}
    try:
        measured = harness.compare(
            "generate",
            LEXICAL,
            problem.without_end(problem.weights(sizes, model=arguments.model)) | lists,
            cases,
            setting,
            arguments.rounds,
            arguments.calls,
        )
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    shapes = dataclasses.asdict(sizes) | {
        "lengths": arguments.lengths,
        "candidates": arguments.candidates,
        "frequent": arguments.frequent,
    }
    del shapes["batch"]
    stored = report.result(
        "shortlist",
        options.command("shortlist", given),
        shapes,
        setting,
        before,
        measured,
        sizes.target,
    )
    name = f"shortlist-{name}"
    report.keep(stored, name, arguments.results, arguments.write_docs, arguments.docs)
    return 0


def _candidates(source: np.ndarray, lists: problem.Arrays) -> np.ndarray:
    """What any row of a batch may choose."""
    special = [problem.PAD, problem.START, problem.END]
    own = lists["table"][source[source != problem.PAD]].ravel()
    return np.unique(np.concatenate([own, lists["frequent"], special]))


if __name__ == "__main__":
    sys.exit(main())
