"""Pictures of the model of `make demo`, for README.md and docs/seeing.md.

make demo
python -m tools.demo_pictures    # about a minute; needs Chromium and playwright
"""

import argparse
import runpy
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

import keras_attention as ka
from alignment_report import write_report
from keras_attention.metrics import calibration
from keras_attention.recipes.evaluation import Evaluation, evaluate, token_outcomes
from keras_attention.visualize import (
    answers,
    attribute,
    plot_alignment,
    plot_alignments,
    plot_calibration,
    plot_error_by_length,
)

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MODEL = ROOT / "build" / "pronounce" / "pronounce.keras_attention"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    options = parser.parse_args()
    matplotlib.rcParams["svg.hashsalt"] = "keras-attention"
    pipeline = ka.TextToText.load(options.model, compile=False)
    demo = runpy.run_path(str(ROOT / "examples" / "03_pronounce.py"), run_name="demo")
    test, *_ = demo["split"](demo["pronunciations"](), demo["TEST_WORDS"], 0)
    found = evaluate(pipeline, demo["as_pairs"](test))

    (photographs,) = pipeline.predict(["photographs"])
    write(plot_alignment(photographs, numbers=True).figure, "alignment.svg")
    (knights,) = pipeline.predict(
        ["knights"], ka.GenerationOptions(beam_size=4, alternatives=4)
    )
    write(plot_alignments(answers(knights)), "alignment-beams.svg")
    write(gradients(pipeline, "knights", knights.text), "attribution.svg")
    outcomes = calibration(*token_outcomes(pipeline, found))
    print(f"expected calibration error of tokens {outcomes.error:.4f}")
    write(plot_calibration(outcomes).figure, "calibration.svg")
    lengths = {one.longest: one.wrong / one.items for one in found.lengths}
    write(plot_error_by_length({"make demo": lengths}).figure, "error-by-length.svg")
    screenshot(found)


def write(figure: Any, name: str) -> None:
    figure.savefig(FOLDER / name, metadata={"Date": None})
    print(FOLDER / name)


def gradients(pipeline: ka.TextToText, text: str, target_text: str) -> Any:
    """Weights beside what gradients say, each row as shares of its magnitudes."""
    found = attribute(pipeline, text, target_text)
    shares = {}
    for title in ("alignment", "gradient_attention", "gradient_input"):
        sizes = np.abs(getattr(found, title))
        shares[title.replace("_", " x ")] = sizes / sizes.sum(axis=1, keepdims=True)
    return plot_alignments(shares, found.source_tokens, found.tokens, columns=3)


def screenshot(found: Evaluation) -> None:
    """The report of the first thousand test words, as a browser shows it."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        path = Path(folder) / "report.html"
        write_report(
            path,
            found.sources[:1000],
            found.predictions[:1000],
            found.accepted[:1000],
            found.token_errors()[:1000],
            "Pronunciations",
        )
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        page.select_option("#sort", "entropy")
        page.check("#descending")
        page.fill("#filter", "ph")
        page.locator("#rows tr").nth(3).click()
        page.locator("#tokens button").nth(2).hover()
        page.screenshot(path=FOLDER / "report.png")
        browser.close()
    print(FOLDER / "report.png")


if __name__ == "__main__":
    main()
