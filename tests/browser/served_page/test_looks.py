"""Whether everybody can use the page: contrast, names, small windows, the dark."""

from __future__ import annotations

import pytest

from tests.browser.served_page.conftest import choose, types

schemes = pytest.mark.parametrize("scheme", ["light", "dark"])

_OUTSIDE = """() => [...document.querySelectorAll("body *")].filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    if (!width || one.closest(".sr-only, .skip, .scroll")) return false;
    return left < -1 || right > innerWidth + 1;
}).map((one) => one.outerHTML.slice(0, 90))"""


def show(page, view: str) -> None:
    """A view with something in it."""
    page.evaluate("view => { location.hash = view }", view)
    if view == "try":
        types(page, "star \u05e9\u05dc\u05d5\u05dd " + "desert" * 9)
    elif view == "models":
        page.wait_for_selector(".model-card .history")
    else:
        page.locator(".operation:last-child > summary").click()
        page.locator(".operation:last-child details summary").first.click()


@schemes
def test_axe_finds_nothing_serious(open_page, served, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(served, color_scheme=scheme)
    found = []
    for model in ("letters", "echo"):
        choose(page, model)
        for view in ("try", "models", "api") if model == "letters" else ("",):
            show(page, view) if view else page.click("nav >> text=Try")
            for violation in axe.run(page).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    places = [node["html"] for node in violation["nodes"]]
                    found.append((view, violation["id"], places))
    assert not found


@schemes
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_overflows(open_page, served, scheme, width):
    window = {"width": width, "height": 800}
    page = open_page(served, color_scheme=scheme, viewport=window)
    choose(page, "letters")
    for view in ("try", "models", "api"):
        show(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.evaluate(_OUTSIDE) == [], view
    # In the order in which they are read: what is asked, what is answered.
    show(page, "try")
    tops = [
        page.locator(place).bounding_box()["y"]
        for place in ("#text", "#answer", "#tokens", "#source", "#heatmap")
    ]
    assert tops == sorted(tops)
