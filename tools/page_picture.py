"""Picture of the served page, for docs/page.md.

make demo
python -m tools.page_picture    # seconds; needs what make test-page installs
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.foreign_clients import running
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.served_page.conftest import types
from tests.serving.conftest import free_port

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "build" / "pronounce" / "model"
WORD, TOKEN = "photographs", 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="its base path")
    options = parser.parse_args()
    port = free_port()
    with (
        running("pronounce", options.model, [f"--rest_api_port={port}", "--ui"]),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for scheme in ("light", "dark"):
            window = {"width": 1180, "height": 940}
            page = browser.new_page(viewport=window, color_scheme=scheme)
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("#controls input", state="attached")
            for end in range(1, len(WORD) + 1):
                types(page, WORD[:end])
            page.hover(f"#tokens button:nth-child({TOKEN})")
            page.screenshot(path=ROOT / "docs" / "pictures" / f"page-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
