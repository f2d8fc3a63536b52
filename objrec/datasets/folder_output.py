"""Writing samples as a labelled folder: image files by category and object, and labels.csv.

Files whose pixels do not change are copied byte for byte, others are written as PNG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from objrec.datasets.naming import Names
from objrec.datasets.reading import Item, Reading
from objrec.datasets.sample import Dataset
from objrec.datasets.writing import copy_file, label_cells, labels_file, write_image, write_labels

PAIR, CAMERA, SPLIT = "pair", "camera", "split"
Row = dict[str, str]


class FolderOutput:
    """Writes samples into one folder, and makes the rows of its labels.csv."""

    def __init__(self, folder: Path, *, link: bool = False) -> None:
        """Prepare to write.

        Args:
            folder: An existing folder.
            link: Where files would be copied, give them a second name instead (a hard link).
        """
        self._folder, self._link = folder, link
        self._names, self._pairs = Names(), Counter[str]()

    def write(self, item: Item) -> list[Row]:
        """Write the images of a sample; returns a row for each, in the order of the cameras."""
        sample = item.sample
        category, instance = sample.category or "", sample.factors.get("instance", "")
        parent = self._names.folder("", category)
        if instance:
            parent = self._names.folder(parent, instance)
        cells = label_cells(category, sample.pose, sample.factors)
        files = [self._file(item, camera, parent) for camera in range(len(sample.images))]
        if cells.get(PAIR) or len(files) > 1:
            cells[PAIR] = self._pair(
                cells.get(PAIR) or Path(files[0]).stem.removesuffix("-camera0")
            )
        cameras = [{CAMERA: str(i)} for i in range(len(files))] if len(files) > 1 else [{}]
        return [{"file": f, **cells, **c} for f, c in zip(files, cameras, strict=True)]

    def _file(self, item: Item, camera: int, parent: str) -> str:
        copied = item.files and not item.changed
        suffix = item.files[camera].suffix if copied else ".png"
        key = f"{item.sample.source}#{camera}"
        name = self._names.file(parent, key, _stem(item, camera), suffix)
        if copied:
            copy_file(item.files[camera], self._folder / name, link=self._link)
        else:
            write_image(self._folder / name, item.sample.images[camera])
        return name

    def _pair(self, text: str) -> str:
        """Return the text itself, or one like it if there was such a pair before."""
        self._pairs[text] += 1
        if self._pairs[text] == 1:
            return text
        return self._pair(f"{text}-{self._pairs[text]}")


def _stem(item: Item, camera: int) -> str:
    """Return the name of an image: that of its file, or its number in the set."""
    if item.files:
        return item.files[camera].stem
    number = f"{item.row:05d}"
    return f"{number}-camera{camera}" if len(item.sample.images) > 1 else number


def write_folder(
    parts: Sequence[Dataset], folder: Path, reading: Reading, *, link: bool = False
) -> int:
    """Write splits as labelled folders: one as the folder itself, several as folders inside it.

    Args:
        parts: The splits.
        folder: An existing folder.
        reading: Reads them.
        link: Make hard links instead of copies.

    Returns:
        The number of images written.
    """
    count = 0
    for part in parts:
        target = folder / part.split if len(parts) > 1 else folder
        output = FolderOutput(target, link=link)
        rows = [row for item in reading.items(part) for row in output.write(item)]
        if rows:
            write_labels(labels_file(target), finished(rows))
        count += len(rows)
    return count


def finished(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a labels.csv as they are to be written.

    Columns without any cell are left out. Rows of single images that differ in nothing but
    'camera' get a column 'pair', or they would be taken for cameras of one sample.
    """
    rows = [{name: cell for name, cell in row.items() if cell} for row in rows]
    if any(PAIR in row for row in rows):
        return rows
    alike = Counter(_all_but_camera(row) for row in rows if CAMERA in row)
    if max(alike.values(), default=1) == 1:
        return rows
    return [{**row, PAIR: str(number)} for number, row in enumerate(rows, 1)]


def _all_but_camera(row: Row) -> frozenset[tuple[str, str]]:
    return frozenset((name, cell) for name, cell in row.items() if name not in ("file", CAMERA))
