"""No name becomes markup, in a page, a card or a browser."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from objrec.report.explanation import render as render_explanation
from objrec.report.figures.svg import svg
from objrec.report.page import render as render_report
from objrec.saving import model_card

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "<script>window.hurt=1</script>",
    '"onmouseover="hurt=1" </style>]]>{{7*7}}',
    'javascript:hurt=1#0a0001 id="x" : url(#z)\u2028=\'--><!--',
)
MILD = tuple("abc"[i] * len(name) for i, name in enumerate(HOSTILE))

chromium = shutil.which("chromium") or shutil.which("chromium-browser")
in_browser = pytest.mark.skipif(
    chromium is None or importlib.util.find_spec("playwright") is None,
    reason="no chromium or no playwright here; see tests/report/test_browser.py",
)


class Seen(HTMLParser):
    """The elements of a page with the names of their attributes, and all that it says."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.inline = Counter(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if tag == "text":  # longer words may be turned: they have no corner then
            names = [name for name in names if name not in "xy"]
        self.tags[tag, tuple(names)] += 1
        self.words += [value for _, value in attrs if value]
        run = tag == "style" or (tag == "script" and ("type", "application/json") not in attrs)
        self.inline.append(run)

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        self.tags["comment", ()] += 1

    def unknown_decl(self, data):
        self.tags["declaration", ()] += 1


def _report(names, folder, make_everything):
    made = make_everything(
        folder,
        categories=names,
        set_name=names[0],
        source=names[1].replace("/", "-") + "/{}.png",
        failures=[{"file": names[0], "error": names[1]}],
        provenance={"command": names[2]},
    )
    return render_report(made, folder)


def _explanation(names, folder, explanation_of):
    return render_explanation(explanation_of(categories=names, model=names[0]))


def _page(kind, names, folder):
    spec = importlib.util.spec_from_file_location(
        f"made_{kind}", ROOT / "tests/report" / MAKERS[kind]
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if kind == "report":
        return _report(names, folder, module.everything_of)
    return _explanation(names, folder, module.explanation_of)


MAKERS = {"report": "conftest.py", "explanation": "test_explanation.py"}


@pytest.fixture(scope="module", params=MAKERS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def hostile_page(kind, tmp_path_factory):
    return _page(kind, HOSTILE, tmp_path_factory.mktemp(kind))


def test_no_name_becomes_an_element_or_attribute(kind, hostile_page, tmp_path):
    hostile, mild = Seen(hostile_page), Seen(_page(kind, MILD, tmp_path))
    assert hostile.tags == mild.tags
    for name in HOSTILE:
        assert any(name in words for words in hostile.words), name


def test_the_policy_names_all_that_is_run_and_nothing_else(hostile_page):
    assert_policy(hostile_page)


def assert_policy(page):
    rules = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    policy = dict(rule.split(" ", 1) for rule in rules.split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["img-src"] == "data:"
    for tag, rule in (("style", "style-src-elem"), ("script", "script-src")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        named = {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}
        assert set(policy[rule].split()) == (named or {"'none'"})


def test_words_in_a_figure_stay_as_they_are():
    words = ' font-family: x; id="a" #0a0001 : url(#b) d="1.23456" xlink:href="#c"'
    drawn = svg(lambda figure: figure.text(0, 0, words), 2, 1, "name", words)
    seen = Seen(drawn)
    assert sum(words in said for said in seen.words) == 2  # the text, and the label


def test_a_damaged_evaluation_writes_no_markup(make_everything, tmp_path):
    made = make_everything(tmp_path)
    made.images["columns"] = "</style><img src=x>"
    for row in made.predictions:
        row["tile"] = None
    with pytest.raises(ValueError, match="format code"):
        render_report(made, tmp_path)


@pytest.fixture
def make_everything():
    def make(folder):
        spec = importlib.util.spec_from_file_location("made", ROOT / "tests/report/conftest.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.everything_of(folder)

    return make


def test_a_card_is_one_table_without_markup():
    names = ["a|b", "<img src=x>", "![x](http://y)", "`c`", "two\nlines"]
    config = {
        "kind": "energy",
        "categories": names,
        "background": [],
        "pose_space": {},
        "pose_frame": {},
        "preprocessing": {"colour": False, "size": 32, "cameras": 1},
        "model": {"features": 8},
        "calibration": None,
        "training": {"learned": [{"name": names[1], "views": 1, "poses": "given"}]},
    }
    card = model_card(config)
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {3}
    assert "<img" not in card and "](http" not in card and "two lines" in card


@pytest.mark.slow
@in_browser
def test_hostile_names_do_nothing_in_a_browser(hostile_page, tmp_path):
    from playwright.sync_api import sync_playwright

    path, asked, said = tmp_path / "page.html", [], []
    path.write_text(hostile_page, encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        for link in page.query_selector_all("a[data-key], a[data-object], button.open")[:20]:
            link.dispatch_event("mouseover")
            link.dispatch_event("click")
            page.keyboard.press("Escape")
        assert page.evaluate("window.hurt") is None
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        # The policy is obeyed: a script that was slipped in all the same does not run.
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), "
            "{textContent: 'window.hurt = 1'}))"
        )
        assert page.evaluate("window.hurt") is None and "Content Security Policy" in said[0]
        browser.close()
