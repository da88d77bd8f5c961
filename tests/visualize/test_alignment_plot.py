"""Alignment pictures: what is drawn, what the labels say, what is refused."""

import sys
import unicodedata
import warnings
from typing import NamedTuple

import numpy as np
import pytest

from keras_attention.metrics import alignment_numbers
from keras_attention.visualize import (
    END,
    animate_alignments,
    answers,
    heads,
    plot_alignment,
    plot_alignments,
    plot_prediction,
)
from keras_attention.visualize import labels as label_module
from keras_attention.visualize.figures import pixels


class Prediction(NamedTuple):
    text: str
    log_prob: float
    tokens: list[str]
    source_tokens: list[str]
    alignment: np.ndarray


def texts(labels):
    return [label.get_text() for label in labels]


def uniform(rows, columns):
    return np.full((rows, columns), 1 / columns)


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch):
    monkeypatch.setattr(label_module, "_warned", set())


def test_draws_the_weights(tmp_path):
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    axes = plot_alignment(weights, list("abc"), ["X", "Y"])
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert texts(axes.get_xticklabels()) == ["a", "b", "c"]
    assert texts(axes.get_yticklabels()) == ["X", "Y"]
    bottom, top = axes.get_ylim()
    assert bottom > top  # The first target is on top.
    path = tmp_path / "alignment.png"
    found = Prediction("XY", -1.0, ["X", "Y"], list("abc"), weights)
    figure = plot_prediction(found, path, title="abc → $XY$")
    assert figure.axes[0].get_title() == "abc → $XY$"
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("kind", ["hard", "sigmoid", "zeros"])
def test_weights_need_not_sum_to_one(kind):
    weights = {
        "hard": np.eye(3),
        "sigmoid": np.full((3, 3), 1.7),
        "zeros": np.zeros((3, 3)),
    }[kind]
    axes = plot_alignment(weights, numbers=True)
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert axes.images[0].get_clim() == (0, weights.max() or 1)
    assert texts(axes.get_xticklabels()) == ["0", "1", "2"]
    assert f"{alignment_numbers(weights).focus:.2f}" in axes.get_xlabel()


def test_the_end_of_a_sequence_gets_its_label():
    axes = plot_alignment(uniform(3, 2), ["a"], ["X", "Y"])
    assert texts(axes.get_xticklabels()) == ["a", END]
    assert texts(axes.get_yticklabels()) == ["X", "Y", END]


def test_labels_are_visible():
    labels = [" ", "", "\n", "\u0301", "e\u0301", "$a_b$", "שלום", "x" * 40]
    axes = plot_alignment(uniform(1, len(labels)), labels, ["X"])
    pixels(axes.figure)
    assert texts(axes.get_xticklabels()) == [
        "␣",
        "∅",
        "U+000A",
        "◌\u0301",
        "e\u0301",
        "$a_b$",
        "שלום",
        "x" * 18 + "…",
    ]


def test_characters_without_a_font_become_code_points_and_are_named_once(monkeypatch):
    known = label_module._characters

    def without_tamil_and_runes(path):
        return known(path) - {ord("அ"), ord("ᚠ")}

    monkeypatch.setattr(label_module, "_characters", without_tamil_and_runes)
    with pytest.warns(UserWarning, match="characters of RUNIC, TAMIL: they are"):
        axes = plot_alignment(uniform(1, 3), ["அ", "ᚠ", "a"], ["X"])
    assert texts(axes.get_xticklabels()) == ["U+0B85", "U+16A0", "a"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_alignment(uniform(1, 3), ["அ", "ᚠ", "a"], ["X"])


def test_every_script_with_a_font_is_written_in_one_that_has_it():
    import matplotlib.font_manager as fonts

    texts_by_script = "שלום مرحبا 日本語 한국어 नमस्ते ภาษา Ελληνικά"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writing = label_module.Writing(texts_by_script)
    characters = {
        ord(character)
        for name in writing.families
        for character in map(
            chr,
            label_module._characters(
                fonts.findfont(fonts.FontProperties(family=[name]))
            ),
        )
    }
    left = {c for c in texts_by_script if ord(c) not in characters and c != " "}
    assert left == {c for c in writing._missing if unicodedata.category(c) != "Zs"}


@pytest.mark.parametrize("length", [1, 60, 500])
def test_pictures_stay_of_a_size_to_look_at(length):
    source = [f"w{i}" for i in range(length)]
    axes = plot_alignment(uniform(length, length), source, source)
    width, height = axes.figure.get_size_inches()
    assert 2 < width < 18 and 2 < height < 18
    shown = texts(axes.get_xticklabels())
    assert shown[0] == "w0" and len(shown) <= 85
    if length == 60:
        pixels(axes.figure)
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(boxes) == 60
        assert all(a.x1 <= b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_draws_on_given_axes():
    from matplotlib.figure import Figure

    axes = Figure((3, 3)).add_subplot()
    assert plot_alignment(uniform(40, 40), ax=axes, largest=1.0) is axes
    assert axes.images[0].get_clim() == (0, 1)
    assert len(axes.get_xticks()) < 40


def test_several_memories_are_told_apart():
    axes = plot_alignment(uniform(1, 5), [["a", "b"], ["x", "y", "z"]], ["X"])
    assert texts(axes.get_xticklabels()) == ["a", "b", "x", "y", "z"]
    assert [line.get_xdata()[0] for line in axes.lines] == [1.5]


def test_grids_have_one_scale():
    weights = np.random.default_rng(0).random((3, 2, 4))
    figure = plot_alignments(heads(weights), list("abcd"), ["X", "Y"])
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["head 1", "head 2", "head 3"]
    for axes, head in zip(drawn, weights, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), head)
        assert axes.images[0].get_clim() == (0, weights.max())


def test_answers_of_different_lengths_and_a_moving_picture(tmp_path):
    best = Prediction("XY", -0.5, ["X", "Y"], ["a"], uniform(3, 2))
    other = Prediction("Z", -1.25, ["Z"], ["a"], uniform(2, 2))
    shown = answers([best, other])
    assert list(shown) == ["1. XY (-0.50)", "2. Z (-1.25)"]
    figure = plot_alignments(shown, columns=1)
    assert texts(figure.axes[1].get_yticklabels()) == ["Z", END]
    animate_alignments(shown, tmp_path / "a.gif", seconds=0.1)
    from PIL import Image

    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.n_frames == 2
    for draw in (plot_alignments, lambda none: animate_alignments(none, "a.gif")):
        with pytest.raises(ValueError, match="must hold an alignment.*none"):
            draw({})


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3), (0, 3)])
def test_only_matrices(shape):
    with pytest.raises(ValueError, match=r"weights \[T, S\].*Received: weights of sha"):
        plot_alignment(np.zeros(shape), ["a"] * 3, ["X"] * 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`source`.*3 positions.*: 5 labels"):
        plot_alignment(uniform(2, 3), list("abcde"), ["X", "Y"])
    with pytest.raises(ValueError, match=r"`target`.*2 positions.*: 0 labels"):
        plot_alignment(uniform(2, 3), list("abc"), [])
    with pytest.raises(ValueError, match=r"`Client.align`.*alignment=None"):
        plot_alignment(Prediction("X", -1.0, [], [], None))
    with pytest.raises(ValueError, match=r"\[H, T, S\].*\(2, 3\)"):
        heads(uniform(2, 3))


def test_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-attention-seq2seq\[plot\]"):
        plot_alignment(uniform(1, 1), ["a"], ["X"])
