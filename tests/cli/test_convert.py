"""``objrec data convert``, ``split`` and ``merge``: what they print, and their exit codes."""

from __future__ import annotations

import shutil

import pytest

from objrec.datasets import open_dataset


@pytest.fixture
def broken(photos, tmp_path):
    """The set `photos` with one file that is no image."""
    root = shutil.copytree(photos, tmp_path / "my photos ☕")
    (root / "train" / "box-0-000.png").write_text("no image")
    return root


@pytest.mark.parametrize(
    "words",
    [
        ("convert", "{set}", "{out}", "--to", "folder"),
        ("convert", "{set}", "{out}", "--to", "norb"),
        ("split", "{set}", "{out}"),
        ("split", "{set}", "{out}", "--folds", "2"),
        ("merge", "{set}", "{other}", "--out", "{out}"),
    ],
    ids=" ".join,
)
def test_an_unreadable_image_is_named_and_the_code_is_1(command, photos, broken, tmp_path, words):
    places = {"set": broken, "other": photos, "out": tmp_path / "out"}
    ran = command("data", *(word.format(**places) for word in words))
    assert ran.code == 1
    assert ran.out.endswith(f": {tmp_path / 'out'}\n")
    (line,) = [line for line in ran.err.splitlines() if line.startswith("objrec: ")]
    assert line.startswith(f"objrec: {broken / 'train' / 'box-0-000.png'}: is not an image")


def test_split_prints_how_many_objects_each_split_has(command, photos, tmp_path):
    ran = command("data", "split", photos, tmp_path / "out", "--val", "0.2")
    assert ran.code == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["objects", "train", "val", "test"]
    assert lines[2:4] == [["box", "2", "1", "1"], ["cross", "2", "1", "1"]]
    assert ran.out.endswith(f"set: {tmp_path / 'out'}\n")
    assert ran.err == f"note: train and test of {photos} were put together and divided anew\n"


def test_folds_link_their_files(command, photos, tmp_path):
    out = tmp_path / "out"
    assert command("data", "split", photos, out, "--folds", "4").code == 0
    name = "box/0/box-0-000.png"
    assert (out / "fold-1" / name).samefile(out / "fold-4" / name)
    assert not (out / "fold-1" / name).samefile(photos / "train" / "box-0-000.png")
    assert command("data", "split", photos, out, "--folds", "3", "--force", "--link").code == 0
    assert sorted(path.name for path in out.iterdir()) == ["fold-1", "fold-2", "fold-3"]
    assert (out / "fold-1" / name).samefile(photos / "train" / "box-0-000.png")


def test_merged_sets_are_one(command, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "more")
    ran = command("data", "merge", photos, tmp_path / "more", "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (0, f"128 images: {tmp_path / 'out'}\n")
    assert ran.err.startswith("note: no set says which azimuth is the front")
    assert len(set(open_dataset(tmp_path / "out", "train").objects)) == 12


def test_what_exists_is_overwritten_by_force_only(command, photos, tmp_path):
    words = ("data", "convert", photos, tmp_path / "out", "--to", "norb")
    assert command(*words, "--gzip").code == 0
    again = command(*words)
    assert (again.code, again.out) == (2, "")
    assert "add --force" in again.err
    assert command(*words, "--force").code == 0
    assert not list((tmp_path / "out").glob("*.gz")), "two sets in one folder"
    assert open_dataset(tmp_path / "out", "test").frame.front_azimuth is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("split {photos} {out} --test 1", "--test: test must be at most 0.99"),
        ("split {photos} {out} --folds 3 --test 0.2", "--folds: decides what is tested on"),
        ("split {photos} {out} --folds 99", "has 8 objects to test on, too few for 99 folds"),
        ("split {photos} {photos}", "is the set that is read; name a new folder"),
        ("convert {photos} {out} --to folder --crop big", "--crop: 'big' is neither 'object' nor"),
        ("convert {photos} {out} --to folder --gzip", "are of no use in a folder"),
        ("convert {photos} {out} --to folder --split tset", "did you mean 'test'"),
        ("merge {photos} --out {out}", "is a single set; name at least two to merge"),
        ("merge {photos} {photos} --out {out}", "is named twice; name each set once"),
        ("merge {photos} {missing} --out {out}", "no such folder; check the path"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(command, photos, tmp_path, words, sentence):
    places = {"photos": photos, "out": tmp_path / "out", "missing": tmp_path / "missing"}
    ran = command("data", *(word.format(**places) for word in words.split()))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert sentence in ran.err
    assert not (tmp_path / "out").exists()
