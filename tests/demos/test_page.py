"""The page of a demonstration: every kind of content, nothing that is not escaped or fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import jinja2
import pytest

from objrec.demos import Demo, Lesson, Player, Section, Table
from objrec.demos.page import prose, render

NASTY = '<script>alert("&")</script>'
SVG = '<svg viewBox="0 0 1 1" role="img" aria-label="{}"><path d="M0 0h1"/></svg>'
FACTS = {
    "demo": "eye",
    "seed": 3,
    "seconds": 1.5,
    "hardware": {"cpu": "a processor", "threads": 1},
    "command": "objrec demo eye --out x",
}


class Elements(HTMLParser):
    """All elements of a page, and whether each is closed."""

    VOID = ("meta", "input", "br", "path")

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag, **wanted):
        return [a for name, a in self.found if name == tag and wanted.items() <= a.items()]


def page_of(*sections, facts=FACTS, summary="What is seen."):
    demo = Demo("eye", "A small eye", "What an eye teaches.", lambda context: None)
    return render(demo, Lesson(summary, sections), facts)


@pytest.fixture
def full():
    player = Player([SVG.format(f"frame {i}") for i in range(3)], ["none", "one", "two"], "updates")
    table = Table(("loss", "error"), (("energy", "70 %"), ("hinge", "25 %")), "After `80` steps.")
    section = Section(
        "Losses",
        ("Write E_C for it.", "Run `objrec train`."),
        ("E_C + m < E_I",),
        (SVG.format("still"), player),
        ("A still.", "A film of `3` frames."),
        (table,),
    )
    return page_of(section, Section("Bare"))


def test_it_is_well_formed_and_holds_everything(full):
    page = Elements(full)
    assert page.open == []
    assert full.count("<h1>") == 1 and full.count("<h2>") == 3  # the last says how to repeat it
    assert "<p>Write E<sub>C</sub> for it.</p>" in full and "<code>objrec train</code>" in full
    assert '<p class="equation">E<sub>C</sub> + m &lt; E<sub>I</sub></p>' in full
    assert len(page.of("svg")) == 4 and full.count("<figcaption>") == 2
    assert "A film of <code>3</code> frames." in full


def test_a_player_shows_its_last_frame_until_a_script_takes_over(full):
    frames = [f for f in Elements(full).of("div") if f.get("class") == "frame scroll"]
    assert [f["data-caption"] for f in frames] == ["none", "one", "two"]
    assert ["hidden" in f for f in frames] == [True, True, False]
    assert Elements(full).of("div", **{"class": "player", "data-label": "updates"})


def test_a_table_has_headings_and_its_numbers_stand_right(full):
    page = Elements(full)
    assert len(page.of("th", scope="col")) == 2 and len(page.of("th", scope="row")) == 2
    assert len(page.of("td")) == len(page.of("td", **{"class": "n"})) == 2
    assert "<caption><span>After <code>80</code> steps.</span></caption>" in full


def test_nothing_is_loaded_from_elsewhere(full):
    page = Elements(full)
    assert not [a for tag in ("link", "img", "iframe", "object") for a in page.of(tag)]
    assert not [a for _, a in page.found if a.keys() & {"src", "href", "srcset", "action"}]
    assert not re.findall(r"url\((?!#)|@import|https?://|fetch\(", full)


def test_all_text_is_escaped():
    player = Player([SVG.format("a")] * 2, [NASTY, '" onclick="x'], NASTY)
    table = Table((NASTY,), ((NASTY,),), NASTY)
    section = Section(NASTY, (NASTY,), (NASTY,), (player,), (NASTY,), (table,))
    facts = FACTS | {"command": NASTY, "hardware": {NASTY: NASTY}}
    page = Elements(page_of(section, facts=facts, summary=NASTY))
    assert len(page.of("script")) == 1 and page.open == []
    assert not [a for _, a in page.found if "onclick" in a]
    assert [f["data-caption"] for f in page.of("div") if "data-caption" in f] == [
        NASTY,
        '" onclick="x',
    ]


def test_captions_that_are_missing_are_an_error_and_none_at_all_are_not():
    assert "<figcaption>" not in page_of(Section("S", figures=(SVG.format("a"),)))
    with pytest.raises(jinja2.UndefinedError):
        page_of(Section("S", figures=(SVG.format("a"), SVG.format("b")), captions=("one",)))


def test_seed_duration_hardware_and_source_are_at_its_foot(full):
    foot = full[full.index('id="measured"') :]
    for text in ("<dd>3</dd>", "1.5 s", "a processor", "objrec demo eye --out x", "eye.json"):
        assert text in foot
    assert "LeCun &amp; Huang" in foot and "none is those authors'" in foot
    without = {key: value for key, value in FACTS.items() if key != "command"}
    assert "<dt>command</dt>" not in page_of(facts=without)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E_C < E_I", "E<sub>C</sub> &lt; E<sub>I</sub>"),
        ("x^2 + Z_{t-1}^2", "x<sup>2</sup> + Z<sub>t-1</sub><sup>2</sup>"),
        ("(log n_wrong) / β_0", "(log n<sub>wrong</sub>) / β<sub>0</sub>"),
        ("E_I² and W_1·x", "E<sub>I</sub>² and W<sub>1</sub>·x"),
        ("a file_name, out/x_y.json, reference_gap", "a file_name, out/x_y.json, reference_gap"),
        ("`E_C` of `a<b`", "<code>E_C</code> of <code>a&lt;b</code>"),
        ("one ` alone", "one ` alone"),
        ("83 % of 90 °", "83\xa0% of 90\xa0°"),
    ],
)
def test_indices_are_lowered_and_code_is_left_as_it_is(text, expected):
    assert str(prose(text)) == expected
