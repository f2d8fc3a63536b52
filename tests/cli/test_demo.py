"""``objrec demo``: the list, one run, and mistakes in one line."""

from __future__ import annotations

import json

import pytest

from objrec import demos
from objrec.demos import NAMES, Demo, Lesson, Section, running


@pytest.fixture
def tiny(monkeypatch):
    """Make every demonstration one that is over at once."""

    def run(context):
        context.on_progress(1, 2)
        return Lesson("Seen.", (Section("S"),), {"seed": context.seed, "effort": context.effort})

    def load(name):
        return Demo(name, name, "Teaches.", run) if name in NAMES else original(name)

    original = running.load
    monkeypatch.setattr(running, "load", load)
    monkeypatch.setattr(demos, "load", load)


def test_the_list_names_all_and_what_they_teach(command):
    ran = command("demo", "--list")
    assert ran.code == 0 and ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0].split() == ["demo", "what", "it", "teaches"]
    assert [line.split()[0] for line in lines[2:]] == list(NAMES)
    told = dict(line.split(maxsplit=1) for line in lines[2:])
    assert told == {name: demos.load(name).teaches for name in NAMES}


def test_one_is_run_and_it_says_where_its_files_are(command, tiny, tmp_path):
    ran = command("demo", "eye", "--out", tmp_path / "out", "--seed", 5)
    assert ran.code == 0, ran.err
    page, numbers = tmp_path / "out" / "eye.html", tmp_path / "out" / "eye.json"
    assert ran.out.splitlines() == [f"page: {page}", f"numbers: {numbers}"]
    stored = json.loads(numbers.read_text(encoding="utf-8"))
    assert stored["numbers"] == {"seed": 5, "effort": 1.0} and stored["seed"] == 5
    assert stored["command"] == f"objrec demo eye --out {tmp_path / 'out'} --seed 5"
    assert stored["command"] in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("demo", "demo: say which, and where to: objrec demo parabola --out out/demos"),
        ("demo eye", "demo: say which, and where to"),
        ("demo --out {out}", "demo: say which, and where to"),
        ("demo parabel --out {out}", "no demonstration is called 'parabel'"),
        ("demo colapse --out {out}", "did you mean 'collapse'"),
        ("demo eye --out {out} --seed one", "'one' is not a valid integer"),
        ("demo eye --out {there}", "eye.html: exists; add --force to overwrite it"),
        ("demo eye --out {there}/eye.html --force", "eye.html: cannot be written (File exists)"),
    ],
)
def test_mistakes_are_one_line(command, tiny, tmp_path, words, expected):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "eye.html").write_text("mine")
    ran = command(*words.format(out=tmp_path / "out", there=tmp_path / "there").split())
    assert ran.code == 2 and ran.out == ""
    assert len(ran.err.splitlines()) == 1 and expected in ran.err
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "there" / "eye.html").read_text() == "mine"
