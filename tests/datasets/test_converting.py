"""NORB files and labelled folders into each other and back: nothing is lost, or it is said."""

import csv
import json
import math

import cv2
import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.converting import Conversion, convert
from objrec.datasets.norb import write_norb
from objrec.datasets.norb.output import NorbOptions
from objrec.datasets.resizing import Resizing, seen_in
from objrec.errors import DataError, SettingsError
from objrec.pose import AXES, INDEX


def write_set(root, columns=4, cameras=2, gzip=False):
    """A NORB set with both splits, shuffled rows, unknown values, and in ten columns background."""
    rng = np.random.default_rng(0)
    root.mkdir()
    names = ["animal", "human", "blank"] if columns == 10 else ["animal", "human"]
    entries = {"name": "mine", "categories": names, "elevation": {"first": 30, "step": 5}}
    entries |= {"pose_frame": {"azimuth": {"front": 90}, "symmetric": ["human"]}}
    if columns == 10:
        entries["background"] = ["blank"]
    (root / "set.json").write_text(json.dumps(entries))
    for split, count in (("training", 30), ("testing", 12)):
        labels = rng.integers(0, len(names), count)
        info = np.stack(
            [rng.integers(low, high, count) for low, high in ((0, 4), (0, 9), (0, 36), (0, 6))], 1
        )
        info[:3, 1:] = -1  # not observed
        if columns == 10:
            jitter = [
                rng.integers(-6, 7, count),
                rng.integers(-6, 7, count),
                rng.integers(-20, 21, count),
            ]
            jitter += [rng.uniform(0.8, 1.3, count).round(2), rng.uniform(0.78, 1, count).round(2)]
            jitter += [rng.integers(-5, 6, count)]
            info = np.column_stack([info, *jitter]).astype(np.float64)
            info[labels == 2] = [-1, -1, -1, -1, 0, 0, 0, 0, 0, 0]
        images = rng.integers(0, 256, (count, cameras, 20, 20)).astype(np.uint8)
        write_norb(root, f"mine-{split}", images, labels, info, compress=gzip)
    return root


def matrices(folder):
    """What each split's three files hold, by what they are called at the end."""
    from objrec.datasets.norb.matrix import read_matrix

    found = {}
    for path in folder.glob("*.mat*"):
        split = "train" if "train" in path.name else "test"
        kind = path.name.split("-")[-1].split(".")[0]
        found[split, kind] = np.array(read_matrix(path))
    return found


@pytest.mark.parametrize(("columns", "cameras"), [(4, 2), (4, 1), (10, 2)])
def test_norb_to_folder_to_norb_is_the_same(tmp_path, columns, cameras):
    source = write_set(tmp_path / "norb", columns, cameras)
    made = convert(source, tmp_path / "folder", "folder")
    assert (made.samples, made.failures) == ({"train": 30, "test": 12}, ())
    convert(tmp_path / "folder", tmp_path / "back", "norb")
    before, after = matrices(source), matrices(tmp_path / "back")
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=str(name))
    for split in ("train", "test"):
        a, b = open_dataset(source, split), open_dataset(tmp_path / "back", split)
        assert (a.categories, a.frame, a.background) == (b.categories, b.frame, b.background)
        np.testing.assert_array_equal(a.poses, b.poses)


def test_bytes_of_plain_files_are_the_same(tmp_path):
    source = write_set(tmp_path / "norb")
    convert(source, tmp_path / "folder", "folder")
    convert(tmp_path / "folder", tmp_path / "back", "norb")
    before, after = (
        sorted(p.read_bytes() for p in folder.glob("*.mat"))
        for folder in (source, tmp_path / "back")
    )
    assert before == after


@pytest.fixture
def photos(tmp_path):
    """Colour and gray pictures of odd names, sizes and poses, in two splits."""
    rng = np.random.default_rng(1)
    root = tmp_path / "photos"
    rows = {"train": [], "test": []}
    for i, (category, instance) in enumerate(
        [("mug", "blue mug"), ("mug", "007"), ("tea/pot ☕", "A, B"), ("..", "x")] * 3
    ):
        split = "test" if i % 4 == 1 else "train"
        path = root / split / f"bild {i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (24, 24)).astype(np.uint8))
        azimuth = "" if i == 3 else f"{(i * 37.25) % 360:g}"
        rows[split].append((path.name, category, instance, azimuth, str(10 + i)))
    for split, lines in rows.items():
        with (root / split / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("file", "category", "instance", "azimuth", "elevation"), *lines]
            )
    return root


def samples(path, split):
    dataset = open_dataset(path, split)
    return [(s.category, s.factors["instance"], s.pose, s.images) for s in dataset]


def test_folder_to_norb_to_folder_is_the_same(tmp_path, photos):
    convert(photos, tmp_path / "norb", "norb")
    convert(tmp_path / "norb", tmp_path / "back", "folder")
    for split in ("train", "test"):
        for ours, theirs in zip(
            samples(photos, split), samples(tmp_path / "back", split), strict=True
        ):
            assert ours[:2] == theirs[:2]
            np.testing.assert_allclose(ours[2], theirs[2], atol=1e-9)
            np.testing.assert_array_equal(ours[3], theirs[3])


def test_files_whose_pixels_stay_are_copied_byte_for_byte(tmp_path, photos):
    convert(photos, tmp_path / "copy", "folder")
    before = sorted(p.read_bytes() for p in photos.rglob("*.png"))
    after = sorted(p.read_bytes() for p in (tmp_path / "copy").rglob("*.png"))
    assert before == after
    names = {p.parent.name for p in (tmp_path / "copy").rglob("*.png")}
    assert all("/" not in name and not name.startswith(".") for name in names)


def with_factor(photos, name, cells):
    path = photos / "train" / "labels.csv"
    rows = list(csv.reader(path.open(newline="")))
    rows = [[*row, cell] for row, cell in zip(rows, [name, *cells], strict=False)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_what_norb_files_cannot_hold_is_named(tmp_path, photos):
    colour = photos / "train" / "bild 0.png"
    gray = colour.read_bytes()
    cv2.imwrite(str(colour), np.full((24, 24, 3), (0, 90, 200), np.uint8))
    with pytest.raises(DataError, match="has colour, which NORB files cannot hold; add --gray"):
        convert(photos, tmp_path / "norb", "norb")
    assert not (tmp_path / "norb").exists()
    convert(photos, tmp_path / "gray", "norb", Conversion(Resizing(gray=True)))
    colour.write_bytes(gray)
    cv2.imwrite(str(photos / "train" / "bild 2.png"), np.zeros((30, 24), np.uint8))
    with pytest.raises(DataError, match="and NORB files hold one size; add --size"):
        convert(photos, tmp_path / "norb", "norb")
    convert(photos, tmp_path / "size", "norb", Conversion(Resizing(size=16)))
    assert open_dataset(tmp_path / "size", "train")[0].images.shape == (1, 16, 16)
    cv2.imwrite(str(photos / "train" / "bild 2.png"), np.zeros((24, 24), np.uint8))
    with_factor(photos, "weather", ["sunny"] * 9)
    with pytest.raises(DataError, match=r"has the factor 'weather', .*; add --drop-factors"):
        convert(photos, tmp_path / "norb", "norb")
    convert(photos, tmp_path / "drop", "norb", Conversion(norb=NorbOptions(drop_factors=True)))


def test_options_of_norb_files_are_refused_for_a_folder(tmp_path, photos):
    with pytest.raises(SettingsError, match="are of no use in a folder"):
        convert(photos, tmp_path / "x", "folder", Conversion(norb=NorbOptions(gzip=True)))


def test_samples_spread_over_the_set(tmp_path, photos):
    made = convert(photos, tmp_path / "few", "folder", count=4)
    assert sum(made.samples.values()) == 4
    made = convert(photos, tmp_path / "test", "folder", split="test")
    assert made.images == len(open_dataset(photos, "test"))
    assert (tmp_path / "test" / "labels.csv").is_file()


def test_one_unreadable_image_is_named_and_the_others_go_on(tmp_path, photos):
    (photos / "train" / "bild 0.png").write_text("no image")
    made = convert(photos, tmp_path / "copy", "folder")
    (failure,) = made.failures
    assert failure.source.endswith("bild 0.png")
    assert made.images == 11


@pytest.mark.parametrize("out", ["photos", "photos/inside", "."])
def test_a_set_is_not_written_into_itself(tmp_path, photos, out):
    with pytest.raises(DataError, match=r"is the set that is read|lies (inside|around) the set"):
        convert(photos, tmp_path / out, "folder", force=True)


@pytest.mark.parametrize("share", [1.0, 0.8, 0.5])
def test_labels_follow_a_crop(share):
    """An object of scale s at shift x: in the crop it is larger, and as far from its middle."""
    pose = np.full(len(AXES), np.nan)
    pose[INDEX["scale"]], pose[INDEX["shift_x"]], pose[INDEX["azimuth"]] = math.log(0.4), 0.1, 33
    images = np.zeros((1, 60, 100), np.uint8)
    cropped, moved = Resizing(crop=str(share)).applied(images, pose)
    assert cropped.shape == (1, round(60 * share), round(100 * share))
    assert math.exp(moved[INDEX["scale"]]) == pytest.approx(0.4 / share)
    assert moved[INDEX["shift_x"]] == pytest.approx(0.1 / share)
    assert moved[INDEX["azimuth"]] == 33
    assert np.isnan(moved[INDEX["shift_y"]])


def test_a_frame_off_the_middle_moves_the_shift():
    pose = np.full(len(AXES), np.nan)
    pose[[INDEX["shift_x"], INDEX["shift_y"]]] = 0.2, -0.1
    moved = seen_in(pose, (10.0, -5.0), 100, 50)
    # 20 px right of the old middle is 10 px right of the new one, in a frame of 50.
    assert moved[INDEX["shift_x"]] == pytest.approx(0.2)
    assert moved[INDEX["shift_y"]] == pytest.approx(-0.1)


def test_sizes_are_kept_in_proportion_and_never_enlarged():
    images = np.random.default_rng(0).integers(0, 256, (1, 60, 120, 3)).astype(np.uint8)
    pose = np.zeros(len(AXES))
    small, same = Resizing(size=40).applied(images, pose)
    assert small.shape == (1, 20, 40, 3)
    expected = images.reshape(1, 20, 3, 40, 3, 3).mean(axis=(2, 4))
    assert np.abs(small - expected).max() <= 1
    assert (same == pose).all()
    assert Resizing(size=500).applied(images, pose)[0] is not None
    assert Resizing(size=500).applied(images, pose)[0].shape == images.shape


def test_cropping_to_the_object():
    image = np.full((100, 160), 200, np.uint8)
    cv2.rectangle(image, (100, 30), (129, 69), 40, -1)
    cropped = Resizing(crop="object").applied(image[None], np.full(len(AXES), np.nan))[0]
    dark = np.argwhere(cropped[0] < 100)
    assert cropped.shape[1] == cropped.shape[2]
    assert 40 <= cropped.shape[1] <= 60
    middle = (dark.min(0) + dark.max(0)) / 2
    np.testing.assert_allclose(middle, cropped.shape[1] / 2, atol=3)
