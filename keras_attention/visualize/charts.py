"""Charts of errors: against source length, against what the model believed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keras_attention.metrics.calibration_error import Calibration
from keras_attention.visualize.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_error_by_length(
    curves: Mapping[str, Mapping[float, float]], ax: "Axes | None" = None
) -> "Axes":
    """The share of wrong answers against the length of the source, a curve a model.

    Args:
        curves: By name of a model: errors from 0 to 1 by source length in tokens.
        ax: Where to draw; a new figure by default.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is missing.

    References:
        Figure 2 of Bahdanau, Cho & Bengio 2014, arXiv 1409.0473.

    Example:

    >>> axes = plot_error_by_length({"attention": {5: 0.0, 10: 0.25}})
    >>> axes.lines[0].get_ydata().tolist()
    [0.0, 25.0]
    """
    if ax is None:
        ax = new_figure(6.4, 3.6).subplots()
    for (name, errors), marker in zip(curves.items(), "os^Dv<>pP*" * 9, strict=False):
        lengths = sorted(errors)
        shares = [100 * errors[length] for length in lengths]
        ax.plot(lengths, shares, marker=marker, markersize=4, label=name)
    ax.set_xlabel("source length (tokens)")
    ax.set_ylabel("wrong answers (%)")
    ax.set_ylim(-3, 103)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def plot_calibration(calibration: Calibration, ax: "Axes | None" = None) -> "Axes":
    """A reliability diagram: how often what was believed so much was right.

    Args:
        calibration: Of `ka.metrics.calibration`.
        ax: Where to draw; a new figure by default.

    Returns:
        The axes: a bar for each bin that holds something, and the diagonal.

    Raises:
        ImportError: matplotlib is missing.

    References:
        Guo et al. 2017, arXiv 1706.04599, figure 1.
    """
    if ax is None:
        ax = new_figure(4.2, 4.0).subplots()
    held = calibration.counts > 0
    edges = calibration.edges
    ax.bar(
        edges[:-1][held],
        calibration.accuracy[held],
        width=(edges[1:] - edges[:-1])[held],
        align="edge",
        edgecolor="white",
        label="accuracy",
    )
    ax.plot([0, 1], [0, 1], "--", color="0.4", linewidth=1, label="as believed")
    ax.set_xlabel("probability")
    ax.set_ylabel("share that was right")
    ax.set_title(f"expected calibration error {100 * calibration.error:.1f} %")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.legend(frameon=False, loc="upper left")
    return ax
