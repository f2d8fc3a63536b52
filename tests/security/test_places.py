"""Nothing is written or deleted outside the output."""

from __future__ import annotations

import base64
import csv
import os

import numpy as np
import pytest

from objrec.errors import DataError
from objrec.files import remove_folder, write_text


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
