"""Alignment pictures: what is drawn, what the labels say, what is refused."""

import sys
from typing import NamedTuple

import numpy as np
import pytest

from keras_attention.visualize import END, plot_alignment, plot_prediction


def texts(labels):
    return [label.get_text() for label in labels]


def uniform(rows, columns):
    return np.full((rows, columns), 1 / columns)


def test_draws_the_weights(tmp_path):
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    path = tmp_path / "alignment.png"
    figure = plot_alignment(weights, list("abc"), ["X", "Y"], path, "abc → XY")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert texts(axes.get_xticklabels()) == ["a", "b", "c"]
    assert texts(axes.get_yticklabels()) == ["X", "Y"]
    assert axes.get_title() == "abc → XY"
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_first_target_is_on_top():
    axes = plot_alignment(uniform(2, 2), ["a", "b"], ["X", "Y"]).axes[0]
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_the_end_of_a_sequence_gets_its_label():
    axes = plot_alignment(uniform(3, 2), ["a"], ["X", "Y"]).axes[0]
    assert texts(axes.get_xticklabels()) == ["a", END]
    assert texts(axes.get_yticklabels()) == ["X", "Y", END]


def test_labels_are_visible(tmp_path):
    labels = [" ", "", "\n", "\u0301", "e\u0301", "$a_b$", "שלום", "x" * 40]
    figure = plot_alignment(
        uniform(1, len(labels)), labels, ["X"], tmp_path / "labels.png"
    )
    assert texts(figure.axes[0].get_xticklabels()) == [
        "␣",
        "∅",
        "U+000A",
        "◌\u0301",
        "e\u0301",
        "$a_b$",
        "שלום",
        "x" * 18 + "…",
    ]


def test_characters_without_a_font_become_code_points(tmp_path):
    # Cuneiform: hardly any machine has it. A missing glyph would warn and fail this.
    figure = plot_alignment(
        uniform(1, 2), ["\U00012345", "a"], ["X"], tmp_path / "a.png", "\U00012345"
    )
    label = texts(figure.axes[0].get_xticklabels())[0]
    assert label in ("U+12345", "\U00012345")
    assert figure.axes[0].get_title() == label


@pytest.mark.parametrize("length", [1, 40, 700])
def test_pictures_stay_of_a_size_to_look_at(length):
    source = [f"w{i}" for i in range(length)]
    figure = plot_alignment(uniform(length, length), source, source)
    width, height = figure.get_size_inches()
    assert 2 < width < 18 and 2 < height < 18
    assert len(figure.axes[0].get_xticks()) <= 85
    assert texts(figure.axes[0].get_xticklabels())[0] == "w0"


def test_plots_a_prediction():
    class Prediction(NamedTuple):
        tokens: list[str]
        source_tokens: list[str]
        alignment: np.ndarray

    figure = plot_prediction(Prediction(["K", "AE"], ["c", "a"], uniform(3, 3)))
    assert texts(figure.axes[0].get_yticklabels()) == ["K", "AE", END]


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3), (0, 3)])
def test_only_matrices(shape):
    with pytest.raises(ValueError, match=r"`weights`.*Received: weights of shape"):
        plot_alignment(np.zeros(shape), ["a"] * 3, ["X"] * 2)


def test_labels_must_fit():
    with pytest.raises(ValueError, match=r"`source_tokens`.*3 positions.*: 5 labels"):
        plot_alignment(uniform(2, 3), list("abcde"), ["X", "Y"])
    with pytest.raises(ValueError, match=r"`target_tokens`.*2 positions.*: 0 labels"):
        plot_alignment(uniform(2, 3), list("abc"), [])


def test_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-attention-seq2seq\[plot\]"):
        plot_alignment(uniform(1, 1), ["a"], ["X"])
