"""The contact sheet of a data set: one row a category, its views in the order of their azimuth.

Only the images that are shown are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from objrec.datasets.checks.finding import counted
from objrec.datasets.pictures import Cell, contact_sheet
from objrec.datasets.sample import Dataset
from objrec.errors import DataError
from objrec.pose import AXIS, INDEX

_COLUMNS = 8
_STEP = 360 / _COLUMNS
_SAME_HEIGHT = 2.5


def view_sheet(parts: Sequence[Dataset], path: str | Path) -> None:
    """Draw a sheet of all splits of a set.

    Where azimuth is labelled, the columns are steps of 45 degrees, and each cell shows the view
    nearest to it at the category's most common elevation, of the object that fills most columns.
    Where it is not, a row shows different objects.

    Args:
        parts: The splits.
        path: The file to write, overwritten if it exists.

    Raises:
        DataError: The file cannot be written, or its name ends in no picture suffix.
    """
    rows = []
    for part in parts:
        if len(parts) > 1:
            rows.append((part.split, []))
        rows += [row for label in range(len(part.categories)) if (row := _row(part, label))]
    contact_sheet(rows, path, title=parts[0].name)


def _row(part: Dataset, label: int) -> tuple[str, list[Cell]] | None:
    members = np.flatnonzero(part.labels == label)
    if not len(members):
        return None
    known = members[~np.isnan(part.poses[members, INDEX["azimuth"]])]
    name = part.categories[label]
    objects = len(np.unique(part.objects[members]))
    small = f"{counted(objects, 'object')}, {counted(len(members), 'image')}"
    if len(known):
        height = _usual_height(part.poses[known, INDEX["elevation"]])
        cells = [_view(part, i) for i in _round(part, known, height)]
        at = "" if np.isnan(height) else f"\nelevation {height:.0f}°"
        return f"{name}\n{small}{at}", cells
    return f"{name}\n{small}", [_sight(part, i) for i in _spread(part, members)]


def _usual_height(elevations: np.ndarray) -> float:
    """Return the most common elevation, NaN if it is not labelled."""
    counts = Counter(elevations[~np.isnan(elevations)].round().tolist())
    return max(counts, key=lambda height: (counts[height], -height)) if counts else np.nan


def _round(part: Dataset, known: np.ndarray, height: float) -> list[int | None]:
    """Choose the sample of each column, None where no view is near; one object before others."""
    if not np.isnan(height):
        known = known[np.abs(part.poses[known, INDEX["elevation"]] - height) <= _SAME_HEIGHT]
    azimuths = part.poses[known, INDEX["azimuth"]]
    columns = np.arange(_COLUMNS) * _STEP
    apart = np.abs(AXIS["azimuth"].difference(azimuths[:, None], columns))  # (n, columns)
    inside = apart <= _STEP / 2
    owners, numbers = np.unique(part.objects[known], return_inverse=True)
    filled = [inside[numbers == owner].any(axis=0).sum() for owner in range(len(owners))]
    # Another object's view steps in only where the chosen one has none.
    penalty = np.where(numbers == int(np.argmax(filled)), 0.0, _STEP)
    cost = np.where(inside, apart + penalty[:, None], np.inf)
    best = cost.argmin(axis=0)
    return [int(known[row]) if inside[row, i] else None for i, row in enumerate(best)]


def _spread(part: Dataset, members: np.ndarray) -> list[int]:
    """Choose samples of as many objects as there are columns, or several of each in turn."""
    owners = part.objects[members]
    queues = [members[owners == owner] for owner in np.unique(owners)]
    picked = np.unique(np.linspace(0, len(queues) - 1, _COLUMNS).round().astype(int))
    each = -(-_COLUMNS // len(picked))
    rows = []
    for number in picked:
        queue = queues[number]
        rows += queue[np.unique(np.linspace(0, len(queue) - 1, each).round().astype(int))].tolist()
    return rows[:_COLUMNS]


def _view(part: Dataset, index: int | None) -> Cell:
    if index is None:
        return "", None
    return f"{part.poses[index, INDEX['azimuth']]:.0f}°", _pixels(part, index)


def _sight(part: Dataset, index: int) -> Cell:
    name = part.factors["instance"][index]
    return (name if len(name) <= 16 else f"{name[:15]}…"), _pixels(part, index)


def _pixels(part: Dataset, index: int) -> np.ndarray | None:
    try:
        return part[index].images[0]
    except DataError:  # the data set remembers it
        return None
