"""The page in a real browser, without a window: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import importlib.util
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from objrec.report import write_report

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
CELL = '#viewpoint figure:first-of-type a[data-key="1,3"]'


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a file; the page knows what it asked for and what it complained about."""
    contexts = []

    def open_page(path, width=1400, **options):
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def everything(make_everything, folder):
    return make_everything(folder)


@pytest.fixture(scope="module")
def report(everything, folder):
    write_report(everything, folder / "report.html")
    return folder / "report.html"


def test_it_opens_without_complaint_and_loads_nothing_else(report, open_page):
    page = open_page(report)
    page.click(CELL)
    page.click("#view-images .thumb")
    assert page.complaints == []
    others = [url for url in page.asked if not url.startswith("data:")]
    assert others == [report.as_uri()]


def test_every_figure_draws(report, open_page):
    page = open_page(report)
    sizes = page.eval_on_selector_all(
        "main svg",
        "all => all.map(s => [s.getBBox().width, s.getBBox().height, "
        "s.querySelectorAll('path, use').length])",
    )
    # Three maps, two poses, two changes with error, azimuth and (one) response, legend, together,
    # unknown, reliability.
    assert len(sizes) == 14
    assert all(width > 50 and height > 10 and drawn > 1 for width, height, drawn in sizes)


def test_images_of_the_page_are_all_read(report, open_page):
    page = open_page(report)
    page.eval_on_selector_all("details", "all => all.forEach(d => { d.open = true; })")
    widths = page.eval_on_selector_all("img", "all => all.map(i => i.complete && i.naturalWidth)")
    assert len(widths) > 50 and all(widths)


def test_a_click_on_a_cell_shows_its_images(report, everything, open_page):
    page = open_page(report)
    assert page.is_hidden("#view-images")
    page.click(CELL)
    inside = [row for row in everything.predictions if row["cell"] == [1, 3]]
    wrong = [row for row in inside if row["category"] != row["predicted"]]
    assert page.locator("#view-images .thumb").count() == len(inside) == 12
    assert page.locator("#view-images .thumb.wrong").count() == len(wrong) > 0
    head = page.inner_text("#view-images strong")
    assert head.startswith("12 images: azimuth 90°, elevation 60°")
    assert page.locator("svg path.chosen").count() == 2  # on both maps
    figures = page.locator("#viewpoint figure")
    for figure in figures.all():  # the panel comes to the figure that was clicked
        figure.locator('a[data-key="1,3"]').click()
        assert figure.evaluate("f => f.nextElementSibling.id") == "view-images"
    page.click("#view-images .close")
    assert page.is_hidden("#view-images")


def test_each_thumbnail_shows_its_own_picture(report, everything, open_page):
    page = open_page(report)
    page.click(CELL)
    inside = [row for row in everything.predictions if row["cell"] == [1, 3]]
    right = [row for row in inside if row["category"] == row["predicted"]]
    thumbs = page.locator("#view-images .thumb:not(.wrong) .tile")
    for row, thumb in zip(right, thumbs.all(), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(thumb.screenshot())).convert("L"))
        assert abs(int(np.median(pixels)) - (40 + row["tile"] % 200)) <= 3


def test_a_confusion_a_view_and_an_object_open_their_images(report, everything, open_page):
    page = open_page(report)
    page.click('#categories svg a[data-key="0,1"]')
    count = page.locator("#confusion-images .thumb.wrong").count()
    assert count == everything.confusion[0][1]
    assert "cup taken for car" in page.inner_text("#confusion-images strong")
    page.click("#viewpoint li a >> nth=0")
    worst = everything.worst_views[0]
    assert page.locator("#view-images .thumb").count() == worst["count"]
    assert page.locator("#view-images .thumb.wrong").count() == worst["errors"]
    page.click("#objects tbody a >> nth=0")
    count = page.locator("#object-images .thumb").count()
    assert count == everything.per_object[0]["count"]


def test_the_dialog_shows_a_failure_and_goes_on_with_the_arrows(report, open_page):
    page = open_page(report)
    page.click("#failures button.open >> nth=0")
    dialog = page.locator("dialog")
    assert dialog.is_visible() and dialog.locator(".land").count() == 2
    assert dialog.locator(".maps img").count() == 3
    first = page.inner_text("dialog [aria-live]")
    page.keyboard.press("ArrowRight")
    second = page.inner_text("dialog [aria-live]")
    assert first.startswith("1 of ") and second.startswith("2 of ")
    page.click("dialog [data-step='-1']")
    assert page.inner_text("dialog [aria-live]") == first
    page.keyboard.press("Escape")
    assert dialog.is_hidden()


def test_everything_is_reached_without_a_mouse(report, open_page):
    page = open_page(report)
    focused = "document.activeElement."
    page.focus("#viewpoint .scroll")
    page.keyboard.press("Tab")
    assert page.evaluate(focused + "dataset.key") == "0,0"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused + "dataset.key") == "0,1"
    assert page.locator("svg path.cursor").count() == 1
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused + "dataset.key") == "1,1"
    page.keyboard.press("Enter")
    assert page.is_visible("#view-images")
    page.focus("#view-images .thumb")
    page.keyboard.press("Enter")
    assert page.is_visible("dialog")
    page.keyboard.press("Escape")
    assert page.evaluate(focused + "className").startswith("thumb")
    page.keyboard.press("Escape")
    assert page.is_hidden("#view-images")
    assert page.evaluate(focused + "dataset.key") == "1,1"
    page.keyboard.press("Tab")
    assert page.evaluate(focused + "className") == "scroll"  # a figure is one stop
    assert page.locator("svg path.cursor").count() == 0 and page.complaints == []


def test_it_can_be_read_without_scripts(report, open_page):
    page = open_page(report, java_script_enabled=False)
    assert page.locator("article.failure:visible").count() == 12
    assert page.is_visible("noscript p") and page.locator("#viewpoint svg").first.is_visible()
    page.click("details.page summary >> nth=0")
    assert page.locator("article.failure:visible").count() > 12
    assert page.complaints == []


@pytest.mark.parametrize("width", [390, 1400])
def test_it_never_scrolls_sideways(make_evaluation, tmp_path, open_page, width):
    evaluation = make_evaluation(
        source="a_rather_long_folder_name/with_another_inside/" * 3 + "{}.png",
        categories=("cup" * 9, "car", "van"),
        provenance={"command": "objrec evaluate " + "very/" * 40 + "deep"},
    )
    write_report(evaluation, tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", width)
    page.click(CELL)
    page.click("#view-images .thumb")
    shown, needed = page.evaluate("(r => [r.clientWidth, r.scrollWidth])(document.documentElement)")
    assert needed <= shown == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(report, open_page, scheme):
    page = open_page(report, color_scheme=scheme)
    body = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    assert contrast(*body) > 7
    soft = page.evaluate("getComputedStyle(document.querySelector('.soft')).color")
    assert contrast(body[0], soft) > 4.5
    dark = luminance(body[0]) < 0.05
    assert dark == (scheme == "dark")


def luminance(colour):
    """Return relative luminance as WCAG 2.1 defines it."""
    channels = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_paper_gets_the_failures_but_no_buttons(report, open_page):
    page = open_page(report)
    page.click(CELL)
    page.emulate_media(media="print")
    assert page.is_hidden("#view-images") and page.is_hidden("nav")
    assert page.locator("article.failure:visible").count() == 12
    assert page.pdf(format="A4").startswith(b"%PDF")
