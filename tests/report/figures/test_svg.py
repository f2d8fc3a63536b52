"""Figures as SVG elements: the page's colours, ids of their own, text that stays text."""

import re

import matplotlib
import pytest

from objrec.report.figures.svg import ACCENT, INK, LINE, VARIABLES, Links, svg


def picture(name="one", alt="what is shown"):
    def draw(figure):
        axes = figure.subplots()
        axes.plot([0, 1], [1, 0], color=ACCENT)
        axes.text(0.5, 0.5, "caf\u00e9 & <more>", color=INK)
        axes.pcolormesh([[0.0, 1.0]], cmap="viridis")

    return svg(draw, 3.0, 2.0, name, alt)


def test_colours_are_the_pages_and_nothing_is_styled_or_fetched():
    drawn = picture()
    assert drawn.startswith("<svg viewBox=") and drawn.endswith("</svg>")
    assert "var(--accent)" in drawn and "var(--ink)" in drawn
    assert "#0c00" not in drawn and "<style" not in drawn and "<metadata" not in drawn
    assert not re.search(r"(href|src)=\"(?!#|data:)", drawn)
    assert "--width:288px" in drawn


def test_text_stays_text_and_is_escaped():
    assert "café &amp; &lt;more&gt;</text>" in picture()
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in picture(alt='a "b" <c>')


def test_two_figures_of_a_page_share_no_id():
    ids = [set(re.findall(r'\bid="([^"]*)"', picture(name))) for name in ("one", "two")]
    assert ids[0] and not ids[0] & ids[1]


def test_every_reference_has_its_target():
    drawn = picture()
    wanted = set(re.findall(r'(?:href="|url\()#([^")]*)', drawn))
    assert wanted and wanted <= set(re.findall(r'\bid="([^"]*)"', drawn))


@pytest.mark.parametrize("name", ["one", "two"])
def test_the_same_figure_is_the_same_text(name):
    assert picture(name) == picture(name)


def test_matplotlib_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    picture()
    assert dict(matplotlib.rcParams) == before


def linked():
    def draw(figure):
        (line,) = figure.subplots().plot([0, 1], [0, 1], color=LINE[0])
        line.set_url("#a,b")

    return svg(draw, 3, 2, "name", "alt", Links("here", {"a,b": "A & B"}))


def test_links_lead_to_their_target_with_a_label():
    label = 'aria-label="A &amp; B"><title>A &amp; B</title>'
    assert f'<a href="#here" data-key="a,b" {label}' in linked()
    assert "var(--line-0)" in linked() and not any(colour in linked() for colour in VARIABLES)


def test_a_figure_of_links_is_no_image_to_those_who_hear_it():
    assert 'role="group"' in linked() and 'role="img"' in picture()
