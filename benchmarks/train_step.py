"""One training step, ours against plain Keras and torch.

Bidirectional LSTM encoder, LSTM decoder in Bahdanau's order with additive
attention, output layer, masked cross-entropy; the loss and the gradients of all
weights, and with `--optimizer` an update by Adam.
"""

import dataclasses
import sys
from collections.abc import Sequence

from benchmarks import harness, machine, options, problem, report
from benchmarks.variants import Setting

VARIANTS = ("ours", "keras-careful", "keras-naive", "torch", "gemm")
# These have no training.
REFUSED = ("onnx-step", "onnx-loop")
CASE = "step"


def main(given: Sequence[str] | None = None) -> int:
    parser = options.parser("train_step", __doc__.split("\n")[0])
    parser.add_argument("--optimizer", action="store_true", help="update by Adam too")
    arguments = parser.parse_args(given)
    names = options.chosen(parser, arguments, VARIANTS, REFUSED)
    sizes, name = options.sizes(arguments)
    setting = Setting(threads=arguments.threads, optimizer=arguments.optimizer)
    before = machine.describe()
    full = arguments.lengths == "full"
    try:
        measured = harness.compare(
            "train_step",
            names,
            problem.weights(sizes, model=arguments.model),
            {CASE: problem.data(sizes, sizes.batch, full)},
            setting,
            arguments.rounds,
            arguments.calls,
        )
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    stored = report.result(
        "train_step",
        options.command("train_step", given),
        dataclasses.asdict(sizes)
        | {"lengths": arguments.lengths, "model": arguments.model},
        setting,
        before,
        measured,
        sizes.target,
    )
    if "gemm" in measured.seconds[CASE]:
        fastest = 2 * problem.GEMM_SIDE**3 / min(measured.seconds[CASE]["gemm"])
        floor = sizes.gemm_flop / fastest
        stored["gemm_floor"] = {
            "gflop_per_second": round(fastest / 1e9, 1),
            "ms": round(floor * 1e3, 4),
            "relative_min": round(min(measured.seconds[CASE][names[0]]) / floor, 3),
        }
    name = f"train_step-{name}" + ("-optimizer" if arguments.optimizer else "")
    report.keep(stored, name, arguments.results, arguments.write_docs, arguments.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
