"""What a person sees who types, points and waits, in a real browser."""

from __future__ import annotations

import json

import pytest

import serving
from tests.browser.served_page.conftest import LARGEST_BODY, choose, types
from tests.serving.conftest import free_port

MARKUP = "<script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"


@pytest.fixture
def client(served):
    with serving.Client(f"127.0.0.1:{served.port}", model="letters") as connected:
        yield connected


def test_typing_shows_the_best_answers(page, client):
    page.locator("#text").press_sequentially("star")
    expected = client.n_best(["star"], {"beam_size": 5, "alternatives": 5})[0]
    page.wait_for_function(
        "text => document.getElementById('answer').textContent === text",
        arg=expected[0].text,
    )
    page.wait_for_function(
        "count => document.querySelectorAll('#answers li').length === count",
        arg=len(expected),
    )
    shown = page.locator("#answers .number").all_inner_texts()
    wanted = [f"{one.log_prob:.2f}".replace("-", "\u2212") for one in expected]
    assert shown == wanted
    assert page.locator("#answers .said").all_text_contents() == [
        one.text or "\u2205" for one in expected
    ]
    assert float(page.get_attribute("#latency", "data-milliseconds")) > 0


def test_pointing_at_an_answer_shows_what_it_looked_at(page, client):
    types(page, "star")
    answers = client.n_best(["star"], {"beam_size": 5, "alternatives": 5})[0]
    place, answer = next(
        (place, one) for place, one in enumerate(answers) if place and one.text
    )
    scored = client.score(["star"], [answer.text])[0]
    page.hover(f"#answers li:nth-child({place + 1}) button")
    page.wait_for_function(
        """tokens => JSON.stringify([...document.getElementById("tokens").children]
        .map((one) => one.textContent)) === tokens""",
        arg=json.dumps(scored.tokens, ensure_ascii=False, separators=(",", ":")),
    )
    page.hover("#tokens button:last-child")
    best = int(scored.alignment[-1].argmax())
    share = f"{100 * scored.alignment[-1, best]:.0f}\u00a0%"
    assert f" {share}" in page.inner_text("#look")


def test_the_picture_can_be_pointed_at(page):
    found = types(page, "starsdesert")
    box = page.locator("#heatmap").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)
    chosen = page.locator("#tokens [aria-pressed=true]")
    assert chosen.count() == 1
    assert chosen.text_content() == found["tokens"][found["length"] - 1]


def test_controls_change_the_search(page, client):
    types(page, "star")
    page.locator("#knob-beam_size").fill("2")
    page.wait_for_function(
        "() => document.querySelectorAll('#answers li').length === 2"
    )
    with page.expect_request(lambda sent: "n_best" in (sent.post_data or "")) as waited:
        page.locator("#knob-length_penalty").fill("1")
    inputs = waited.value.post_data_json["inputs"]
    assert inputs["length_penalty"] == [1] and inputs["beam_size"] == [2]
    page.click("#controls button[type=reset]")
    page.wait_for_function(
        "() => document.querySelectorAll('#answers li').length === 5"
    )


def test_keys_move_through_tokens(page):
    types(page, "star")
    page.focus("#tokens [aria-pressed=true]")
    page.keyboard.press("End")
    last = page.locator("#tokens button:last-child")
    assert last.get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowLeft")
    assert last.get_attribute("aria-pressed") == "false"
    assert page.locator("#tokens [tabindex='0']").count() == 1
    assert "looked at" in page.inner_text("#look")
    page.wait_for_function(
        "() => document.getElementById('said').textContent.startsWith('Best answer')"
    )


def test_a_refusal_is_shown_as_text(page):
    page.fill("#text", "a" * LARGEST_BODY)
    page.wait_for_selector("#problem", state="visible")
    assert "Too large a body. Expected: at most" in page.inner_text("#problem")
    types(page, "star")
    assert page.locator("#problem").is_hidden()


@pytest.mark.parametrize("size", [1, 10_000])
def test_markup_is_text(page, size):
    """Ten kilobytes are answered without an alignment, which would be as large as
    their square; somebody else's model echoes what it was sent."""
    text = (MARKUP * (1 + size // len(MARKUP)))[: max(size, len(MARKUP))]
    page.fill("#text", text)
    page.wait_for_function("() => document.querySelectorAll('#answers li').length")
    if size == 1:
        page.wait_for_function(
            "text => document.getElementById('source').textContent === text", arg=text
        )
    choose(page, "echo")
    page.fill("#input-text", json.dumps([text]))
    page.click("#plain button")
    page.wait_for_function(
        "() => document.querySelector('#plain pre').textContent.length > 9"
    )
    echoed = json.loads(page.text_content("#plain pre"))
    assert echoed == {"text": [text], "size": [len(text)]}
    page.fill("#input-text", text)
    page.click("#plain button")
    assert "must be JSON" in page.inner_text("#plain pre")
    assert page.evaluate("window.broken") is None
    assert page.locator("main img, main script").count() == 0


def test_text_runs_in_its_own_direction(page):
    def direction(place):
        return page.evaluate(
            "place => getComputedStyle(document.querySelector(place)).direction", place
        )

    types(page, "\u05e9\u05dc\u05d5\u05dd")
    assert [direction(place) for place in ("#text", ".source")] == ["rtl", "rtl"]
    types(page, "star")
    assert [direction(place) for place in ("#text", ".source")] == ["ltr", "ltr"]


def test_a_late_answer_does_not_replace_a_newer_one(page):
    held = []

    def hold(route):
        if '"text":["star"]' in (route.request.post_data or "") and len(held) < 2:
            held.append(route)
        else:
            route.continue_()

    page.route("**/*:predict", hold)
    page.fill("#text", "star")
    page.wait_for_selector("#waiting", state="visible")
    assert len(held) == 2
    types(page, "desert")
    assert page.locator("#waiting").is_hidden()
    for route in held:
        route.continue_()
    types(page, "deserts")
    assert page.text_content("#source") == "deserts"


def test_an_answer_of_the_model_before_is_not_shown(page):
    """Not even while the first request to the other one is not yet due."""
    held = []
    page.route("**/*:predict", lambda route: held.append(route))
    page.fill("#text", "star")
    page.wait_for_selector("#waiting", state="visible")
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.dispatch_event("#model", "change")
    page.wait_for_selector("#waiting", state="hidden")
    assert len(held) == 2
    for route in held:
        route.fulfill(response=route.fetch())
    page.evaluate("async () => { await fetch('/healthz') }")
    assert page.text_content("#answer") == "" and page.locator("#problem").is_hidden()


def test_a_server_that_goes_away_and_comes_back(open_page, serve):
    port = free_port()
    with serve(port) as server:
        page = open_page(server)
        choose(page, "letters")
        types(page, "star")
    page.fill("#text", "desert")
    page.wait_for_selector("#connection", state="visible")
    assert "does not answer" in page.inner_text("#connection")
    with serve(port):
        page.wait_for_selector("#connection", state="hidden")
        page.wait_for_function(
            "() => document.getElementById('source').textContent === 'desert'"
        )


def test_models_and_their_figures_are_watched(page, served):
    types(page, "star")
    page.click("nav >> text=Models")
    card = page.locator("article[aria-label=letters]")
    card.wait_for()
    assert "available" in card.inner_text() and "version 1" in card.inner_text()
    page.evaluate(
        """async () => { for (let i = 0; i < 20; i++) await fetch(
        "/v1/models/letters:predict", {method: "POST",
        body: '{"instances": ["star"]}'}) }"""
    )
    page.wait_for_function(
        """() => parseFloat(document.querySelector(
        "article[aria-label=letters] .value").textContent) > 0"""
    )
    values = card.locator(".value").all_inner_texts()
    assert values[1] == "0.0\u00a0%" and all(v.endswith("ms") for v in values[2:])


def test_the_document_can_be_read_and_tried(page):
    page.click("nav >> text=API")
    operation = page.locator(".operation", has_text="/v1/models/letters:predict")
    operation.locator("summary").first.click()
    operation.locator("select").select_option("align")
    assert '"signature_name":"align"' in operation.locator(".command").inner_text()
    operation.locator("text=Send").click()
    page.wait_for_function(
        "() => document.querySelector('.operation[open] .result').textContent.includes("
        "'alignment')"
    )


def test_nothing_comes_from_elsewhere(open_page, served):
    page = open_page(served)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    choose(page, "letters")
    types(page, "star")
    assert asked
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{served.rest_port}"}


def test_neither_inline_script_nor_text_as_markup_is_allowed(browser, served):
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{served.rest_port}/")
    policy = page.request.get(page.url).headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    refused = page.evaluate(
        """() => { const one = document.createElement("div");
        try { one.innerHTML = "<b>x</b>" } catch (error) { return error.name } }"""
    )
    page.close()
    assert refused == "TypeError"
