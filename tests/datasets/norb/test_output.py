"""Labelled folders as NORB files: what these can hold comes through, the rest is refused."""

from __future__ import annotations

import csv
import json
import math

import cv2
import numpy as np
import pytest

from objrec.datasets import list_splits, open_dataset
from objrec.datasets.converting import Conversion, convert
from objrec.datasets.norb.output import NorbOptions
from objrec.datasets.resizing import Resizing
from objrec.errors import DataError
from objrec.pose import INDEX
from objrec.preprocessing import Preprocessing


def write_folder(root, rows, **note):
    """Write labels.csv of dictionaries, and an image of 20 x 30 pixels for each."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    rows = [{"file": f"{i}.png", "category": "cup", **row} for i, row in enumerate(rows)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, names, restval="").writeheader()
        csv.DictWriter(file, names, restval="").writerows(rows)
    for row in rows:
        cv2.imwrite(str(root / row["file"]), rng.integers(0, 256, (20, 30)).astype(np.uint8))
    if note:
        (root / "set.json").write_text(json.dumps(note), encoding="utf-8")
    return root


def test_squares_are_what_preprocessing_would_have_made(tmp_path):
    root = write_folder(tmp_path / "set", [{}, {}])
    convert(root, tmp_path / "norb", "norb", Conversion(Resizing(size=30)))
    model = Preprocessing(size=30)
    for before, after in zip(open_dataset(root), open_dataset(tmp_path / "norb"), strict=True):
        np.testing.assert_array_equal(model.images(before.images)[:, 0], after.images)


def test_shift_and_scale_follow_a_crop_and_a_larger_frame(tmp_path):
    rows = [{"shift_x": "0.2", "scale": "0.5", "azimuth": "40"}, {"azimuth": "50"}]
    root = write_folder(tmp_path / "set", rows)
    convert(root, tmp_path / "crop", "norb", Conversion(Resizing(crop="0.6")))
    convert(root, tmp_path / "large", "norb", Conversion(Resizing(size=60)))
    for name, factor in (("crop", 1 / 0.6), ("large", 0.5)):
        first, second = open_dataset(tmp_path / name).poses
        assert first[INDEX["shift_x"]] == pytest.approx(0.2 * factor)
        assert math.exp(first[INDEX["scale"]]) == pytest.approx(0.5 * factor)
        assert first[INDEX["azimuth"]] == 40
        assert np.isnan(second[[INDEX["shift_x"], INDEX["scale"]]]).all()
    sides = [open_dataset(tmp_path / name)[0].images.shape[1:] for name in ("crop", "large")]
    assert sides == [(12, 18), (60, 60)]


def test_angles_without_a_scale_are_rounded_on_request(tmp_path):
    rows = [{"azimuth": str(a)} for a in (100 / 3, 359.999, 0.12)]
    root = write_folder(tmp_path / "set", rows)
    with pytest.raises(DataError, match=r"azimuth 33\.33\d+ has too many decimals.*--round-poses"):
        convert(root, tmp_path / "norb", "norb")
    convert(root, tmp_path / "norb", "norb", Conversion(norb=NorbOptions(round_poses=True)))
    found = open_dataset(tmp_path / "norb").poses[:, INDEX["azimuth"]]
    np.testing.assert_allclose(found, [33.33, 0, 0.12], atol=1e-9)


def test_radians_are_degrees_in_the_new_set(tmp_path):
    note = {"pose_frame": {"azimuth": {"unit": "rad", "front": 90, "labels": "relative"}}}
    root = write_folder(tmp_path / "set", [{"azimuth": "1.5"}, {"azimuth": "3"}], **note)
    convert(root, tmp_path / "folder", "folder")
    copy = open_dataset(tmp_path / "folder")
    np.testing.assert_allclose(copy.poses[:, 0], np.degrees([1.5, 3]), atol=1e-12)
    assert copy.frame.front_azimuth == 90
    assert copy.frame.kind("azimuth") == "relative"
    convert(root, tmp_path / "norb", "norb", Conversion(norb=NorbOptions(round_poses=True)))
    np.testing.assert_allclose(
        open_dataset(tmp_path / "norb").poses[:, 0], np.degrees([1.5, 3]).round(2), atol=1e-9
    )


@pytest.mark.parametrize("known", [{"azimuth": "10"}, {"instance": "scene"}])
def test_what_is_known_of_background_is_not_lost_without_a_word(tmp_path, known):
    root = write_folder(tmp_path / "set", [{}, {"category": "desk", **known}], background=["desk"])
    with pytest.raises(DataError, match=r"says more of its background .* add --drop-factors"):
        convert(root, tmp_path / "norb", "norb")
    convert(root, tmp_path / "norb", "norb", Conversion(norb=NorbOptions(drop_factors=True)))
    assert open_dataset(tmp_path / "norb").background == ("desk",)


@pytest.mark.parametrize("name", ["my test photos", "test", "train-2", "☕", ".."])
def test_a_name_that_sounds_like_a_split_makes_none(tmp_path, name):
    root = write_folder(tmp_path / "set", [{"split": s} for s in ("train", "val", "test")])
    (root / "set.json").write_text(json.dumps({"name": name}))
    convert(root, tmp_path / "norb", "norb")
    assert list_splits(tmp_path / "norb") == ("train", "val", "test")
    convert(root, tmp_path / "one", "norb", split="val")
    assert list_splits(tmp_path / "one") == ("all",)
    assert open_dataset(tmp_path / "one").name == name


def test_objects_and_lightings_keep_their_names(tmp_path):
    rows = [
        {"instance": "blue ☕", "lighting": "lamp"},
        {"instance": "007", "lighting": ""},
        {"category": "car", "instance": "7", "lighting": "sun"},
        {"category": "car", "instance": "", "lighting": "sun"},
    ]
    root = write_folder(tmp_path / "set", rows)
    convert(root, tmp_path / "norb", "norb")
    for name in ("instance", "lighting"):
        column = open_dataset(tmp_path / "norb").factors[name].tolist()
        assert column == [row[name] for row in rows]
    said = json.loads((tmp_path / "norb" / "set.json").read_text(encoding="utf-8"))
    assert said["instances"] == {"cup": ["007", "blue ☕"]}


def test_a_file_that_is_missing_is_among_the_failures(tmp_path):
    root = write_folder(tmp_path / "set", [{}, {}])
    (root / "1.png").unlink()
    for layout in ("folder", "norb"):
        made = convert(root, tmp_path / layout, layout)
        assert [failure.source for failure in made.failures] == [str(root / "1.png")]
        assert made.images == 1


def test_parts_of_so_many_samples(tmp_path):
    root = write_folder(tmp_path / "set", [{"azimuth": str(i)} for i in range(5)])
    convert(root, tmp_path / "norb", "norb", Conversion(norb=NorbOptions(part_samples=2)))
    assert len(list((tmp_path / "norb").glob("*-dat.mat"))) == 3
    assert open_dataset(tmp_path / "norb").poses[:, 0].tolist() == [0, 1, 2, 3, 4]
