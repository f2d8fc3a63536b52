import json
import re
from html.parser import HTMLParser

import pytest

from objrec.errors import DataError
from objrec.evaluation import Evaluation
from objrec.report import write_report
from objrec.report.page import render

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Outline(HTMLParser):
    """Collects text, ids, tags and the addresses a page would load; fails on bad nesting."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.ids, self.tags, self.links, self.text = [], [], [], [], []
        self.feed(page)
        assert self.stack == []
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        self.note(tag, attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.note(tag, attrs)

    def note(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.text.append(data)


@pytest.fixture
def outline(make_evaluation):
    return lambda **changes: Outline(render(make_evaluation(**changes)))


def test_the_page_opens_with_the_answer(make_evaluation):
    evaluation = make_evaluation()
    page = Outline(render(evaluation))
    low, high = evaluation.error_rate_ci
    percent = f"{100 * evaluation.error_rate:.1f} %"
    assert f"gave {percent} of 288 images of 12 objects in 3 categories the wrong" in page.text
    assert f"interval {100 * low:.1f} to {100 * high:.1f} %" in page.text
    assert "3 categories would be wrong 66.7 % of the time" in page.text


def test_every_section_is_there_and_reached_by_its_link(outline):
    page = outline(failures=[("a.png", "not an image; remove it")])
    assert {
        "categories",
        "viewpoint",
        "pose",
        "factors",
        "objects",
        "mistakes",
        "failures",
        "measured",
    } <= set(page.ids)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert "a.png: not an image; remove it" in page.text


def test_ids_are_unique_and_nothing_is_loaded(outline):
    page = outline()
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.tags.count("svg") == 3


def test_styles_load_nothing_and_every_colour_is_defined(make_evaluation):
    page = render(make_evaluation())
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    defined = set(re.findall(r"(--[\w-]+):", page))
    assert used <= defined
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    assert set(re.findall(r"(--[\w-]+):", light)) == set(re.findall(r"(--[\w-]+):", dark))


def test_a_classifier_without_pose_has_no_pose_section(outline):
    page = outline(axes=(), kind="cnn")
    assert "pose" not in page.ids and "viewpoint" in page.ids
    assert "convolutional classifier (softmax)" in page.text
    assert "azimuth within" not in page.text


def test_a_set_without_pose_labels_has_neither_pose_nor_viewpoints(outline):
    page = outline(labelled=False)
    assert not {"pose", "viewpoint"} & set(page.ids)
    assert "night" in page.text


def test_a_perfect_recogniser_is_reported_too(outline):
    page = outline(error=0.0)
    assert "gave 0.0 % of 288 images" in page.text
    assert "None: every image was given its category." in page.text
    assert "Commonest confusions" not in page.text


def test_no_right_answer_is_reported_too(outline):
    page = outline(error=1.0)
    assert "gave 100.0 %" in page.text and "right category only" not in page.text


def test_text_from_outside_is_escaped(make_evaluation):
    nasty = '<script>alert("1")</script>'
    page = render(
        make_evaluation(
            categories=(nasty, "$x^2$", "a & b"),
            set_name=nasty,
            source=nasty + "{}",
            failures=[(nasty, nasty)],
            provenance={"command": nasty},
        )
    )
    outline = Outline(page)
    assert "script" not in outline.tags
    assert nasty in outline.text and "$x^2$" in outline.text and "a & b" in outline.text


def test_broken_file_names_do_not_stop_the_page(make_evaluation, tmp_path):
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    evaluation = make_evaluation(categories=(broken, "b", "c"), source=broken + "{}")
    write_report(evaluation, tmp_path / "report.html")
    assert "caf?" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_misclassified_images_come_from_every_category(outline):
    page = outline(error=0.5)
    assert re.search(r"50 of \d+, in turn from every category", page.text)
    rows = re.findall(r"views/(\d+)\.png (\w+) (\w+) 1\.50 azimuth \d+, elevation \d+", page.text)
    assert len(rows) == 50
    assert [int(row[0]) for row in rows] == sorted(int(row[0]) for row in rows)
    counts = [sum(row[1] == name for row in rows) for name in ("cup", "car", "van")]
    assert max(counts) - min(counts) <= 1


def test_excluded_categories_are_named(outline):
    page = outline(exclude_pose=["cup"])
    assert "Left out of all pose figures: cup." in page.text


def test_it_says_how_it_was_measured(outline):
    page = outline(seed=7, provenance={"command": "objrec evaluate toys", "date": "2026-01-02"})
    for text in ("objrec evaluate toys", "2026-01-02", "seed 7", "50 resamples", "222 000"):
        assert text in page.text
    assert "72 with reading and preprocessing, 144 for recognition alone" in page.text


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 30, 70])
def test_many_categories_and_views_still_draw(outline, k):
    categories = [f"category {i} with quite a long name" for i in range(k)]
    page = outline(categories=categories, objects=2, azimuths=40, elevations=(0.0, 45.0))
    assert page.tags.count("svg") == 3


def test_the_file_is_redrawn_from_its_json_alone(make_evaluation, tmp_path):
    evaluation = make_evaluation()
    evaluation.save(tmp_path / "evaluation.json")
    stored = json.loads((tmp_path / "evaluation.json").read_text())
    write_report(stored, tmp_path / "new" / "a.html")
    write_report(Evaluation.load(tmp_path / "evaluation.json"), tmp_path / "new" / "b.html")
    first, second = (tmp_path / "new" / name for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 1_000_000
    assert sorted(p.name for p in first.parent.iterdir()) == ["a.html", "b.html"]


def test_a_damaged_evaluation_is_refused(tmp_path):
    with pytest.raises(DataError, match="not an evaluation"):
        write_report({}, tmp_path / "report.html")


def test_a_place_that_cannot_be_written_is_one_line(make_evaluation, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_report(make_evaluation(), tmp_path / "file" / "report.html")
