"""Reports in a real Chromium: what lights up, how fast, with which keys."""

import json
import string
import time
from types import SimpleNamespace

import numpy as np
import pytest

from alignment_report import write_report

# What a page says of the pieces that are framed: their bytes and where they begin.
FRAMED = """() => {
  const bytes = (text) => [...new TextEncoder().encode(text)];
  const pieces = [...document.querySelectorAll("#source span")];
  const most = pieces.filter((piece) => piece.classList.contains("most"));
  const before = pieces.slice(0, pieces.indexOf(most[0]));
  const joined = (list) => list.map((piece) => piece.textContent).join("");
  return most.length && {
    start: bytes(joined(before)).length,
    bytes: bytes(joined(most)),
    label: most[0].dataset.label ?? "",
  };
}"""
LETTERS = [
    *(string.ascii_letters + " <&>\"'\\"),
    *("é", "e\u0301", "ñ", "o\u0302\u0323", "ß", "ﬁ", "한", "각", "शि", "क्ष"),
    *(
        "שׁ",
        "ע",
        "ب",
        "日",
        "語",
        "🙂",
        "👩‍👩‍👧",
        "🇫🇷",
        "\u200b",
        "\ufffd",
        "\U00012345",
    ),
]


def prediction(random, units, targets=6, sharpness=3.0):
    """Tokens of known units of a text, and weights at random: each has one largest."""
    sizes = [len(unit.encode()) for unit in units]
    ends = np.cumsum([0, *sizes]).tolist()
    spans = [*zip(ends, ends[1:], strict=False), (ends[-1], ends[-1])]
    energies = np.exp(sharpness * random.normal(size=(targets, len(spans))))
    return SimpleNamespace(
        text="answer",
        log_prob=-1.5,
        tokens=[*string.ascii_lowercase[: targets - 1], "</s>"],
        source_tokens=[*units, "</s>"],
        source_offsets=spans,
        alignment=energies / energies.sum(axis=1, keepdims=True),
    )


def opened(browser, path, **context):
    page = browser.new_page(**context)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.errors.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    assert page.errors.pop(0) == path.as_uri()
    # The icon is in the page too.
    assert not [line for line in page.errors if not line.startswith("data:")]
    return page


@pytest.mark.parametrize("normalization", ["NFD", "NFKC"])
def test_what_is_framed_are_the_bytes_of_the_largest_weight(
    browser, tmp_path, normalization
):
    """Of a real pipeline, whose tokenizer decomposes, joins, and does not know all."""
    keras = pytest.importorskip("keras")
    import keras_attention as ka
    from keras_attention.text import CharacterTokenizer

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    sources = ["".join(random.choice(LETTERS, n % 12)) for n in range(100)]
    letters = CharacterTokenizer.from_texts(
        [unit for unit in LETTERS[::2]], lowercase=True, normalization=normalization
    )
    size = letters.vocabulary_size
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(8), ka.BahdanauAttention(8))
    model = ka.Seq2Seq(ka.RecurrentEncoder(8), decoder, size, size, 8)
    for variable in model.trainable_variables:
        variable.assign(3.0 * variable)
    options = ka.GenerationOptions(max_length=6)
    predictions = ka.TextToText(model, letters, letters).predict(sources, options)
    path = tmp_path / "report.html"
    write_report(path, sources, predictions, title="</title><script>alert(1)</script>")
    page = opened(browser, path)
    chosen = set()
    for place, (source, one) in enumerate(zip(sources, predictions, strict=True)):
        if place:
            page.keyboard.press("ArrowDown")
        for target, weights in enumerate(one.alignment):
            if target:
                page.keyboard.press("ArrowRight")
            first, last = one.source_offsets[weights.argmax()]
            framed = page.evaluate(FRAMED)
            assert bytes(framed["bytes"]) == source.encode()[first:last]
            assert framed["start"] == first
            assert framed["label"] == ("" if first < last else "</s>")
            chosen.add(framed["start"])
    assert len(chosen) > 10
    page.close()


def test_a_thousand_predictions_open_at_once(browser, tmp_path):
    random = np.random.default_rng(0)
    units = random.choice(list(string.ascii_lowercase), (1000, 60)).tolist()
    predictions = [prediction(random, row, 26, sharpness=1.0) for row in units]
    path = tmp_path / "report.html"
    write_report(path, ["".join(row) for row in units], predictions)
    assert path.stat().st_size < 5e6
    started = time.perf_counter()
    page = opened(browser, path)
    assert time.perf_counter() - started < 2
    assert page.locator("#rows tr").count() == 1000
    page.close()


def test_sorting_filtering_and_keys(browser, tmp_path):
    random = np.random.default_rng(0)
    sources = ["cat", "doge", "e\u0301"]
    predictions = [prediction(random, list(source)) for source in sources]
    path = tmp_path / "report.html"
    right = [["answer"], ["other"], ["answer"]]
    write_report(path, sources, predictions, right, errors=[0, 2, 0])
    page = opened(browser, path)

    def listed():
        return page.locator("#rows td:first-child").all_text_contents()

    assert listed() == sources
    page.select_option("#sort", "length")
    assert listed() == ["e\u0301", "cat", "doge"]
    page.check("#descending")
    assert listed() == ["doge", "cat", "e\u0301"]
    page.check("#wrong")
    assert listed() == ["doge"]
    page.uncheck("#wrong")
    page.locator("#wrong").blur()
    page.keyboard.press("/")
    page.keyboard.type("é")
    assert listed() == ["e\u0301"]
    page.fill("#filter", "nowhere")
    assert page.locator("#none").is_visible()
    page.fill("#filter", "")
    page.locator("#rows tr").nth(1).click()
    page.locator("#tokens button").nth(3).hover()
    most = int(predictions[0].alignment[3].argmax())
    assert page.evaluate(FRAMED)["start"] == predictions[0].source_offsets[most][0]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_odd_predictions_are_shown_and_nothing_overflows(
    browser, tmp_path, width, scheme
):
    random = np.random.default_rng(0)
    long = prediction(random, list("x" * 500), 26)
    empty = prediction(random, [], 1)
    zeros = prediction(random, list("abc"), 2)
    zeros.alignment[:] = 0
    gates = prediction(random, list("abc"), 3)
    gates.alignment[:] = [[0.9, 0.9, 0.9, 0.0], [1.0, 0.0, 0.0, 0.0], [5.0, 0, 0, 0]]
    plain = SimpleNamespace(
        text="<script>alert(1)</script>",
        log_prob=float("-inf"),
        tokens=[],
        source_tokens=[],
        source_offsets=[],
        alignment=None,
    )
    path = tmp_path / "report.html"
    sources = ["x" * 500, "", "abc", "abc", b"\xff\xfe bytes"]
    write_report(path, sources, [long, empty, zeros, gates, plain])
    page = opened(
        browser, path, color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    told = []
    for _ in sources:
        told.append(page.locator("#looked").text_content())
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert "looked at “x”" in told[0]
    assert told[1:3] == ["“</s>” looked at “</s>” 1.00", "“a” looked at nothing."]
    assert told[3].startswith("“a” looked at “a” 0.9")
    assert told[4] == "The model returned no alignment."
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for _ in range(2):
        found = axe.run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, json.dumps(serious, indent=1)
        page.keyboard.press("ArrowUp")
    page.close()
