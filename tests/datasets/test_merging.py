"""Sets merged by the names of their categories: splits, objects, factors, files that collide."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.datasets import list_splits, open_dataset
from objrec.datasets.merging import instance_names, merge_sets
from objrec.datasets.norb import write_norb
from objrec.pose import INDEX


def write_folder(root, rows, colour=False, **note):
    """Write labels.csv of dictionaries, and one image for each, of a level of its own."""
    root.mkdir(parents=True, exist_ok=True)
    rows = [{"file": f"{i}.png", **row} for i, row in enumerate(rows)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    for i, row in enumerate(rows):
        level = 10 * i + len(root.name)
        pixels = (
            np.full((8, 8, 3), (level, 100, 200), np.uint8) if colour else np.full((8, 8), level)
        )
        cv2.imwrite(str(root / row["file"]), pixels.astype(np.uint8))
    if note:
        (root / "set.json").write_text(json.dumps(note), encoding="utf-8")
    return root


def cups(count=2, **more):
    return [{"category": "cup", "instance": str(i), **more} for i in range(count)]


def levels(path, split):
    return sorted(int(sample.images.flat[0]) for sample in open_dataset(path, split))


def test_train_goes_with_train_and_what_has_no_split_is_for_training(tmp_path):
    one = write_folder(tmp_path / "one", cups(1, split="train") + cups(1, split="test"))
    three = write_folder(tmp_path / "three", cups(2))
    made = merge_sets([one, three], tmp_path / "out")
    assert list_splits(tmp_path / "out") == ("train", "test")
    assert levels(tmp_path / "out", "train") == [3, 5, 15]
    assert levels(tmp_path / "out", "test") == [13]
    assert made.samples == {"train": 3, "test": 1}
    assert "three: has no splits; all of it became training" in made.remarks


def test_factors_are_united_and_files_of_one_name_do_not_collide(tmp_path):
    one = write_folder(tmp_path / "one", cups(weather="sunny"))
    three = write_folder(tmp_path / "three", cups(phone="old"))
    merge_sets([one, three], tmp_path / "out", same_objects=True)
    merged = open_dataset(tmp_path / "out")
    assert merged.factors["weather"].tolist() == ["sunny", "sunny", "", ""]
    assert merged.factors["phone"].tolist() == ["", "", "old", "old"]
    assert levels(tmp_path / "out", "all") == [3, 5, 13, 15]
    assert merged.objects.tolist() == ["cup/0", "cup/1"] * 2


def test_pairs_of_one_name_do_not_mix(tmp_path):
    rows = [{"category": "cup", "instance": "a", "pair": "1", "camera": c} for c in ("l", "r")]
    one, three = (write_folder(tmp_path / name, rows) for name in ("one", "three"))
    merge_sets([one, three], tmp_path / "out")
    merged = open_dataset(tmp_path / "out")
    assert [sample.images[:, 0, 0].tolist() for sample in merged] == [[3, 13], [5, 15]]


def test_notes_are_united(tmp_path):
    one = write_folder(tmp_path / "one", [*cups(), {"category": "desk"}], background=["desk"])
    rows = [*cups(), {"category": "apple", "instance": "a"}, {"category": "desk"}]
    three = write_folder(tmp_path / "three", rows, pose_frame={"symmetric": ["apple"]})
    made = merge_sets([one, three], tmp_path / "out")
    merged = open_dataset(tmp_path / "out")
    assert merged.background == ("desk",)
    assert merged.frame.symmetric == ("apple",)
    assert "desk: is background now in all sets, though three did not say so" in made.remarks


def test_spellings_and_colours_are_said(tmp_path):
    one = write_folder(tmp_path / "one", cups())
    three = write_folder(tmp_path / "three", [{"category": "Cup"}], colour=True)
    made = merge_sets([one, three], tmp_path / "out")
    assert "cup and Cup are two categories, as they are spelt differently" in made.remarks
    assert any(r.startswith("one: is gray, others have colour") for r in made.remarks)
    assert len({p.parent.name.casefold() for p in (tmp_path / "out").rglob("*.png")}) == 2 + 1


def norb(root, labels, size=8, **note):
    root.mkdir()
    labels = np.array(labels)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] + np.uint8(len(root.name))
    info = np.zeros((len(labels), 4), int)
    info[:, 2] = np.arange(len(labels))
    write_norb(
        root, "x", np.broadcast_to(images, (len(labels), 1, size, size)).copy(), labels, info
    )
    (root / "set.json").write_text(json.dumps(note))
    return root


def test_norb_files_of_one_size_stay_norb_files(tmp_path):
    one = norb(tmp_path / "one", [0, 1], categories=["cup", "car"], front_azimuth=0)
    three = norb(tmp_path / "three", [0, 1], categories=["boat", "cup"], front_azimuth=20)
    merge_sets([one, three], tmp_path / "out")
    assert list((tmp_path / "out").glob("*-dat.mat"))
    merged = open_dataset(tmp_path / "out")
    assert [merged.categories[i] for i in merged.labels] == ["cup", "car", "boat", "cup"]
    assert merged.objects.tolist() == ["cup/one-0", "car/0", "boat/0", "cup/three-0"]
    assert merged.poses[:, INDEX["azimuth"]].tolist() == [0, 10, 340, 350]
    assert [int(sample.images.flat[0]) for sample in merged] == [3, 4, 5, 6]
    larger = norb(tmp_path / "larger", [0], 12, categories=["cup"], front_azimuth=0)
    merge_sets([one, larger], tmp_path / "folder")
    assert (tmp_path / "folder" / "labels.csv").is_file()


def test_a_folder_and_norb_files_make_a_folder(tmp_path):
    one = norb(tmp_path / "one", [0, 1], categories=["cup", "car"])
    three = write_folder(tmp_path / "three", cups())
    merge_sets([one, three], tmp_path / "out")
    merged = open_dataset(tmp_path / "out")
    assert merged.categories == ("cup", "car"), "the order of labels is kept"
    assert len(merged) == 4


# Names of objects.

texts = st.sampled_from(["0", "1", "a-0", "b-0", "a-a-0", "a-0-2"])


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.lists(texts, max_size=6), min_size=2, max_size=4))
def test_objects_of_different_sets_stay_different(instances):
    sets = [
        SimpleNamespace(
            name="ab"[i % 2] + "-a" * (i // 2),
            parts=[
                SimpleNamespace(
                    categories=("cup",),
                    labels=np.zeros(len(names), np.int64),
                    factors={"instance": np.array(names, dtype=str)},
                )
            ],
        )
        for i, names in enumerate(instances)
    ]
    given_names = instance_names(sets)
    everything = [name for names in given_names for name in names.values()]
    assert len(set(everything)) == len(everything) == sum(len(set(names)) for names in instances)
    for i, names in enumerate(given_names):
        others = {n for j, other in enumerate(instances) if j != i for n in other}
        for (_, instance), name in names.items():
            assert (name == instance) == (instance not in others)
    assert all(
        name == instance
        for names in instance_names(sets, same_objects=True)
        for (_, instance), name in names.items()
    )


def test_sets_of_one_name_are_told_apart(tmp_path):
    one = write_folder(tmp_path / "x" / "photos", cups(1))
    two = write_folder(tmp_path / "y" / "photos", cups(1))
    merge_sets([one, two], tmp_path / "out")
    assert set(open_dataset(tmp_path / "out").objects) == {"cup/photos-0", "cup/photos-2-0"}


def test_an_unreadable_image_is_named_and_the_others_go_on(tmp_path):
    one, three = write_folder(tmp_path / "one", cups()), write_folder(tmp_path / "three", cups())
    (three / "0.png").write_text("no image")
    made = merge_sets([one, three], tmp_path / "out")
    assert [Path(failure.source).name for failure in made.failures] == ["0.png"]
    assert made.images == 3
