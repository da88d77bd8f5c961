"""Pictures of cost over T, S, B and V, on log axes, from the stored results.

`benchmarks.sweep` and `benchmarks.additive_attention` make what is drawn here.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks import report

FOLDER = report.ROOT / "docs" / "pictures"
# One colour a variant in every picture: Okabe and Ito's, told apart by all.
_COLOURS = {
    "ours": "#0072B2",
    "ours-xla": "#56B4E9",
    "keras-careful": "#E69F00",
    "keras-naive": "#F0E442",
    "torch": "#D55E00",
    "torch-compile": "#CC79A7",
    "onnx-step": "#999999",
    "onnx-loop": "#009E73",
}
_SPARE = ("#000000", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#999999")
_AXES = {
    "B": "batch B",
    "V": "target vocabulary V",
    "S": "source length S",
    "T": "lengths T = S",
}
Curves = dict[str, list[tuple[float, float]]]


def curves(stored: dict[str, Any], quantity: str) -> tuple[str, Curves]:
    """The axis' letter, and `(size, value)` by variant.

    Args:
        stored: A result whose cases differ in one size: `B=1`, `B=2`, ...
        quantity: A field of the rows. A variant without it is left out, a case that
            a variant could not do too.

    Raises:
        ValueError: The cases differ in no size, or in several.
    """
    sizes = {
        case: dict(re.findall(r"\b([BTSVDU])=(\d+)", case)) for case in stored["cases"]
    }
    differing = [
        letter
        for letter in _AXES
        if len({one.get(letter) for one in sizes.values()}) > 1
    ]
    # S goes with T where both grow.
    if {"T", "S"} <= set(differing):
        differing.remove("S")
    if len(differing) != 1:
        raise ValueError(f"expected cases that differ in one size: {list(sizes)}")
    (letter,) = differing
    found: Curves = {}
    for case, rows in stored["cases"].items():
        for name, row in rows.items():
            if row.get(quantity) is not None:
                point = int(sizes[case][letter]), float(row[quantity])
                found.setdefault(name, []).append(point)
    return letter, {name: sorted(points) for name, points in found.items()}


def draw(
    axes: Axes, letter: str, found: Curves, title: str, unit: str, least: float = 0.0
) -> None:
    """One line a variant, both axes logarithmic.

    Args:
        axes: Where to.
        letter: Of the size.
        found: As `curves` gives them.
        title: Above.
        unit: Of the values.
        least: Values below are drawn there.
    """
    axes.set(xscale="log", yscale="log", xlabel=_AXES[letter], ylabel=unit)
    axes.set_title(title, loc="left", fontsize=10)
    taken = {_COLOURS.get(name) for name in found}
    spare = iter(colour for colour in _SPARE if colour not in taken)
    for name, points in found.items():
        sizes, values = zip(*points, strict=True)
        axes.plot(
            sizes,
            [max(value, least) for value in values],
            color=_COLOURS.get(name) or next(spare),
            linewidth=2.4 if name.startswith("ours") else 1.4,
            marker="o",
            markersize=4,
            label=name,
        )
    ticks = sorted({size for points in found.values() for size, _ in points})
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    # Where there are few powers of ten, there is room for what is between.
    between = (1, 2, 5) if high / low < 300 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=between))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.7g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _save(place: Path, panels: Sequence[Callable[[Axes], None]]) -> None:
    figure, every = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.4), layout="constrained"
    )
    for panel, axes in zip(panels, [every] if len(panels) == 1 else every, strict=True):
        panel(axes)
    place.parent.mkdir(parents=True, exist_ok=True)
    # Neither date nor random names: the same results give the same file.
    figure.savefig(place, metadata={"Date": None})
    plt.close(figure)
    print(f"Drew {place}")


def generation(stored: dict[str, Any]) -> Callable[[Axes], None]:
    letter, found = curves(stored, "min_us_per_step")
    return lambda axes: draw(axes, letter, found, "a step of greedy search", "us")


def training(stored: dict[str, Any]) -> Callable[[Axes], None]:
    letter, found = curves(stored, "min_ms")
    return lambda axes: draw(axes, letter, found, "a training step", "ms")


def additive(stored: dict[str, Any], quantity: str) -> Callable[[Axes], None]:
    """Time, `min_ms`, or memory beyond inputs and outputs, `extra_mb`."""
    letter, found = curves(stored, quantity)
    title = "additive attention, forward and backward"
    if quantity == "extra_mb":
        # What is within the noise of a process' memory is one megabyte here.
        return lambda axes: draw(axes, letter, found, title, "extra peak, MB", 1.0)
    return lambda axes: draw(axes, letter, found, title, "ms")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pictures", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--results", type=Path, default=report.RESULTS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args(given)
    matplotlib.use("svg")
    plt.rcParams |= {"svg.hashsalt": "keras-attention", "svg.fonttype": "none"}
    sweeps = arguments.results / "sweeps"
    for task, panel in (("generate", generation), ("train_step", training)):
        # One picture a preset, a panel an axis.
        presets: dict[str, list[Callable[[Axes], None]]] = {}
        for path in sorted(sweeps.glob(f"{task}-*.json")):
            preset = path.stem.removeprefix(f"{task}-").split("-", 1)[1]
            made = panel(json.loads(path.read_text()))
            presets.setdefault(preset, []).append(made)
        for preset, panels in presets.items():
            _save(arguments.folder / f"{task}-{preset}.svg", panels)
    for path in sorted(sweeps.glob("additive_attention*.json")):
        stored = json.loads(path.read_text())
        panels = [additive(stored, quantity) for quantity in ("min_ms", "extra_mb")]
        _save(arguments.folder / f"{path.stem}.svg", panels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
