"""Every demonstration's page in a real browser, without a window."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from objrec.demos import NAMES, Context, run_demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium here; install it with: apt-get install chromium"
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None,
        reason="no playwright here; install it with: pip install playwright",
    ),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=NAMES)
def path(request, tmp_path_factory):
    """The page of a demonstration that has hardly been trained."""
    out = tmp_path_factory.mktemp("demos")
    provenance = {"command": "objrec demo " + "very/" * 40 + "deep"}
    return run_demo(request.param, out, Context(effort=0.02), provenance=provenance)[0]


@pytest.fixture
def open_page(browser, path):
    """Open it; the page knows what it asked for and what it complained about."""
    contexts = []

    def open_page(width=1400, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_it_opens_without_complaint_and_loads_nothing_else(open_page, path):
    page = open_page()
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith("data:")] == [path.as_uri()]
    assert path.stat().st_size < 6e6


def test_every_figure_draws_something_and_says_what(open_page):
    page = open_page()
    page.eval_on_selector_all(".frame", "all => all.forEach(f => { f.hidden = false; })")
    drawn = page.eval_on_selector_all(
        "main svg",
        "all => all.map(s => [s.getBBox().width, s.getBBox().height, "
        "s.querySelectorAll('path, use, image').length, s.getAttribute('aria-label').length])",
    )
    assert drawn and all(w > 50 and h > 10 and n > 1 and said > 20 for w, h, n, said in drawn)
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids)), "figures share ids: one would be drawn in the other's place"


def shown(player):
    """Return the caption of the one frame that is to be seen, and what the player says."""
    (caption,) = player.locator(".frame:visible").evaluate_all(
        "all => all.map(f => f.dataset.caption)"
    )
    assert player.locator("output").inner_text() == " ".join(caption.split())
    return caption


def test_a_player_is_worked_by_keyboard(open_page):
    page = open_page()
    assert page.locator(".player").count() > 0
    for player in page.locator(".player").all():
        slider, captions = (
            player.locator("input"),
            player.locator(".frame").evaluate_all("all => all.map(f => f.dataset.caption)"),
        )
        assert shown(player) == captions[-1] and len(set(captions)) == len(captions) > 1
        assert slider.get_attribute("aria-label")
        slider.focus()
        page.keyboard.press("Home")
        assert shown(player) == captions[0]
        page.keyboard.press("ArrowRight")
        assert shown(player) == slider.get_attribute("aria-valuetext") == captions[1]
        page.keyboard.press("End")
        assert shown(player) == captions[-1]
        play = player.locator("button")
        page.keyboard.press("Shift+Tab")
        assert play.evaluate("b => b === document.activeElement")
        page.keyboard.press("Enter")  # from the end it begins anew
        assert play.inner_text() == "pause"
        page.keyboard.press("Space")
        assert play.inner_text() == "play"
        stopped = shown(player)
        assert stopped != captions[-1] or len(captions) == 2
        page.wait_for_timeout(150)
        assert shown(player) == stopped
    assert page.complaints == []


def test_playing_goes_to_the_end_and_stops(open_page):
    page = open_page()
    player = page.locator(".player").first
    last = shown(player)
    page.clock.install()
    player.locator("input").press("Home")
    player.locator("button").press("Enter")
    page.clock.run_for(50)
    assert player.locator("button").inner_text() == "pause" and shown(player) != last
    page.clock.run_for(10000)
    assert player.locator("button").inner_text() == "play" and shown(player) == last


def test_it_can_be_read_without_scripts(open_page):
    page = open_page(java_script_enabled=False)
    for player in page.locator(".player").all():
        assert player.locator(".frame:visible").count() == 1
        assert player.locator(".frame").last.is_visible()


@pytest.mark.parametrize("width", [390, 1400])
def test_it_never_scrolls_sideways(open_page, width):
    page = open_page(width)
    seen, needed = page.evaluate("(r => [r.clientWidth, r.scrollWidth])(document.documentElement)")
    assert needed <= seen == width


def test_paper_gets_no_buttons(open_page):
    page = open_page()
    page.emulate_media(media="print")
    assert page.locator(".controls button:visible, .controls input:visible").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
