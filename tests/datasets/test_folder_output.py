"""Labelled folders that are written from others: cameras, names, odd files."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.converting import Conversion, convert
from objrec.datasets.folder_output import finished
from objrec.datasets.reading import stored_files
from objrec.datasets.resizing import Resizing


def write_table(folder, rows):
    """Write labels.csv, and noise for each file that it names."""
    rng = np.random.default_rng(0)
    with folder.joinpath("labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    for name, *_ in rows[1:]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (12, 16, 3)).astype(np.uint8))
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def table(path):
    return list(csv.DictReader(path.joinpath("labels.csv").open(encoding="utf-8")))


def same_samples(one, other):
    for a, b in zip(open_dataset(one), open_dataset(other), strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.pose, b.pose)
        assert (a.category, a.factors) == (b.category, b.factors)


def test_pairs_of_cameras_stay_pairs(root, tmp_path):
    rows = [("file", "category", "instance", "pair", "camera", "azimuth")]
    for i in range(3):
        rows += [(f"l/{i}+x.png", "cup", "1", f"p{i}", "left", i)]
        rows += [(f"r/{i}.png", "cup", "1", f"p{i}", "right", i)]
    write_table(root, rows)
    convert(root, tmp_path / "copy", "folder")
    assert open_dataset(tmp_path / "copy").cameras == 2
    same_samples(root, tmp_path / "copy")
    assert [(r["pair"], r["camera"]) for r in table(tmp_path / "copy")][:2] == [
        ("p0", "0"),
        ("p0", "1"),
    ]
    convert(root, tmp_path / "norb", "norb", Conversion(Resizing(gray=True)))
    assert open_dataset(tmp_path / "norb").cameras == 2
    convert(tmp_path / "norb", tmp_path / "back", "folder")
    assert open_dataset(tmp_path / "back").cameras == 2


def test_a_source_is_taken_apart_into_its_files_though_names_have_plus_signs(tmp_path):
    one, two = tmp_path / "a+b.png", tmp_path / "c.png"
    for path in (one, two):
        path.touch()
    assert stored_files(f"{one}+{two}", 2) == (one, two)
    assert stored_files(str(one), 1) == (one,)
    assert stored_files(f"{tmp_path}/x-dat.mat#3", 1) == ()
    assert stored_files(f"{tmp_path}/x-dat.mat#3", 2) == ()


def test_single_images_of_several_cameras_are_not_taken_for_pairs():
    """Written from part of a set, rows may differ in nothing but the camera."""
    rows = [{"file": f"{c}{i}.png", "category": "cup", "camera": c} for c in "ab" for i in (1, 2)]
    assert [row["pair"] for row in finished(rows)] == ["1", "2", "3", "4"]
    different = [{**row, "azimuth": str(i)} for i, row in enumerate(rows)]
    assert finished(different) == different
    assert finished([{"file": "a.png", "category": "cup", "lighting": ""}]) == [
        {"file": "a.png", "category": "cup"}
    ]


def test_odd_names_become_safe_ones_and_stay_in_labels(root, tmp_path):
    categories = ["a/b", "a_b", "☕", "🫖", "..", "x" * 300, "Cup", "cup", "CON"]
    rows = [("file", "category", "instance")]
    rows += [(f"{i}.png", name, "../" * 9) for i, name in enumerate(categories)]
    rows += [(f"b{i}/{i}.png", name, "../" * 9) for i, name in enumerate(categories)]
    write_table(root, rows)
    convert(root, tmp_path / "in" / "copy", "folder")
    same_samples(root, tmp_path / "in" / "copy")
    written = table(tmp_path / "in" / "copy")
    assert {row["category"] for row in written} == set(categories)
    folders = {row["category"]: row["file"].split("/")[0] for row in written}
    assert len({name.casefold() for name in folders.values()}) == len(categories)
    assert len({row["file"].casefold() for row in written}) == 18
    assert {path.name for path in tmp_path.iterdir()} == {"set", "in"}


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".bmp", ".tif", ".webp"])
def test_bytes_and_suffix_stay_unless_pixels_change(root, tmp_path, suffix):
    write_table(root, [("file", "category"), (f"one{suffix}", "cup")])
    convert(root, tmp_path / "copy", "folder")
    (row,) = table(tmp_path / "copy")
    assert row["file"] == f"cup/one{suffix}"
    assert (tmp_path / "copy" / row["file"]).read_bytes() == (root / f"one{suffix}").read_bytes()
    convert(root, tmp_path / "large", "folder", Conversion(Resizing(size=16)))
    assert table(tmp_path / "large") == [row], "an image that is small enough is not written anew"
    convert(root, tmp_path / "small", "folder", Conversion(Resizing(size=8)))
    (row,) = table(tmp_path / "small")
    assert row["file"] == "cup/one.png"
    assert open_dataset(tmp_path / "small")[0].images.shape == (1, 6, 8, 3)


def test_symbolic_links_are_followed(root, tmp_path):
    write_table(root, [("file", "category"), ("one.png", "cup")])
    (root / "two.png").symlink_to(root / "one.png")
    (root / "labels.csv").write_text("file,category\none.png,cup\ntwo.png,cup\n")
    convert(root, tmp_path / "copy", "folder")
    copies = [tmp_path / "copy" / row["file"] for row in table(tmp_path / "copy")]
    assert not any(path.is_symlink() for path in copies)
    assert copies[0].read_bytes() == copies[1].read_bytes()
