"""What `objrec data info` is told: counts, coverage and failures of a small set."""

import json

import numpy as np
import pytest
from PIL import Image

from objrec.datasets import summarise
from objrec.datasets.norb.reading import write_norb
from objrec.errors import DataError


@pytest.fixture
def root(tmp_path):
    rows = {
        "train": ["a,cup,1,0,2,on", "b,cup,1,90,,on", "c,cup,2,,,off", "d,jug,,45,0.5,"],
        "test": ["a,jug,9,10,,off", "gone,jug,9,10,,off"],
    }
    for split, lines in rows.items():
        (tmp_path / split).mkdir()
        for i, line in enumerate(lines):
            name = line.split(",")[0]
            if name != "gone":
                pixels = np.zeros((10 + i, 20, 3)[: 3 if i else 2], np.uint8)
                pixels[0, 0] = (90, 0, 0) if i else 0
                Image.fromarray(pixels).save(tmp_path / split / name, "png")
        text = "\n".join(["file,category,instance,azimuth,scale,lamp", *lines])
        (tmp_path / split / "labels.csv").write_text(text)
    (tmp_path / "set.json").write_text('{"name": "mugs", "front_azimuth": 90}')
    return tmp_path


def test_counts_and_coverage(root):
    summary = summarise(root)
    assert (summary.name, summary.layout) == ("mugs", "labelled folder")
    assert (summary.path, summary.frame) == (str(root), {"azimuth": {"front": 90}})
    train, test = summary.splits
    assert (train.name, train.images, train.cameras, train.colour) == ("train", 4, 1, True)
    cup, jug = train.categories
    assert (cup.name, cup.views, cup.instances, cup.images) == ("cup", {"1": 2, "2": 1}, 2, 3)
    assert (jug.views, jug.instances, jug.images) == ({"": 1}, 0, 1)
    assert train.factors == {"lamp": {"": 1, "off": 1, "on": 2}}
    assert (train.sizes.measured, train.sizes.smallest, train.sizes.largest) == (
        4,
        (20, 10),
        (20, 13),
    )
    assert test.sizes.most_common == (20, 10)
    assert [c.images for c in test.categories] == [0, 1]
    assert [str(f).split(": ")[0] for f in test.failures] == [str(root / "test" / "gone")]


def test_axes_are_reported_in_the_units_people_use(root):
    axes = {coverage.axis: coverage for coverage in summarise(root).splits[0].pose}
    azimuth, scale, roll = axes["azimuth"], axes["scale"], axes["roll"]
    assert (azimuth.observed, azimuth.distinct, azimuth.values) == (0.75, 3, (0.0, 45.0, 90.0))
    assert (azimuth.unit, azimuth.minimum, azimuth.maximum) == ("deg", 0, 90)
    assert (scale.unit, scale.values, scale.observed) == ("ratio", (0.5, 2.0), 0.5)
    assert (roll.observed, roll.distinct, roll.minimum) == (0, 0, None)


def test_check_finds_every_unreadable_image(tmp_path):
    for i in range(120):
        path = tmp_path / "cup" / f"{i:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    broken = [tmp_path / "cup" / f"{i:03d}.png" for i in (1, 50, 118)]
    for path in broken:
        path.write_text("no image")
    seen = []
    summary = summarise(tmp_path, check=True, on_progress=lambda *counts: seen.append(counts))
    (split,) = summary.splits
    assert [f.source for f in split.failures] == [str(path) for path in broken]
    assert split.sizes.measured == 117
    assert seen == [(i, 120) for i in range(1, 121)]
    assert summary.layout == "folder per category"
    assert summarise(tmp_path).splits[0].sizes.measured < 60


def test_many_values_are_given_as_a_range(tmp_path):
    info = np.array([[0, i % 9, i, 0] for i in range(50)])
    images = np.zeros((50, 2, 4, 4), np.uint8)
    (tmp_path / "set.json").write_text('{"azimuth": {"step": 5}}')
    write_norb(tmp_path, "x-training", images, np.zeros(50, int), info)
    summary = summarise(tmp_path)
    (split,) = summary.splits
    azimuth, elevation = split.pose[:2]
    assert (summary.layout, split.cameras) == ("NORB files", 2)
    assert (azimuth.distinct, azimuth.values, azimuth.maximum) == (50, (), 245.0)
    assert elevation.values == tuple(range(30, 71, 5))
    json.dumps(summary.to_dict())


def test_what_is_no_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder; check the path"):
        summarise(tmp_path / "nowhere")
