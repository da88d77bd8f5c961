"""Bad options over gRPC: INVALID_ARGUMENT with the option, the value and the row."""

import numpy as np
import pytest

from keras_attention.generation.options.option import INT32
from keras_attention.generation.options.option_table import OPTIONS as TABLE
from keras_attention.pipeline.option_inputs import option_inputs
from serving.errors import InvalidRequest

pytestmark = pytest.mark.tensorflow_only

ROWS = ["star", "drawer", "rats"]
NAN, INF = float("nan"), float("inf")
DEFAULTS = {
    name: option.array()
    for name, option in option_inputs(10, alternatives=True).items()
}
OPTIONS = dict.fromkeys(
    ("predict_with_options", "align_with_options"), set(DEFAULTS) - {"alternatives"}
)
OPTIONS["n_best_with_options"] = set(DEFAULTS)
HIGHEST = {"beam_size": 10, "alternatives": 10, "max_length": 4096}


def refusal(client, options, ask="predict"):
    with pytest.raises(InvalidRequest) as caught:
        getattr(client, ask)(ROWS, options)
    assert caught.value.code == "INVALID_ARGUMENT"
    return str(caught.value)


def outside(option):
    """Values just out of range, and those that are no numbers."""
    kind, low, high = (getattr(TABLE[option], x) for x in ("kind", "low", "high"))
    if kind in ("boolean", "ids"):
        return []
    if kind == "number":
        values = [low - 1e-3, -1e30, NAN, INF, -INF]
        return [*values, float(np.float32(high) * 1.01)]
    low = 0 if option == "max_length" else low
    high = HIGHEST.get(option, high)
    return [
        *([low - 1, -INT32] if low > -INT32 else []),
        *([high + 1] * (high < INT32)),
    ]


@pytest.mark.parametrize("option", [name for name in TABLE if outside(name)])
def test_out_of_range(client, option):
    good = max(TABLE[option].low, 1)
    for row, value in enumerate([*outside(option), *outside(option)][:6]):
        values = [good] * 3
        values[row % 3] = value
        said = refusal(client, {option: values}, "n_best")
        assert f"`{option}` must be " in said
        shown = said.split("Received: ")[1]
        number, place = shown.split(" in row ")
        assert place.startswith(f"{row % 3}]")
        np.testing.assert_allclose(float(number), np.float32(value), rtol=1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"min_length": [1, 6, 1], "max_length": [5, 5, 0]},
            "`min_length` must not exceed `max_length`. "
            "Received: min_length=6, max_length=5 in row 1",
        ),
        (
            {"beam_size": [4, 4, 4], "beam_groups": [1, 2, 3]},
            "`beam_size` must be a multiple of `beam_groups`. "
            "Received: beam_groups=3, beam_size=4 in row 2",
        ),
        (
            {"prefix": ["s", "s t a r", ""], "max_length": 3},
            "`prefix` must not be longer than `max_length`. "
            "Received: 4 tokens, max_length=3 in row 1",
        ),
        (
            {"prefix": ["s", "s", "s ξένος t"]},
            "`prefix` must hold tokens of the target vocabulary. "
            "Received: ξένος in row 2",
        ),
        (
            {"prefix": ["", "s </s> t", ""]},
            "`prefix` must hold nothing after </s>. Received: s </s> t in row 1",
        ),
        (
            {"banned_tokens": ["x y", "", "s"]},
            "`banned_tokens` must hold tokens of the target vocabulary. "
            "Received: x y in row 0",
        ),
    ],
)
def test_contradictions_and_tokens(client, options, message):
    for ask in ("predict", "align", "n_best"):
        full = options if ask != "n_best" else {"beam_size": 10, **options}
        assert message in refusal(client, full, ask)


def test_more_alternatives_than_hypotheses(client):
    options = {"alternatives": [2, 3, 1], "beam_size": 2}
    assert (
        "`alternatives` must not exceed `beam_size`. "
        "Received: alternatives=3, beam_size=2 in row 1"
    ) in refusal(client, options, "n_best")
    assert client.n_best(ROWS, options | {"sample": True, "max_length": 3})


def test_groups_do_not_matter_to_samples(client):
    options = {"beam_size": 3, "beam_groups": 2, "sample": True, "max_length": 3}
    assert len(client.predict(ROWS, options)) == 3


def test_numbers_of_rows(client):
    for signature in OPTIONS:
        for option in OPTIONS[signature]:
            for rows in (0, 2, 4):
                value = np.repeat(DEFAULTS[option], rows)
                with pytest.raises(
                    InvalidRequest,
                    match=f"`{option}` must have one value per row or one for all. "
                    f"Expected: 3 rows. Received: {rows}",
                ):
                    client.call({"text": ROWS, option: value}, signature)


def test_everything_banned_is_the_end(client):
    every = " ".join(sorted("desrtaw")) + " \u2581 <s> <unk> </s>"
    options = {"beam_size": [1, 3, 1], "sample": [False, False, True]}
    options |= {"banned_tokens": every, "min_length": 2}
    for row in client.align(ROWS, options):
        assert (row.text, row.tokens) == ("", ["</s>"]) and np.isfinite(row.log_prob)


@pytest.mark.parametrize(
    "options",
    [
        {"no_repeat_ngram": INT32, "beam_size": 2},
        {"top_k": INT32, "sample": True},
        {"min_length": INT32, "beam_size": 2},
        {"max_length": 4096, "beam_size": 2},
        {"max_length_ratio": 1e4},
        {"seed": [-INT32 - 1, INT32, 0], "sample": True},
        {"temperature": [1e-6, 1e6, 1.0], "sample": True},
        {"top_p": 1e-6, "sample": True},
        {"length_penalty": 100.0, "length_power": 100.0, "beam_size": 3},
        {"word_bonus": [100.0, -100.0, 0.0], "beam_size": 3},
        {"coverage_penalty": 100.0, "beam_size": 10},
        {"repetition_penalty": [1e-6, 1e6, 2.0], "beam_size": 3},
        {"diversity_penalty": 100.0, "beam_size": 4, "beam_groups": 4},
        {"banned_tokens": " ".join(sorted("desrtaw")) + " \u2581 <s> <unk> </s>"},
        {"prefix": "</s>"},
        {"prefix": "<unk> <s> \u2581"},
        {"prefix": "s " * 300},
    ],
    ids=str,
)
def test_the_ends_of_the_ranges_have_answers(client, options):
    for row in client.align(ROWS, options, timeout=100):
        assert np.isfinite(row.log_prob) and row.log_prob <= 1e-3
        assert np.isfinite(row.alignment).all()
        assert 1 <= len(row.tokens) <= 4096 + 10
