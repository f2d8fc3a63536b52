"""A data set written as a labelled folder is the same data set."""

from __future__ import annotations

import numpy as np
import pytest

from objrec.datasets import open_dataset, read_image
from objrec.datasets.export import export_folder
from objrec.datasets.norb import write_norb
from objrec.datasets.writing import write_image
from objrec.errors import DataError


@pytest.fixture
def stereo(tmp_path):
    """A NORB set of four stereo pairs of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 2, 20, 20), dtype=np.uint8)
    info = np.array([[0, 0, 0, 1], [0, 1, 10, 2], [1, 2, 20, 3], [1, 8, 34, 4]], dtype=np.int32)
    folder = tmp_path / "norb"
    folder.mkdir()
    write_norb(folder, "some-testing", pixels, np.array([0, 1, 2, 3], dtype=np.int32), info)
    return open_dataset(folder)


def test_a_labelled_folder_comes_back_whole(photos, tmp_path):
    original = open_dataset(photos, "test")
    written, failures = export_folder(original, tmp_path / "copy")
    assert (written, failures) == (16, ())
    copy = open_dataset(tmp_path / "copy")
    assert copy.categories == original.categories
    np.testing.assert_array_equal(copy.labels, original.labels)
    np.testing.assert_array_equal(copy.poses, original.poses)
    np.testing.assert_array_equal(copy.objects, original.objects)
    for one, other in zip(copy, original, strict=True):
        np.testing.assert_array_equal(one.images, other.images)


def test_each_camera_becomes_a_file(stereo, tmp_path):
    assert export_folder(stereo, tmp_path / "copy") == (8, ())
    copy = open_dataset(tmp_path / "copy")
    assert copy.factors["camera"].tolist() == ["0", "1"] * 4
    assert copy.factors["lighting"].tolist() == np.repeat(stereo.factors["lighting"], 2).tolist()
    for i, sample in enumerate(stereo):
        for camera in (0, 1):
            np.testing.assert_array_equal(copy[2 * i + camera].images[0], sample.images[camera])
            np.testing.assert_array_equal(copy[2 * i + camera].pose, sample.pose)


def test_a_few_are_spread_over_the_set(stereo, tmp_path):
    assert export_folder(stereo, tmp_path / "copy", count=2)[0] == 4
    assert len(set(open_dataset(tmp_path / "copy").labels)) == 2


def test_progress_is_told(stereo, tmp_path):
    told = []
    export_folder(stereo, tmp_path / "copy", on_progress=lambda *numbers: told.append(numbers))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_colour_round_trip(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_image(tmp_path / "deep" / "view.png", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "view.png"), pixels)


def test_a_category_of_any_name_stays_inside_the_folder(tmp_path):
    source = tmp_path / "set"
    write_image(source / "a.png", np.zeros((8, 8), np.uint8))
    write_image(source / "b.png", np.ones((8, 8), np.uint8))
    (source / "labels.csv").write_text("file,category\na.png,../../evil\nb.png,tea/cup\n")
    export_folder(open_dataset(source), tmp_path / "in" / "copy")
    copy = open_dataset(tmp_path / "in" / "copy")
    assert set(copy.categories) == {"../../evil", "tea/cup"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] in (
        ["set", "in"],
        ["in", "set"],
    )


def test_an_unreadable_image_fails_alone(photos, tmp_path):
    source = tmp_path / "set"
    for name in ("a.png", "c.png"):
        write_image(source / "cup" / name, np.zeros((8, 8), np.uint8))
    (source / "cup" / "b.png").write_text("no image")
    written, (failure,) = export_folder(open_dataset(source), tmp_path / "copy")
    assert written == 2
    assert failure.source.endswith("b.png")
    assert failure.source not in failure.message


def test_nothing_is_overwritten(stereo, tmp_path):
    export_folder(stereo, tmp_path / "copy")
    with pytest.raises(DataError, match=r"labels.csv: exists; export into a new folder"):
        export_folder(stereo, tmp_path / "copy")


def test_a_place_that_cannot_be_written(stereo, tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        export_folder(stereo, tmp_path / "file")
