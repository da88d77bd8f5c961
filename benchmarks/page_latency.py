"""From a key to the answer on the page, in Chromium, with the model of `make demo`.

A server of its own, one browser; words are typed letter by letter, each key once the
answer to the one before is there.
"""

import argparse
import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, pages
from benchmarks.foreign_clients import running
from benchmarks.harness import ROOT
from serving.client.traffic import percentile
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.serving.conftest import free_port

RESULTS = ROOT / "benchmarks" / "results" / "page" / "latency.json"
PAGE = ROOT / "docs" / "page.md"
COMMAND = "python -m benchmarks.page_latency --write-docs"
BEGIN = f"<!-- Latency: written by `{COMMAND}`. -->\n"
END = "<!-- End of the latency. -->\n"
WORDS = ("attention", "keyboard", "photographs", "knights", "serendipity", "zyzzyva")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = ROOT / "build" / "pronounce" / "model"
    parser.add_argument("--model", type=Path, default=default, help="its base path")
    parser.add_argument("--rounds", type=int, default=3, help="after one unmeasured")
    parser.add_argument("--write-docs", action="store_true", help="renew the page")
    options = parser.parse_args(given)
    before, port = machine.describe(), free_port()
    with running("pronounce", options.model, [f"--rest_api_port={port}", "--ui"]):
        found = sorted(keys(f"http://127.0.0.1:{port}/", options.rounds))
    stored = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": before,
        "keys": len(found),
        "milliseconds": {
            f"p{share}": percentile(found, share) for share in (50, 90, 99)
        }
        | {"max": found[-1]},
    }
    print(table(stored))
    if options.write_docs:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
        text = pages.renewed(PAGE.read_text(), BEGIN, END, table(stored))
        PAGE.write_text(text)
    return 0


def keys(address: str, rounds: int) -> Iterator[float]:
    """Milliseconds that the page shows for each key, after a round of warming up."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#controls input", state="attached")
        for turn in range(rounds + 1):
            for word in WORDS:
                page.fill("#text", "")
                for end, letter in enumerate(word, 1):
                    page.locator("#text").press(letter)
                    page.wait_for_function(
                        """text => document.getElementById("source").textContent
                        === text && document.querySelector("#answers li")
                        && document.getElementById("waiting").hidden""",
                        arg=word[:end],
                    )
                    shown = page.get_attribute("#latency", "data-milliseconds")
                    if turn:
                        yield float(shown or "nan")
        browser.close()


def table(stored: dict[str, Any]) -> str:
    """A Markdown table and where it was measured."""
    spread, about = stored["milliseconds"], stored["machine"]
    return "\n".join(
        [
            f"`{COMMAND}`: from a key to the best answer on the screen, beam 5, "
            f"{stored['keys']} keys, each once the one before had its alignment too.",
            "",
            f"| ms | {' | '.join(spread)} |",
            f"|---|{'---|' * len(spread)}",
            f"| key to answer | {' | '.join(f'{v:.0f}' for v in spread.values())} |",
            "",
            f"{stored['date']}: {about['cpu']}, {about['cores']} cores, "
            f"{about['system']}, Python {about['python']}, load average before "
            f"{about['load_average'][0]}.",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
