"""Sheets of small pictures: many images of a set in a few files, for pages that show them.

A sheet is a WebP file of square tiles, row by row. Of several cameras the first is shown. Reading
them back is left to the page: a browser does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from objrec.datasets.resizing import shrunk
from objrec.datasets.sample import Dataset
from objrec.errors import DataError
from objrec.files import replaced_folder

SIDE, COLUMNS, ROWS = 80, 16, 16
_QUALITY = 82
_EMPTY = 128  # gray beside what is not square, and where an image cannot be read


@dataclass(frozen=True)
class Sheets:
    """Where the tiles are.

    Attributes:
        sheets: Files, relative to the folder that was asked for.
        side: Of a tile, in pixels.
        columns: Tiles a row.
        rows: Rows a sheet.
        count: Tiles in all; tile t is on sheet t // (columns x rows).
    """

    sheets: tuple[str, ...]
    side: int
    columns: int
    rows: int
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"sheets": list(self.sheets)}


def write_sheets(
    dataset: Dataset,
    order: Iterable[int],
    folder: Path,
    name: str = "images",
    on_progress: Callable[[int, int], None] | None = None,
) -> Sheets:
    """Write the images of a set, in this order, as sheets.

    Args:
        dataset: The set.
        order: Positions in it; the first becomes tile 0.
        folder: Where `name` is made; an older one is replaced.
        name: The folder of the sheets.
        on_progress: Called with (images done, images in all).

    Raises:
        DataError: A file cannot be written.
    """
    order = list(order)
    files = []
    with replaced_folder(folder / name) as target:
        for start in range(0, len(order), COLUMNS * ROWS):
            sheet = _sheet(dataset, order[start : start + COLUMNS * ROWS])
            file = target / f"sheet-{len(files):03d}.webp"
            _, coded = cv2.imencode(".webp", sheet, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
            file.write_bytes(coded.tobytes())
            files.append(f"{name}/{file.name}")
            if on_progress:
                on_progress(min(start + COLUMNS * ROWS, len(order)), len(order))
    return Sheets(tuple(files), SIDE, COLUMNS, ROWS, len(order))


def _sheet(dataset: Dataset, part: list[int]) -> np.ndarray:
    """Return one sheet, (rows x side, columns x side, 3) BGR, no more rows than are filled."""
    rows = -(-len(part) // COLUMNS)
    sheet = np.full((rows, SIDE, COLUMNS, SIDE, 3), _EMPTY, np.uint8)
    for place, index in enumerate(part):
        sheet[place // COLUMNS, :, place % COLUMNS] = _tile(dataset, index)
    return np.ascontiguousarray(sheet.reshape(rows * SIDE, COLUMNS * SIDE, 3)[..., ::-1])


def _fitted(view: np.ndarray) -> np.ndarray:
    """Return an image whose longer side is that of a tile."""
    height, width = view.shape[:2]
    if max(height, width) >= SIDE:
        return shrunk(view, SIDE)
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(view, size, interpolation=cv2.INTER_CUBIC)


def _tile(dataset: Dataset, index: int) -> np.ndarray:
    """Return one image as a tile, (side, side, 3) RGB: whole, not squashed, in the middle."""
    tile = np.full((SIDE, SIDE, 3), _EMPTY, np.uint8)
    try:
        view = _fitted(dataset[index].images[0])
    except DataError:  # read before, and gone since: its place stays empty
        return tile
    height, width = view.shape[:2]
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    tile[top : top + height, left : left + width] = view if view.ndim == 3 else view[..., None]
    return tile
