"""One LSTM layer, forward and backward, against Keras' own and torch's.

B = 64 sequences of T = 30 steps, inputs as deep as the layer; the sum of the squares
of the outputs and its gradients by the inputs and all weights.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import harness, machine, options, report
from benchmarks.problem import Arrays
from benchmarks.variants import LAYERS, Setting

BATCH, STEPS = 64, 30


def problem(units: Sequence[int]) -> tuple[Arrays, dict[str, Arrays]]:
    """Weights of all cases in Keras' layout, and the data of each."""
    random = np.random.default_rng(0)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype("float32")

    weights, cases = {}, {}
    for size in units:
        case = f"{size} units"
        for name in ("kernel", "recurrent_kernel"):
            weights[f"{case}/{name}"] = normal(size, 4 * size, scale=size**-0.5)
        weights[f"{case}/bias"] = normal(4 * size, scale=0.1)
        cases[case] = {"x": normal(BATCH, STEPS, size)}
    return weights, cases


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lstm_layer", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--units", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--threads", type=int, default=machine.usable_cores())
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--calls", type=int, default=5, help="in each round")
    parser.add_argument("--results", type=report.Path, default=report.RESULTS)
    parser.add_argument("--write-docs", action="store_true", help="renew the page")
    parser.add_argument("--docs", type=report.Path, default=report.PAGE)
    arguments = parser.parse_args(given)
    torch = importlib.util.find_spec("torch") is not None
    names = [name for name in LAYERS if torch or "torch" not in name]
    setting = Setting(threads=arguments.threads)
    before = machine.describe()
    try:
        measured = harness.compare(
            "lstm_layer",
            names,
            *problem(arguments.units),
            setting,
            arguments.rounds,
            arguments.calls,
        )
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    stored = report.result(
        "lstm_layer",
        options.command("lstm_layer", given),
        {"batch": BATCH, "steps": STEPS},
        setting,
        before,
        measured,
        STEPS,
    )
    report.keep(
        stored, "lstm_layer", arguments.results, arguments.write_docs, arguments.docs
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
