"""``objrec classify --engine``: what is refused, and what a worker is sent of an image."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from objrec.batch import SampleAt
from objrec.cli import classify as verb
from objrec.cli.engine import references
from objrec.cli.inputs import expand
from objrec.errors import Failure


def test_without_the_extra_one_line_says_what_to_install(command, photos, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "ray" else found(n))
    ran = command("classify", photos / "test", "--engine", "ray", "--csv")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "objrec: ray: is not installed; pip install 'objrec[ray]'\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--workers", 2), "--workers: are those of Ray; add --engine ray"),
        (("--engine", "ray", "--together"), "--together: gives one answer, by one process; leave"),
        (("--engine", "ray", "--workers", 0), "invalid value for '--workers'"),
        (("--engine", "dask"), "invalid value for '--engine'"),
    ],
)
def test_flags_that_make_no_sense_are_refused(command, photos, words, sentence):
    ran = command("classify", photos / "test", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"objrec: {sentence}")
    assert ran.err.count("\n") == 1


def test_a_worker_is_sent_names_only(photos):
    one, other = sorted((photos / "test").glob("*.png"))[:2]
    items = expand((str(one), f"{one}+{other}", "nothing.png", f"{photos}@test:3"))
    source = items[3].dataset.sources[3]
    assert list(references(items)) == [
        str(one),
        (str(one), str(other)),
        Failure("nothing.png", "no such file or folder; check the path"),
        SampleAt(str(photos), "test", 3, source),
    ]


def test_many_images_are_several_tables(command, photos, small_model, monkeypatch):
    whole = command("classify", photos / "test", "--model", small_model).out.splitlines()
    monkeypatch.setattr(verb, "_TABLE", 6)
    parts = command("classify", photos / "test", "--model", small_model).out.splitlines()
    assert len(parts) == len(whole) + 4, "two more tables have two more headings, of two lines"
    names = [line.split()[0] for line in parts if line.startswith(str(photos))]
    assert names == [str(path) for path in sorted(Path(photos, "test").glob("*.png"))]
