"""`check_set`: each check finds what it is for, in a set that is otherwise in order."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from objrec.datasets.checking import check_set
from objrec.datasets.checks import CHECKS, GRADES

HEADER = ["file", "category", "instance", "azimuth", "elevation"]


def picture(category, instance, azimuth, elevation, side=64, colour=True):
    """A picture that no other one is like: blobs whose places follow from what it shows."""
    rng = np.random.default_rng([category == "cup", instance, azimuth, elevation])
    image = np.full((side, side, 3), 220, np.uint8)
    for _ in range(12):
        centre = tuple(int(v) for v in rng.integers(0, side, 2))
        shade = [int(v) for v in rng.integers(0, 200, 3)]
        cv2.circle(image, centre, int(rng.integers(4, side // 4)), shade, -1)
    return image if colour else image[..., 0]


class Builder:
    """A set on disk: rows of each split, written at the end."""

    def __init__(self, root):
        self.root, self.rows = root, {"train": [], "test": []}
        self.header, self.note = list(HEADER), {"pose_frame": {"azimuth": {"front": 0}}}
        for category in ("cup", "car"):
            for instance in range(5):
                for azimuth in range(0, 360, 45):
                    split = "test" if instance == 4 else "train"
                    elevation = 30 if azimuth % 90 else 50
                    self.add(split, category, instance, azimuth, elevation)

    def add(self, split, category, instance, azimuth="", elevation="", pixels=None, name=None):
        if pixels is None:
            pixels = picture(category, int(instance), int(azimuth), int(elevation))
        name = name or f"{category}-{instance}-{azimuth}-{len(self.rows[split])}.png".strip()
        path = self.root / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels)
        self.rows[split].append([name, category, str(instance), azimuth, elevation])
        return path

    def change(self, column, function):
        place = self.header.index(column)
        for rows in self.rows.values():
            for row in rows:
                row[place] = function(row)

    def keep(self, wanted):
        self.rows = {split: [r for r in rows if wanted(r)] for split, rows in self.rows.items()}
        for split, rows in self.rows.items():
            listed = {row[0] for row in rows}
            for path in (self.root / split).glob("*.png"):
                if path.name not in listed:
                    path.unlink()

    def write(self):
        for split, rows in self.rows.items():
            with (self.root / split / "labels.csv").open("w", newline="") as file:
                csv.writer(file).writerows([self.header, *rows])
        (self.root / "set.json").write_text(json.dumps(self.note))
        return self.root


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "a set")


def codes(root, **choices):
    return {finding.code for finding in check_set(root, **choices).findings}


def test_a_set_in_order_has_no_findings(build):
    found = check_set(build.write())
    assert [finding.code for finding in found.findings] == []
    assert found.passed
    assert found.to_dict()["splits"]["train"] == {"images": 64, "objects": 8}
    assert "objrec train" in found.command


def test_every_check_is_triggered_somewhere():
    assert set(DAMAGE) == set(CHECKS)


def view(build, split="train", row=0):
    return build.root / split / build.rows[split][row][0]


def reread(build, split="train", row=0):
    return cv2.imread(str(view(build, split, row)))


def unreadable(build):
    view(build).write_text("no image")


def foreign(build):
    (build.root / "train" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")


def unlisted(build):
    shutil.copy(view(build), build.root / "train" / "extra.png")
    cv2.imwrite(str(build.root / "train" / "extra.png"), picture("cup", 77, 5, 5))


def mixed_cameras(build):
    build.header += ["pair", "camera"]
    rows = []
    for i, row in enumerate(build.rows["test"]):
        rows.append([*row, str(i // 2), str(i % 2)])
        rows[-1][3:5] = build.rows["test"][i // 2 * 2][3:5]
    build.rows["test"] = rows
    build.rows["train"] = [[*row, str(i), ""] for i, row in enumerate(build.rows["train"])]


def copy_across(build):
    build.add("test", "cup", "4", 0, 50, reread(build))


def near_copy_across(build):
    small = cv2.resize(reread(build), (56, 56), interpolation=cv2.INTER_AREA)
    build.add("test", "cup", "4", 0, 50, np.clip(small * 1.04 + 3, 0, 255).astype(np.uint8))


def copy_of_two_categories(build):
    build.add("train", "car", "0", 0, 50, reread(build))


def copy_within(build):
    build.add("train", "cup", "1", 0, 50, reread(build))


def near_copy_within(build):
    small = cv2.resize(reread(build), (56, 56), interpolation=cv2.INTER_AREA)
    build.add("train", "cup", "1", 0, 50, small)


def copy_of_an_object(build):
    build.add("train", "cup", "0", 0, 50, reread(build))


def in_two_splits(build):
    build.change("instance", lambda r: "0" if r[1] == "cup" and r[2] == "4" else r[2])


def one_category(build):
    build.keep(lambda r: r[1] == "cup")


def few(count):
    return lambda build: build.keep(lambda r: r[2] == "4" or int(r[2]) < count)


def unnamed(build):
    build.change("instance", lambda r: "")


def missing(build):
    build.rows["test"] = [row for row in build.rows["test"] if row[1] == "cup"]
    build.keep(lambda r: True)


def similar(build):
    build.change("category", lambda r: "Cup" if r[1] == "cup" and r[2] in "01" else r[1])


def unbalanced(build):
    build.keep(lambda r: r[1] == "cup" or (r[3] in (0, 90) and int(r[2]) in (0, 4)))
    for instance in range(5, 9):
        for azimuth in range(0, 360, 45):
            build.add("train", "cup", instance, azimuth, 30)


def few_images(build):
    build.keep(lambda r: r[1] == "cup" or r[3] == 0)


def azimuths(function):
    return lambda build: build.change("azimuth", lambda r: function(r[3]))


def elevations(function):
    return lambda build: build.change("elevation", lambda r: function(r))


def swapped(build):
    for rows in build.rows.values():
        for row in rows:
            row[3], row[4] = row[4], (row[3] - 180) / 2.5
    build.keep(lambda r: True)


def scale(function):
    def change(build):
        build.header.append("scale")
        for rows in build.rows.values():
            for i, row in enumerate(rows):
                row.append(function(i))

    return change


def symmetric(build):
    build.note["pose_frame"]["symmetric"] = ["cup"]


def jitter(build):
    rng = np.random.default_rng(0)
    build.change("elevation", lambda r: round(r[4] + rng.uniform(-1, 1), 2))
    build.change("azimuth", lambda r: round((r[3] + rng.uniform(-1, 1)) % 360, 2))


def partly(build):
    build.change("azimuth", lambda r: r[3] if r[2] == "0" else "")


def no_pose(build):
    build.change("azimuth", lambda r: "")
    build.change("elevation", lambda r: "")


def add(**facts):
    return lambda build: build.add("train", "cup", "0", 10, 30, **facts)


def beyond(build):
    build.keep(lambda r: r[2] == "4" or r[3] < 180)


def front_unknown(build):
    build.note = {}


DAMAGE = {
    "unreadable": unreadable,
    "foreign-format": foreign,
    "unlisted": unlisted,
    "mixed-cameras": mixed_cameras,
    "copies-across-splits": copy_across,
    "near-copies-across-splits": near_copy_across,
    "copies-of-two-categories": copy_of_two_categories,
    "copies": copy_within,
    "near-copies": near_copy_within,
    "copies-of-an-object": copy_of_an_object,
    "object-in-two-splits": in_two_splits,
    "one-category": one_category,
    "single-object": few(1),
    "few-objects": few(3),
    "unnamed-objects": unnamed,
    "category-missing": missing,
    "similar-names": similar,
    "unbalanced": unbalanced,
    "few-images": few_images,
    "radians": azimuths(lambda a: round(np.deg2rad(a), 4)),
    "turns": azimuths(lambda a: a / 360),
    "constant-azimuth": azimuths(lambda a: 90),
    "constant-axis": scale(lambda i: 1.5),
    "below-horizon": elevations(lambda r: -r[4]),
    "swapped-axes": swapped,
    "scale-percent": scale(lambda i: 90 + i % 20),
    "jitter": jitter,
    "no-pose": no_pose,
    "pose-partly": partly,
    "azimuth-gap": azimuths(lambda a: a / 3),
    "one-elevation": elevations(lambda r: 30),
    "views-beyond-training": beyond,
    "front-unknown": front_unknown,
    "symmetric-labelled": symmetric,
    "blank": add(pixels=np.full((64, 64, 3), 130, np.uint8)),
    "tiny": add(pixels=picture("cup", 50, 1, 1, side=20)),
    "large": add(pixels=picture("cup", 51, 1, 1, side=2100)),
    "mixed-shapes": add(pixels=picture("cup", 52, 1, 1)[:40]),
    "mixed-colour": add(pixels=picture("cup", 53, 1, 1, colour=False)),
}


@pytest.mark.parametrize("code", DAMAGE)
def test_a_check_finds_what_it_is_for(build, code):
    DAMAGE[code](build)
    found = check_set(build.write())
    mine = [finding for finding in found.findings if finding.code == code]
    assert mine, f"only {[f.code for f in found.findings]}"
    finding = mine[0]
    assert finding.grade in GRADES
    assert "\n" not in finding.to_dict()["advice"]
    grades = [GRADES.index(f.grade) for f in found.findings]
    assert grades == sorted(grades), "errors come first"


def test_views_of_other_objects_are_no_copies(build):
    assert not {c for c in codes(build.write()) if "cop" in c}


def test_what_is_left_of_an_incomplete_pair_is_not_called_unlisted(build):
    mixed_cameras(build)
    view(build, "test", 1).unlink()
    found = check_set(build.write()).findings
    assert "unreadable" in {finding.code for finding in found}
    assert "unlisted" not in {finding.code for finding in found}


def test_without_reading_images_names_and_labels_are_checked(build):
    in_two_splits(build)
    unreadable(build)
    found = codes(build.write(), fast=True)
    assert "object-in-two-splits" in found
    assert "unreadable" not in found


def test_labels_that_the_reader_refuses_become_a_finding(build):
    build.change("elevation", lambda r: 4 * r[4])
    found = check_set(build.write())
    assert not found.passed
    assert "labels.csv:" in json.dumps(found.to_dict())


def test_the_command(command, build, tmp_path):
    root = build.write()
    views = tmp_path / "views.png"
    ran = command("data", "check", root, "--picture", views)
    assert ran.code == 0
    assert "nothing was found that could be wrong" in ran.out
    assert cv2.imread(str(views)).shape[0] > 200
    in_two_splits(build)
    build.write()
    ran = command("data", "check", root)
    assert ran.code == 1
    assert "error: 1 object has views in more than one split: cup/0" in ran.out
    ran = command("data", "check", root, "--json")
    (finding,) = [f for f in json.loads(ran.out)["findings"] if f["grade"] == "error"]
    assert finding["code"] == "object-in-two-splits"
    again = command("data", "check", root, "--picture", views)
    assert again.code == 2
    assert "views.png" in again.err
