"""Greedy generation, ours against plain Keras and torch, for several batch sizes.

The end symbol is made improbable, so that every variant runs the same number of
steps while doing what it does about ends; ids must be equal.
"""

import dataclasses
import sys
from collections.abc import Sequence

from benchmarks import harness, machine, options, problem, report
from benchmarks.variants import Setting

VARIANTS = ("ours", "keras-careful", "keras-naive", "torch")
# These have no generation: one is no model, two cannot be compiled with early exit.
REFUSED = ("gemm", "ours-xla", "keras-careful-xla")


def main(given: Sequence[str] | None = None) -> int:
    parser = options.parser("generate", __doc__.split("\n")[0])
    parser.add_argument(
        "--batches", default="1,8,64", help="batch sizes, comma-separated"
    )
    arguments = parser.parse_args(given)
    names = options.chosen(parser, arguments, VARIANTS, REFUSED)
    if arguments.batch is not None:
        parser.error("--batch is for training: use --batches")
    batches = [int(size) for size in arguments.batches.split(",")]
    sizes, name = options.sizes(arguments)
    setting = Setting(threads=arguments.threads, max_length=sizes.target)
    before = machine.describe()
    full = arguments.lengths == "full"
    cases = {}
    for batch in batches:
        cases[f"B={batch}"] = {"source": problem.data(sizes, batch, full)["source"]}
    try:
        measured = harness.compare(
            "generate",
            names,
            problem.without_end(problem.weights(sizes, model=arguments.model)),
            cases,
            setting,
            arguments.rounds,
            arguments.calls,
        )
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    shapes = dataclasses.asdict(sizes)
    shapes |= {"lengths": arguments.lengths, "model": arguments.model}
    del shapes["batch"]
    stored = report.result(
        "generate",
        options.command("generate", given),
        shapes,
        setting,
        before,
        measured,
        sizes.target,
    )
    name = f"generate-{name}"
    report.keep(stored, name, arguments.results, arguments.write_docs, arguments.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
