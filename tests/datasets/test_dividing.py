"""Sets divided by object, and merged: what is written, and that no object comes apart."""

import csv
import json

import cv2
import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.dividing import split_set
from objrec.datasets.merging import merge_sets
from objrec.datasets.norb import write_norb
from objrec.datasets.splits import Division
from objrec.errors import DataError
from objrec.pose import INDEX


def write_photos(root, categories=("cup", "car"), objects=5, first_azimuth=0, note=None):
    rng = np.random.default_rng(len(root.name))
    root.mkdir(parents=True)
    rows = [("file", "category", "instance", "azimuth")]
    for category in categories:
        for instance in range(objects):
            for azimuth in (0, 90, 180):
                name = f"{category}{instance}-{azimuth}.png"
                cv2.imwrite(str(root / name), rng.integers(0, 256, (8, 8)).astype(np.uint8))
                rows.append((name, category, str(instance), (azimuth + first_azimuth) % 360))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    if note:
        (root / "set.json").write_text(json.dumps(note))
    return root


def objects(path, split):
    return set(open_dataset(path, split).objects.tolist())


def test_every_category_gives_its_share_of_objects(tmp_path):
    source = write_photos(tmp_path / "photos")
    made = split_set(source, tmp_path / "out", Division(test=0.4, val=0.2, seed=1))
    parts = {name: objects(tmp_path / "out", name) for name in ("train", "val", "test")}
    assert {name: len(found) for name, found in parts.items()} == {"train": 4, "val": 2, "test": 4}
    assert set.union(*parts.values()) == objects(source, "all")
    assert made.objects["cup"] == {"train": 2, "val": 1, "test": 2}
    pixels = {p.name: p.read_bytes() for p in source.glob("*.png")}
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")} == pixels
    again = split_set(source, tmp_path / "again", Division(test=0.4, val=0.2, seed=1))
    assert again.objects == made.objects
    assert objects(tmp_path / "again", "test") == parts["test"]


@pytest.mark.parametrize("layout", ["folder", "norb"])
def test_every_object_is_tested_on_in_one_fold(tmp_path, layout):
    if layout == "folder":
        source = write_photos(tmp_path / "photos")
    else:
        source = tmp_path / "norb"
        source.mkdir()
        labels = np.repeat([0, 1], 15)
        info = np.stack([np.tile(np.repeat(range(5), 3), 2), *np.zeros((3, 30), int)], 1)
        images = np.random.default_rng(0).integers(0, 256, (30, 2, 8, 8)).astype(np.uint8)
        write_norb(source, "mine", images, labels, info)
    split_set(source, tmp_path / "out", Division(folds=5))
    everything = objects(source, "all")
    tested = [objects(tmp_path / "out" / f"fold-{i}", "test") for i in range(1, 6)]
    assert sum(map(len, tested)) == len(everything)
    assert set.union(*tested) == everything
    for i, test in enumerate(tested, 1):
        assert objects(tmp_path / "out" / f"fold-{i}", "train") == everything - test
    if layout == "norb":
        assert open_dataset(tmp_path / "out" / "fold-1", "test").cameras == 2


def test_a_single_object_stays_in_training(tmp_path):
    source = write_photos(tmp_path / "photos")
    rows = list(csv.reader((source / "labels.csv").open(newline="")))
    kept = [row for row in rows if row[1] != "car" or row[2] == "0"]
    with (source / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(kept)
    made = split_set(source, tmp_path / "out", Division())
    assert "car: has a single object, which stays in training" in made.remarks
    assert "car/0" in objects(tmp_path / "out", "train")


def test_an_interrupted_split_leaves_nothing(tmp_path):
    source = write_photos(tmp_path / "photos")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_set(source, tmp_path / "out", Division(), on_progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


FRONT = {"pose_frame": {"azimuth": {"front": 0}}}


def test_sets_are_merged_by_the_names_of_their_categories(tmp_path):
    one = write_photos(tmp_path / "one", ("cup", "car"), 2, note=FRONT)
    two = write_photos(tmp_path / "two", ("horse", "cup"), 2, note=FRONT)
    merge_sets([one, two], tmp_path / "out")
    merged = open_dataset(tmp_path / "out")
    assert merged.categories == ("car", "cup", "horse")
    assert len(merged) == 24
    names = set(merged.objects.tolist())
    assert len(names) == 8, "cup 0 of one set is not cup 0 of the other"
    merge_sets([one, two], tmp_path / "same", same_objects=True)
    assert len(set(open_dataset(tmp_path / "same").objects.tolist())) == 6


def test_azimuths_are_turned_to_the_first_set_s_front(tmp_path):
    one = write_photos(tmp_path / "one", note=FRONT)
    note = {"pose_frame": {"azimuth": {"front": 90}}}
    two = write_photos(tmp_path / "two", first_azimuth=90, note=note)
    merge_sets([one, two], tmp_path / "out")
    merged = open_dataset(tmp_path / "out")
    assert merged.frame.front_azimuth == 0
    assert set(merged.poses[:, INDEX["azimuth"]]) == {0, 90, 180}


def test_fronts_that_nobody_names_are_not_guessed(tmp_path):
    one = write_photos(tmp_path / "one", note=FRONT)
    two = write_photos(tmp_path / "two")
    with pytest.raises(DataError, match=r"two.*front"):
        merge_sets([one, two], tmp_path / "out")
    merge_sets([one, two], tmp_path / "out", relative=True)
    assert open_dataset(tmp_path / "out").frame.kind("azimuth") == "relative"


def test_sets_that_do_not_fit_are_refused(tmp_path):
    one = write_photos(tmp_path / "one")
    stereo = tmp_path / "stereo"
    stereo.mkdir()
    images = np.zeros((4, 2, 8, 8), np.uint8)
    write_norb(stereo, "s", images, np.array([0, 1, 0, 1]), np.zeros((4, 4), int))
    with pytest.raises(DataError, match=r"has 2 cameras, .* has 1; merge sets with as many"):
        merge_sets([one, stereo], tmp_path / "out")
    with pytest.raises(DataError, match="is a single set; name at least two"):
        merge_sets([one], tmp_path / "out")
    with pytest.raises(DataError, match="is named twice"):
        merge_sets([one, one], tmp_path / "out")
    assert not (tmp_path / "out").exists()
