"""Nothing is run that came with data, nothing is written outside, no name becomes markup."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import importlib.util
import os
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from objrec.errors import DataError
from objrec.files import remove_folder, write_text
from objrec.report.explanation import render as render_explanation
from objrec.report.figures.svg import svg
from objrec.report.page import render as render_report
from objrec.saving import model_card

ROOT = Path(__file__).parent.parent
# scripts/fuzzing makes hostile files on purpose.
SOURCES = [
    path
    for part in ("objrec", "scripts")
    for path in sorted((ROOT / part).rglob("*.py"))
    if "fuzzing" not in path.parts
]

# Imported nowhere. pickle: only the error that torch.load raises is named, in one place.
UNSAFE = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "yaml",
    "xml",
    "telnetlib",
}
NETWORK = {"socket", "ssl", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}
ALLOWED = {("objrec/energy/pretrained.py", "pickle")}
RUNS = {"eval", "exec", "compile", "__import__"}
CALLS = {"os.system", "os.popen", "os.execv", "os.spawnv", "tempfile.mktemp", "torch.save"}
CALLS |= {"numpy.fromregex", "torch.hub.load", "urllib.request.urlopen", "np.loadtxt"}
# What is safe only with an argument that says so.
NEEDS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}

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


# ------------------------------------------------------------- what the source may say


@pytest.fixture(scope="module")
def trees():
    read = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    return {path.relative_to(ROOT).as_posix(): ast.parse(text) for path, text in read.items()}


def _nodes(trees, kind):
    return [
        (file, n) for file, tree in trees.items() for n in ast.walk(tree) if isinstance(n, kind)
    ]


def _modules(node):
    return [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module]


def test_nothing_that_runs_what_it_reads_is_imported_and_no_network(trees):
    found = {
        (file, module.split(".")[0])
        for file, node in _nodes(trees, (ast.Import, ast.ImportFrom))
        for module in _modules(node)
        if module and module.split(".")[0] in UNSAFE | NETWORK
    }
    assert found == ALLOWED


def test_objrec_starts_no_program(trees):
    modules = {
        (file, module)
        for file, node in _nodes(trees, (ast.Import, ast.ImportFrom))
        for module in _modules(node)
        if module == "subprocess" and file.startswith("objrec/")
    }
    assert modules == set()


def test_every_call_is_safe(trees):
    wrong = []
    for file, call in _nodes(trees, ast.Call):
        name, given = ast.unparse(call.func), {k.arg: k.value for k in call.keywords}
        word, value = NEEDS.get(name, (None, None))
        if word and not (word in given and ast.literal_eval(given[word]) is value):
            wrong.append(f"{file}:{call.lineno}: {name} without {word}={value}")
        if name in RUNS | CALLS or (name.startswith("subprocess.") and "shell" in given):
            wrong.append(f"{file}:{call.lineno}: {name}")
    assert wrong == []


def test_an_archive_is_read_back_only_as_it_was_just_made(trees):
    """torch.export.load may unpickle: objrec gives it the bytes that it has in hand, no file."""
    places = [
        (file, ast.unparse(call.args[0]))
        for file, call in _nodes(trees, ast.Call)
        if ast.unparse(call.func) == "torch.export.load" and file.startswith("objrec/")
    ]
    assert places == [("objrec/export/files.py", "io.BytesIO(written)")]


# ------------------------------------------------------------- names in pages


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


# ------------------------------------------------------------- where is written


@pytest.fixture
def outside(tmp_path):
    """A folder that is nobody's business, and what it must hold afterwards."""
    folder = tmp_path / "outside"
    for place in ("fold-1", "fold-9", "cup"):
        (folder / place).mkdir(parents=True)
        (folder / place / "labels.csv").write_text("mine", encoding="utf-8")
    (folder / "labels.csv").write_text("mine", encoding="utf-8")
    before = _content(folder)
    yield folder
    assert _content(folder) == before


def _content(folder):
    return {p.relative_to(folder): p.is_file() and p.read_bytes() for p in folder.rglob("*")}


def _link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets nobody make links")


def _set(folder, rows):
    """A labelled folder: rows of (file, category, instance); the files are 8 x 8 images."""
    import cv2

    for number, (file, _, _) in enumerate(rows):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full((8, 8), number, np.uint8))[1].tobytes())
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "category", "instance"), *rows])


def test_whatever_categories_are_called_their_folders_are_inside(tmp_path, command):
    names = ["../../up", "..", "/etc/x", "C:\\x", "con", "a/../../b", "~root", "<script>", "=1+1"]
    _set(tmp_path / "in", [(f"{i}.png", name, name) for i, name in enumerate(names)])
    (tmp_path / "work").mkdir()
    before = set(tmp_path.rglob("*"))
    ran = command("data", "convert", tmp_path / "in", tmp_path / "work" / "out", "--to", "folder")
    assert ran.code == 0, ran.err
    made = set(tmp_path.rglob("*")) - before
    assert made and all(path.is_relative_to(tmp_path / "work" / "out") for path in made)
    with (tmp_path / "work/out/labels.csv").open(newline="", encoding="utf-8") as file:
        assert {row["category"] for row in csv.DictReader(file)} == set(names)  # just as they were


def test_files_that_labels_name_elsewhere_are_copied_in(tmp_path, command):
    _set(tmp_path / "in", [("../far/a.png", "cup", "1"), ("b.png", "cup", "2")])
    far = (tmp_path / "far").resolve()
    _link(tmp_path / "in" / "linked", far)
    with (tmp_path / "in/labels.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([(far / "a.png", "car", "1"), ("linked/../b.png", "car", "2")])
    before = _content(far)
    ran = command("data", "convert", tmp_path / "in", tmp_path / "out", "--to", "folder")
    assert _content(far) == before
    if ran.code == 0:
        written = [p for p in (tmp_path / "out").rglob("*.png")]
        assert written and not any(path.is_symlink() for path in written)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_new_set_deletes_nothing_behind_a_link(tmp_path, command, outside, name):
    _set(tmp_path / "in", [("a.png", "cup", "1"), ("b.png", "car", "1")])
    _link(tmp_path / "out" / name, outside)
    ran = command("data", "convert", tmp_path / "in", tmp_path / "out", "--to", "folder", "--force")
    assert ran.code == 0, ran.err
    assert not (tmp_path / "out" / name).exists()


def test_folds_that_are_links_are_not_emptied(tmp_path, command, outside):
    _set(tmp_path / "in", [(f"{c}{i}.png", c, str(i)) for c in ("cup", "car") for i in range(4)])
    _link(tmp_path / "out" / "fold-9", outside)
    ran = command("data", "split", tmp_path / "in", tmp_path / "out", "--folds", 2, "--force")
    assert ran.code == 0, ran.err
    assert (tmp_path / "out/fold-2").is_dir() and not (tmp_path / "out/fold-9").exists()


@pytest.mark.parametrize("name", ["epochs", "folds"])
def test_training_anew_deletes_nothing_behind_a_link(tmp_path, outside, name):
    from objrec.training.output import clear

    _link(tmp_path / "model" / name, outside)
    clear(tmp_path / "model")
    assert not os.path.lexists(tmp_path / "model" / name)


def test_a_folder_that_is_a_link_is_not_followed_when_deleted(tmp_path, outside):
    _link(tmp_path / "folder", outside)
    remove_folder(tmp_path / "folder")
    assert not os.path.lexists(tmp_path / "folder")


@pytest.mark.parametrize("waiting", [".config.json.partial", ".config.json.lock", "config.json"])
def test_a_link_that_lies_in_wait_is_not_written_through(tmp_path, outside, waiting):
    target = outside / ("labels.csv" if waiting == "config.json" else "new")
    _link(tmp_path / "model" / waiting, target)
    try:
        write_text(tmp_path / "model" / "config.json", "{}")
    except DataError as error:
        assert "config.json: cannot be written" in str(error)
    else:
        assert not (tmp_path / "model" / "config.json").is_symlink()


def test_pictures_of_a_report_are_read_from_beside_it_alone(tmp_path):
    from objrec.report.pictures import read_pictures

    webp = b"RIFF\0\0\0\0WEBPsecret"
    (tmp_path / "secret.webp").write_bytes(webp)
    (tmp_path / "report").mkdir()
    _link(tmp_path / "report" / "linked.webp", tmp_path / "secret.webp")
    facts = {"sheets": ["../secret.webp", "linked.webp", str(tmp_path / "secret.webp"), "a\0b"]}
    read = read_pictures(facts | {"columns": 1, "rows": 1, "count": 3}, tmp_path / "report", 10**6)
    assert not read.embedded and base64.b64encode(webp).decode() not in read.css
