import csv

import cv2
import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.sheets import COLUMNS, ROWS, SIDE, write_sheets
from objrec.errors import DataError


@pytest.fixture
def grays(tmp_path):
    """Make a set of flat gray images of different sizes; number 3 is no image."""
    root = tmp_path / "set"
    root.mkdir()
    rows = [("file", "category")]
    for i in range(COLUMNS * ROWS + 5):
        size = (64, 64) if i else (32, 128)
        cv2.imwrite(str(root / f"{i:03d}.png"), np.full(size, i % 250, np.uint8))
        rows.append((f"{i:03d}.png", "a" if i % 2 else "b"))
    (root / "003.png").write_text("no image")
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return open_dataset(root)


def tile(sheet, place):
    row, column = divmod(place, COLUMNS)
    return sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]


def test_tiles_are_where_they_are_said_to_be(grays, tmp_path):
    order = [*range(len(grays))][::-1]
    found = write_sheets(grays, order, tmp_path / "out")
    assert found.sheets == ("images/sheet-000.webp", "images/sheet-001.webp")
    assert found.to_dict()["count"] == len(grays)
    first, second = (cv2.imread(str(tmp_path / "out" / name)) for name in found.sheets)
    assert first.shape == (ROWS * SIDE, COLUMNS * SIDE, 3) and second.shape[0] == SIDE
    for t, index in enumerate(order):
        if index in (0, 3):
            continue
        sheet = first if t < COLUMNS * ROWS else second
        shown = tile(sheet, t % (COLUMNS * ROWS))
        assert abs(shown.astype(int) - index % 250).max() <= 6


def test_images_are_neither_squashed_nor_needed(grays, tmp_path):
    found = write_sheets(grays, [0, 3], tmp_path / "out")
    sheet = cv2.imread(str(tmp_path / "out" / found.sheets[0])).astype(int)
    flat, missing = tile(sheet, 0), tile(sheet, 1)
    assert flat[SIDE // 2, :, 0].max() <= 8
    assert abs(flat[[2, SIDE - 3], :, 0] - 128).max() <= 12
    assert abs(missing - 128).max() <= 6


def test_older_sheets_go_and_a_file_in_the_way_is_named(grays, tmp_path):
    old = tmp_path / "out" / "images" / "sheet-009.webp"
    old.parent.mkdir(parents=True)
    old.write_text("")
    write_sheets(grays, [5], tmp_path / "out")
    assert not old.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file.images: cannot be written"):
        write_sheets(grays, [5], tmp_path / "file")


def test_a_small_image_fills_its_tile(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((16, 16), 200, np.uint8))
    (tmp_path / "labels.csv").write_text("file,category\na.png,a\n")
    found = write_sheets(open_dataset(tmp_path), [0], tmp_path / "out")
    sheet = cv2.imread(str(tmp_path / "out" / found.sheets[0])).astype(int)
    assert abs(tile(sheet, 0) - 200).max() <= 6
