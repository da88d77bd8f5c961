"""The pictures of docs/why_attention.md, from what `tools.why_attention` kept.

python -m tools.why_attention_pictures    # seconds
"""

import json
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import keras_attention as ka
from benchmarks.pages import renewed
from keras_attention.visualize import (
    animate_alignments,
    plot_alignments,
    plot_error_by_length,
)
from keras_attention.visualize.figures import new_figure
from tools.why_attention import EARLY, RESULT

FOLDER = RESULT.parent
PAGE = FOLDER.parent / "why_attention.md"
BEGIN = "<!-- Figures: written by `python -m tools.why_attention_pictures`. -->\n"
END = "<!-- End of the figures. -->\n"
# The numbers of examples/01_attention_by_hand.py.
QUERY = [1.0, 2.0]
VALUES = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]


def main() -> None:
    # The same bytes for the same picture.
    matplotlib.rcParams["svg.hashsalt"] = "keras-attention"
    stored = json.loads(RESULT.read_text())
    write(errors(stored), "why_attention-errors.svg")
    write(steps(), "why_attention-steps.svg")
    forming = {
        f"{shown['updates']} updates: {shown['answer']}": shown
        for shown in stored["models"]["attention"]["shown"]
    }
    early = dict(list(forming.items())[:EARLY])
    few = dict(list(early.items())[::2][:6])
    write(grid(few, 3), "why_attention-learning.svg")
    both = {
        f"{name}: {model['shown'][-1]['answer']}": model["shown"][-1]
        for name, model in stored["models"].items()
    }
    write(grid(both, 2), "why_attention-both.svg")
    source, target = labels(next(iter(forming.values())))
    weights = {title: shown["alignment"] for title, shown in early.items()}
    page = PAGE.read_text("utf-8")
    PAGE.write_text(renewed(page, BEGIN, END, f"{figures(stored)}\n"), "utf-8")
    moving = FOLDER / "why_attention-forming.gif"
    animate_alignments(weights, moving, source, target, seconds=0.6)
    print(moving)


def figures(stored: dict[str, Any]) -> str:
    """What was measured, in words."""
    longest, machine = str(stored["longest"]), stored["machine"]
    shares = ", ".join(
        f"{100 * model['error'][longest]:.1f} % with {name} "
        f"({model['parameters']:,} parameters, trained in {model['seconds']:.0f} s)"
        for name, model in stored["models"].items()
    )
    return (
        f"Of {stored['count']} strings of {longest} letters, the longest of the "
        f"training, wrong are {shares}. One run each, {stored['strings']:,} "
        f"strings, {machine['cores']} cores of an {machine['cpu']} that other "
        f"programs used too, {stored['date']}."
    )


def write(figure: Any, name: str) -> None:
    figure.savefig(FOLDER / name, metadata={"Date": None})
    print(FOLDER / name)


def labels(shown: dict[str, Any]) -> tuple[list[str], list[str]]:
    return shown["source_tokens"], shown["tokens"]


def errors(stored: dict[str, Any]) -> Any:
    """The share of wrong answers by length, and where the training ended."""
    axes = plot_error_by_length(
        {
            name: {int(n): share for n, share in model["error"].items()}
            for name, model in stored["models"].items()
        }
    )
    axes.axvline(stored["longest"], color="0.6", linewidth=1, linestyle=":")
    axes.annotate(
        "longest in training",
        (stored["longest"], 50),
        xytext=(4, 0),
        textcoords="offset points",
        color="0.4",
        fontsize="small",
    )
    return axes.figure


def grid(shown: dict[str, dict[str, Any]], columns: int) -> Figure:
    source, target = labels(next(iter(shown.values())))
    weights = {title: one["alignment"] for title, one in shown.items()}
    return plot_alignments(weights, source, target, columns)


def steps() -> Figure:
    """Energies, weights and context of one query, as the layer computes them."""
    energies = np.array(VALUES) @ QUERY  # [S]
    context, weights = (
        np.asarray(found)[0]
        for found in ka.LuongAttention(score="dot")(
            np.array([[QUERY]]), np.array([VALUES]), return_attention_scores=True
        )
    )  # [1, D], [1, S]
    figure = new_figure(9, 2.7)
    places = [f"$s={s}$\n{tuple(map(int, v))}" for s, v in enumerate(VALUES)]
    first, second, third = figure.subplots(1, 3, width_ratios=(3, 3, 2.6))
    bars(first, places, energies, "energies $e_s = q \\cdot k_s$,  $q = (1, 2)$")
    bars(second, places, weights[0], "weights $a_s$ = softmax$(e)_s$")
    third.set_title("context $c = a_0 v_0 + a_1 v_1 + a_2 v_2$", fontsize="medium")
    bottom = np.zeros(2)
    for weight, value in zip(weights[0], VALUES, strict=True):
        part = weight * np.array(value)
        third.bar(["$c_1$", "$c_2$"], part, bottom=bottom)
        bottom += part
    np.testing.assert_allclose(bottom, context[0], rtol=1e-5)
    for d, value in enumerate(context[0]):
        third.text(d, value, f"{value:.2f}", ha="center", va="bottom")
    third.set_ylim(0, 1.05)
    return figure


def bars(axes: Axes, names: list[str], values: np.ndarray, title: str) -> None:
    axes.bar(names, values, color=[f"C{s}" for s in range(len(values))])
    axes.set_title(title, fontsize="medium")
    axes.margins(y=0.15)
    for s, value in enumerate(values):
        axes.text(s, value, f"{value:.2f}", ha="center", va="bottom")


if __name__ == "__main__":
    main()
