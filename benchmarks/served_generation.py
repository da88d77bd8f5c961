"""Greedy generation of an export in the server's session, against torch.

`served-compiled` and `served-plain` go from ids to ids, `served-text-...` from text to
text; torch, eager, has the same weights and goes from ids to ids. The end is made
improbable: all run as many steps as the export's own limit allows, and must agree.
"""

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import harness, machine, options, problem, report
from benchmarks.variants import Setting

VARIANTS = (
    "served-compiled",
    "served-plain",
    "served-text-compiled",
    "served-text-plain",
    "torch",
)
# Of the tokenizers: the padding, the start, the end and what is unknown.
_SPECIAL = 4


def main(given: Sequence[str] | None = None) -> int:
    parser = options.parser("served_generation", __doc__.split("\n")[0])
    parser.add_argument(
        "--batches", default="1,8,64", help="batch sizes, comma-separated"
    )
    arguments = parser.parse_args(given)
    names = options.chosen(parser, arguments, VARIANTS, ("gemm",))
    sizes, name = options.sizes(arguments)
    steps = 2 * sizes.source + 10  # the default limit of a source of that length
    setting = Setting(threads=arguments.threads, max_length=steps)
    weights = problem.without_end(problem.weights(sizes))
    weights["output/bias"][:_SPECIAL] = -1e4
    cases = {}
    for batch in map(int, arguments.batches.split(",")):
        source = problem.data(sizes, batch, full=True)["source"]
        source[:, :-1] = np.maximum(source[:, :-1], _SPECIAL)
        cases[f"B={batch}"] = {"source": source}
    before, rounds = machine.describe(), (arguments.rounds, arguments.calls)
    try:
        measured = harness.compare("generate", names, weights, cases, setting, *rounds)
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    shapes = dataclasses.asdict(sizes) | {"lengths": "full", "target": steps}
    del shapes["batch"]
    stored = report.result(
        "served_generation",
        options.command("served_generation", given),
        shapes,
        setting,
        before,
        measured,
        steps,
    )
    name = f"served_generation-{name}"
    report.keep(stored, name, arguments.results, arguments.write_docs, arguments.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
