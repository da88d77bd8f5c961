"""A real Chromium, for tests of pages."""

import os
import shutil
from pathlib import Path

import pytest

#: Those that a machine without a screen, a sandbox or a network needs.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


def pytest_collection_modifyitems(items):
    """Every test in this folder needs what ``make test-page`` installs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("page")


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    playwright = pytest.importorskip(
        "playwright.sync_api",
        reason="no Playwright: make test-page installs it",
    )
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
