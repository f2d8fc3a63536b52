import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from objrec.errors import DataError
from objrec.evaluation import Evaluation
from objrec.report import page as page_module
from objrec.report import write_report
from objrec.report.page import render

VOID = {"meta", "br", "hr", "img", "link", "input"}
SECTIONS = (
    *("viewpoint", "pose", "categories", "failures", "factors", "objects", "sweep"),
    *("together", "unknown", "calibration", "comparison", "speed", "measured", "unread"),
)


class Outline(HTMLParser):
    """Collects text, ids, tags and the addresses a page would load; fails on bad nesting."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.ids, self.tags, self.links, self.text = [], [], [], [], []
        self.unnamed = []
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
        names = dict(attrs)
        if tag == "img" and not names.get("alt"):
            self.unnamed.append(names)
        if (tag == "svg" or names.get("role") == "img") and not names.get("aria-label"):
            self.unnamed.append(names)
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


@pytest.fixture
def full(everything, tmp_path):
    return render(everything, tmp_path)


def test_the_page_opens_with_the_answer(make_evaluation):
    evaluation = make_evaluation()
    text = Outline(render(evaluation)).text
    percent = f"{100 * evaluation.error_rate:.1f}\N{NO-BREAK SPACE}%"
    assert f"was wrong on {percent.split()[0]}" in text.replace("\N{NO-BREAK SPACE}", " ")
    answer = text.index("was wrong on")
    assert answer < text.index("wrong category") < text.index("Error over the viewing sphere")


def test_every_section_is_there_in_order_and_reached_by_its_link(full):
    outline = Outline(full)
    assert [name for name in outline.ids if name in SECTIONS] == list(SECTIONS)
    targets = {link[1:] for link in outline.links if link.startswith("#")}
    assert targets <= set(outline.ids)
    assert set(SECTIONS) - {"speed"} <= targets
    assert "broken.png: not an image; remove it" in outline.text


def test_ids_are_unique_and_nothing_is_loaded(full):
    outline = Outline(full)
    assert len(outline.ids) == len(set(outline.ids))
    assert not {"link", "iframe", "object", "video", "form action"} & set(outline.tags)
    assert all(link.startswith(("#", "data:image/")) for link in outline.links)


def test_everything_shown_has_words_for_it(full):
    assert Outline(full).unnamed == []


def test_the_browser_is_told_to_load_nothing_and_run_this_script_alone(full):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', full)[1]
    script = re.search(r"<script>(.*?)</script>", full, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "http:" not in policy and "https:" not in policy
    assert "eval(" not in script and "innerHTML" not in script


def test_styles_load_nothing_and_every_colour_is_defined(full):
    assert "@import" not in full
    targets = re.findall(r"url\(([^)]*)\)", full)
    assert all(target.startswith(("#", "data:image/webp")) for target in targets)
    used = set(re.findall(r"var\((--[\w-]+)\)", full))
    defined = set(re.findall(r"(--[\w-]+):", full))
    assert used <= defined
    light, dark = re.findall(r":root \{(.*?)\}", full, re.DOTALL)
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


def test_what_was_not_measured_is_not_mentioned(outline):
    page = outline()
    assert not {"sweep", "unknown", "calibration", "comparison", "unread"} & set(page.ids)


def test_a_perfect_recogniser_is_reported_too(outline):
    page = outline(error=0.0)
    assert "None: every image was given its category." in page.text
    assert "Commonest confusions" not in page.text


def test_no_right_answer_is_reported_too(outline):
    page = outline(error=1.0)
    assert "100.0" in page.text and "right category only" not in page.text


def test_text_from_outside_is_escaped(make_evaluation):
    nasty = '</script><script>alert("1")</script>'
    page = render(
        make_evaluation(
            categories=(nasty, "$x^2$", "a & b"),
            set_name=nasty,
            source=nasty + "{}",
            failures=[{"file": nasty, "error": nasty}],
            provenance={"command": nasty},
        )
    )
    outline = Outline(page)
    assert outline.tags.count("script") == 2  # the data and the page's own
    assert nasty in outline.text and "$x^2$" in outline.text and "a & b" in outline.text


def test_broken_file_names_do_not_stop_the_page(make_evaluation, tmp_path):
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    evaluation = make_evaluation(categories=(broken, "b", "c"), source=broken + "{}")
    write_report(evaluation, tmp_path / "report.html")
    assert "caf?" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_gallery_has_every_failure_the_first_ones_open(full, everything):
    wrong = sum(r["category"] != r["predicted"] for r in everything.predictions)
    outside = re.sub(r"<details class=\"page\">.*?</details>", "", full, flags=re.DOTALL)
    assert full.count("<article class=") == wrong > 12
    assert outside.count("<article class=") == 12


def test_excluded_categories_are_named(outline):
    page = outline(pose_excluded=["cup"])
    assert "Left out of all pose figures: cup." in page.text


def test_it_says_how_to_repeat_it(full):
    text = Outline(full).text
    for words in ("objrec evaluate toys", "2026-01-02", "seed 7", "50 resamples", "a processor"):
        assert words in text
    assert "72 images a second" in text and "144 images a second" in text


def test_unknown_objects_without_a_threshold(everything, tmp_path):
    unasked = dict.fromkeys(("threshold", "detection_rate", "false_alarm_rate"))
    everything.unknown.update(unasked)
    assert "Its threshold" not in Outline(render(everything, tmp_path)).text


def test_without_the_pictures_the_page_is_made_and_says_so(everything, tmp_path):
    page = render(everything, tmp_path / "elsewhere")
    assert "files of pictures are missing" in Outline(page).text
    assert "image/webp" not in page and 'class="tile none"' in page


def test_a_page_that_would_be_too_large_leaves_pictures_out(everything, tmp_path, monkeypatch):
    for name in everything.images["sheets"]:
        (tmp_path / name).write_bytes(b"RIFF0000WEBP" + bytes(30_000))
    whole = len(render(everything, tmp_path).encode())
    limit = whole - 200_000
    monkeypatch.setattr(page_module, "LARGEST", limit)
    page = render(everything, tmp_path)
    assert limit - 150_000 < len(page.encode()) <= limit
    assert "image/webp" in page and "as many pictures as it may" in page


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 30, 70])
def test_many_categories_and_views_still_draw(outline, k):
    categories = [f"category {i} with quite a long name" for i in range(k)]
    page = outline(categories=categories, objects=2, azimuths=40, elevations=(0.0, 45.0))
    assert page.tags.count("svg") == 5


def test_the_file_is_redrawn_from_its_json_and_pictures_alone(everything, tmp_path):
    everything.save(tmp_path / "evaluation.json")
    stored = json.loads((tmp_path / "evaluation.json").read_text())
    write_report(stored, tmp_path / "new" / "a.html", tmp_path)
    write_report(Evaluation.load(tmp_path / "evaluation.json"), tmp_path / "b.html")
    first, second = tmp_path / "new" / "a.html", tmp_path / "b.html"
    assert first.read_bytes() == second.read_bytes()
    assert "image/webp" in first.read_text(encoding="utf-8")
    assert first.stat().st_size < 1_500_000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("viewpoint", {"azimuth": []}),
        ("confusion", [[1]]),
        ("landscape_axes", {"azimuth": [0.0]}),
        ("bootstrap", {}),
        ("images", {"sheets": ["a"]}),
    ],
)
def test_a_damaged_value_is_one_line(everything, tmp_path, key, value):
    damaged = Evaluation(**(vars(everything) | {key: value}))
    with pytest.raises(DataError, match=r"a value is damaged \(.*\); evaluate again"):
        write_report(damaged, tmp_path / "report.html")


def test_what_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(DataError, match="not an evaluation"):
        write_report({}, tmp_path / "report.html")


def test_a_place_that_cannot_be_written_is_one_line(make_evaluation, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_report(make_evaluation(), tmp_path / "file" / "report.html")
