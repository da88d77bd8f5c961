"""Cost over one size at a time, for the pictures that `benchmarks.pictures` draws.

Over B, the batch; V, the target vocabulary; S, the source's length; T, that of target
and source. All others are the preset's, and a batch is of 8 where it is not the axis
(in training the preset's).
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from benchmarks import (
    generate,
    harness,
    machine,
    options,
    problem,
    report,
    train_step,
)
from benchmarks.problem import Sizes
from benchmarks.variants import Setting

POINTS = {
    ("generate", "B"): (1, 2, 4, 8, 16, 32, 64, 128),
    ("generate", "V"): (64, 256, 1024, 4096, 16384),
    ("generate", "S"): (8, 16, 32, 64, 128, 256),
    ("train_step", "B"): (4, 16, 64, 256),
    ("train_step", "V"): (64, 512, 4096),
    ("train_step", "T"): (8, 16, 32, 64),
}
_FIELDS = {"B": ("batch",), "V": ("vocabulary",), "S": ("source",)}
_FIELDS["T"] = ("source", "target")
_VARIANTS = {
    "generate": ("ours", "keras-careful", "torch", "onnx-loop"),
    "train_step": ("ours", "keras-careful", "torch"),
}
_REFUSED = {
    "generate": generate.REFUSED,
    "train_step": (*train_step.REFUSED, "gemm"),
}


def main(given: Sequence[str] | None = None) -> int:
    parser = options.parser("sweep", __doc__.split("\n")[0])
    parser.add_argument("task", choices=sorted(_VARIANTS))
    parser.add_argument("axis", choices=sorted(_FIELDS))
    parser.add_argument("--points", help="sizes, comma-separated")
    arguments = parser.parse_args(given)
    task, axis = arguments.task, arguments.axis
    if (task, axis) not in POINTS:
        axes = [one for has, one in POINTS if has == task]
        parser.error(f"{task}: expected an axis of {axes}. Received: {axis}")
    if arguments.write_docs:
        parser.error("--write-docs: expected not here: use benchmarks.pictures")
    names = options.chosen(parser, arguments, _VARIANTS[task], _REFUSED[task])
    points = POINTS[task, axis]
    if arguments.points is not None:
        points = tuple(int(point) for point in arguments.points.split(","))
    sizes, name = options.sizes(arguments)
    if task == "generate" and arguments.batch is None:
        sizes = dataclasses.replace(sizes, batch=8)
    changed = {
        f"{axis}={point}": dataclasses.replace(
            sizes, **dict.fromkeys(_FIELDS[axis], point)
        )
        for point in points
    }
    # Other weights are another set of processes.
    together = [{case: one} for case, one in changed.items()]
    if axis != "V":
        together = [changed]
    setting = Setting(arguments.threads, max_length=sizes.target)
    before = machine.describe()
    try:
        found = [_compare(arguments, names, cases, setting) for cases in together]
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    seconds = {case: rows for one in found for case, rows in one.seconds.items()}
    stored = report.result(
        task,
        options.command("sweep", given),
        dataclasses.asdict(sizes)
        | {"lengths": arguments.lengths, "model": arguments.model},
        setting,
        before,
        found[-1]._replace(
            seconds=seconds,
            difference={
                name: max(one.difference[name] for one in found)
                for name in found[0].difference
            },
            others_share=max(one.others_share for one in found),
        ),
        sizes.target,
    )
    folder = arguments.results / "sweeps"
    report.keep(stored, f"{task}-{axis}-{name}", folder, False, arguments.docs)
    return 0


def _compare(
    arguments: argparse.Namespace,
    names: Sequence[str],
    cases: dict[str, Sizes],
    setting: Setting,
) -> harness.Measured:
    """The named variants at every size, with one set of weights."""
    weights = problem.weights(next(iter(cases.values())), model=arguments.model)
    full = arguments.lengths == "full"
    return harness.compare(
        arguments.task,
        names,
        problem.without_end(weights),
        {case: problem.data(sizes, sizes.batch, full) for case, sizes in cases.items()},
        setting,
        arguments.rounds,
        arguments.calls,
    )


if __name__ == "__main__":
    sys.exit(main())
