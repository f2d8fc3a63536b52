"""The registry of demonstrations, and what running one leaves behind."""

from __future__ import annotations

import json
import re

import pytest
import torch

from objrec import DataError, SettingsError
from objrec.demos import NAMES, Context, Demo, Lesson, Section, load, run_demo, running


def the_lesson(context):
    context.on_progress(1, 1)
    return Lesson("A summary.", (Section("Seen", ("Text.",)),), {"error": 0.25, "of": "toys"})


@pytest.fixture
def tiny(monkeypatch):
    """A demonstration that is over at once, under a name that there is."""
    demo = Demo("eye", "A small eye", "What an eye teaches.", the_lesson)
    monkeypatch.setattr(running, "load", lambda name: demo)
    return demo


@pytest.mark.parametrize("name", NAMES)
def test_every_name_loads_and_says_what_it_teaches_in_one_line(name):
    demo = load(name)
    assert demo.name == name and demo.title[0].isupper() and callable(demo.run)
    assert re.fullmatch(r"[A-Z][^\n]{20,109}\.", demo.teaches)
    assert "\n" not in demo.title and not demo.title.endswith(".")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("colapse", "did you mean 'collapse'"),
        ("", "there are parabola, eye, "),
        ("running", "there are parabola, eye, "),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(name, hint, tmp_path):
    with pytest.raises(SettingsError, match=f"no demonstration is called '{name}'.*{hint}"):
        load(name)
    with pytest.raises(SettingsError, match="no demonstration"):
        run_demo(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_it_writes_the_page_and_the_numbers(tiny, tmp_path):
    ticks = []
    context = Context(seed=7, on_progress=lambda done, total: ticks.append((done, total)))
    out = tmp_path / "not" / "yet"
    page, numbers = run_demo("eye", out, context, provenance={"command": "objrec demo eye"})
    assert (page, numbers) == (out / "eye.html", out / "eye.json") and ticks == [(1, 1)]
    assert sorted(path.name for path in out.iterdir()) == ["eye.html", "eye.json"]
    stored = json.loads(numbers.read_text(encoding="utf-8"))
    assert list(stored) == ["demo", "seed", "seconds", "hardware", "command", "numbers"]
    assert stored["demo"] == "eye" and stored["seed"] == 7 and 0 <= stored["seconds"] < 5
    assert stored["numbers"] == {"error": 0.25, "of": "toys"}
    assert {"cpu", "cores", "threads", "torch", "objrec"} <= stored["hardware"].keys()
    text = page.read_text(encoding="utf-8")
    assert "A small eye" in text and "A summary." in text and "<code>objrec demo eye</code>" in text


@pytest.mark.parametrize("there", ["eye.html", "eye.json"])
def test_a_file_that_exists_is_left_alone_and_nothing_is_run(tiny, tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(DataError, match=rf"{re.escape(there)}: exists; add --force"):
        run_demo("eye", tmp_path, Context(on_progress=lambda *_: pytest.fail("it ran")))
    assert (tmp_path / there).read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    run_demo("eye", tmp_path, force=True)
    assert (tmp_path / there).read_text() != "mine"


def test_a_folder_that_cannot_be_made_is_one_line(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/inside: cannot be written \(Not a directory\)"):
        run_demo("eye", tmp_path / "file" / "inside")


def test_effort_scales_steps_and_leaves_two():
    assert Context().steps(300) == 300 and Context(effort=0.1).steps(300) == 30
    assert Context(effort=0.001).steps(300) == 2


def test_threads_are_limited_while_it_runs_and_restored_after(tmp_path, monkeypatch):
    seen = []

    def run(context):
        seen.append(torch.get_num_threads())
        return Lesson("A summary.", (), {})

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for threads in (1, None):
            demo = Demo("eye", "An eye", "What an eye teaches.", run, threads)
            monkeypatch.setattr(running, "load", lambda name, demo=demo: demo)
            run_demo("eye", tmp_path / str(threads))
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 2]
