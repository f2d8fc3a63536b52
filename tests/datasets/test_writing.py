"""Sets that appear whole or not at all, beside what is read and never in it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from objrec.datasets.labels import read_labels
from objrec.datasets.writing import (
    check_apart,
    copy_file,
    label_cells,
    labels_file,
    new_folder,
    write_labels,
)
from objrec.errors import DataError
from objrec.pose import AXES, INDEX


def test_a_folder_appears_when_all_is_written(tmp_path):
    out = tmp_path / "deep" / "täßchen ☕"
    with new_folder(out) as folder:
        (folder / "a.txt").write_text("a")
        assert not out.exists()
    assert (out / "a.txt").read_text() == "a"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_nothing_is_left_of_a_folder_that_failed(tmp_path):
    with pytest.raises(KeyError, match="bug"), new_folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("a")
        raise KeyError("bug")
    assert not list(tmp_path.iterdir())


def test_force_replaces_what_speaks_for_the_images_and_keeps_the_rest(tmp_path):
    out = tmp_path / "out"
    for name in ("train/labels.csv", "notes/labels.csv", "Labels.csv", "set.json", "x-dat.mat.gz"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("old")
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not empty; name"), new_folder(out):
        pass
    with new_folder(out, force=True) as folder:
        (folder / "labels.csv").write_text("new")
    left = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert left == {"labels.csv", "mine.txt", "notes/labels.csv"}
    assert (out / "labels.csv").read_text() == "new"


def test_sets_and_outputs_are_apart_through_links_too(tmp_path):
    source = tmp_path / "set"
    source.mkdir()
    (tmp_path / "link").symlink_to(source)
    check_apart(tmp_path / "set2", [source])
    for out, message in (
        (tmp_path / "link", "is the set that is read"),
        (tmp_path / "link" / "new", "lies inside the set"),
        (tmp_path, "lies around the set"),
    ):
        with pytest.raises(DataError, match=message):
            check_apart(out, [source])


def test_a_copy_follows_links_and_a_hard_link_takes_no_room(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")
    copy_file(tmp_path / "link", tmp_path / "x" / "copy")
    copy_file(tmp_path / "link", tmp_path / "x" / "same", link=True)
    assert not (tmp_path / "x" / "copy").is_symlink()
    assert (tmp_path / "x" / "copy").read_bytes() == b"content"
    assert (tmp_path / "x" / "same").samefile(tmp_path / "a")
    assert not (tmp_path / "x" / "copy").samefile(tmp_path / "a")


def test_cells_are_read_as_the_same_numbers(tmp_path):
    rng = np.random.default_rng(0)
    poses = rng.uniform(-0.9, 0.9, (50, len(AXES))) * [1, 90, 180, 1, 1, 1]
    poses[:, 0] = rng.uniform(0, 360, 50)
    poses[0] = [0.1, -1 / 3, 180, math.log(1.2), 1e-12, math.nan]
    rows = [{"file": f"{i}.png"} | label_cells("a, b", p, {"x": "é;"}) for i, p in enumerate(poses)]
    assert rows[0]["azimuth"] == "0.1"
    assert rows[0]["scale"] == "1.2"
    write_labels(labels_file(tmp_path), rows)
    table = read_labels(labels_file(tmp_path))
    again = np.array([row.pose for row in table.rows])
    exact = [INDEX[axis] for axis in ("azimuth", "elevation", "shift_x", "shift_y")]
    np.testing.assert_array_equal(again[:, exact], poses[:, exact])
    np.testing.assert_allclose(again, poses, atol=1e-12)  # roll is wrapped, scale a logarithm
    assert {(row.category, row.texts["x"]) for row in table.rows} == {("a, b", "é;")}
