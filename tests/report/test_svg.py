"""Figures as SVG elements: the page's colours, ids of their own, text that stays text."""

import re

import pytest

from objrec.report.svg import ACCENT, INK, svg


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
