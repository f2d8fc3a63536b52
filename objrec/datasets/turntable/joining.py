"""Putting the views of an object into a new set, or into one that is there.

A set that is there loses nothing when this fails: its labels.csv is replaced at the very end, by
one with more rows, and files that no row names are removed again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets import labels
from objrec.datasets.description import SetDescription, read_description
from objrec.datasets.frame import PoseFrame
from objrec.datasets.naming import safe_name
from objrec.datasets.opening import checked_folder
from objrec.datasets.writing import (
    check_free,
    label_cells,
    labels_file,
    new_folder,
    write_description,
    write_image,
    write_labels,
)
from objrec.errors import DataError
from objrec.files import hidden_folder, locked, remove_folder, writing

Row = dict[str, str]


@dataclass(frozen=True)
class View:
    """One image: of which object, what its file is called, its pose (6,), its pixels."""

    instance: str
    name: str
    pose: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Addition:
    """What is to be added.

    Attributes:
        category: Of all the views.
        frame: How their poses are meant.
        views: Read as they are written.
    """

    category: str
    frame: PoseFrame
    views: Iterable[View]


def check_addition(
    out: Path,
    category: str,
    instances: Sequence[str],
    frame: PoseFrame,
    *,
    add: bool,
    force: bool,
) -> None:
    """Refuse what could not be written, before any frame is read.

    Raises:
        DataError: The folder is in use; or, with `add`, is no such set, means azimuths otherwise,
            or has an object of that name.
    """
    if not add:
        check_free(out, force=force)
        return
    checked_folder(out)
    if not labels_file(out).is_file():
        raise DataError(
            f"{out}: has no {labels.FILE_NAME}, so nothing can be added; leave out --add"
        )
    theirs, ours = (f.kind("azimuth") for f in (read_description(out).frame, frame))
    if theirs != ours:
        raise DataError(
            f"{out}: its azimuths are {theirs}, those to be added {ours}; "
            "give --start for both or for none"
        )
    there = {(row["category"], row.get("instance", "")) for row in _rows(out)}
    for instance in instances:
        if (category, instance) in there:
            raise DataError(
                f"{out}: has {category} '{instance}' already; name the new one with --instance"
            )


def add_object(out: Path, addition: Addition, *, add: bool, force: bool) -> int:
    """Write the views; return how many.

    Raises:
        DataError: The set cannot be written.
    """
    if not add:
        with new_folder(out, force=force) as folder:
            rows = _written(folder, addition)
            write_labels(labels_file(folder), rows)
            description = SetDescription(frame=addition.frame)
            write_description(folder, description, norb=False)
        return len(rows)
    with locked(out):
        before = _rows(out)
        with writing(out), hidden_folder(out / safe_name(addition.category)) as waiting:
            rows = _written(waiting, addition)
            return _joined(out, waiting, before, rows)


def _joined(out: Path, waiting: Path, before: list[Row], rows: list[Row]) -> int:
    """Move the waiting images into the set, then say so in labels.csv."""
    parents = dict.fromkeys(str(Path(row["file"]).parent) for row in rows)
    places = {parent: _free_place(out, parent) for parent in parents}
    joined = False
    try:
        for parent, place in places.items():
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            (waiting / parent).rename(out / place)
        moved = [{**row, "file": _moved(row["file"], places)} for row in rows]
        write_labels(labels_file(out), [*before, *moved])
        joined = True
    finally:
        for place in places.values() if not joined else ():
            remove_folder(out / place)
    return len(rows)


def _free_place(out: Path, parent: str) -> str:
    """Return a folder that does not exist in the set yet.

    Raises:
        DataError: It would lie behind a link, outside the set.
    """
    above = (out / parent).parent
    if above.is_symlink():
        raise DataError(f"{above}: is a link; make it a folder, or give another --out")
    number, wanted = 1, parent
    while (out / wanted).exists():
        number += 1
        wanted = f"{parent}-{number}"
    return wanted


def _moved(file: str, places: dict[str, str]) -> str:
    return f"{places[str(Path(file).parent)]}/{Path(file).name}"


def _written(folder: Path, addition: Addition) -> list[Row]:
    rows = []
    for view in addition.views:
        file = f"{safe_name(addition.category)}/{safe_name(view.instance)}/{view.name}.png"
        write_image(folder / file, view.pixels)
        cells = label_cells(addition.category, view.pose, {"instance": view.instance})
        rows.append({"file": file, **cells})
    return rows


def _rows(out: Path) -> list[Row]:
    """Read labels.csv as it stands; what is wrong with it is said as everywhere."""
    labels.read_labels(labels_file(out))
    with labels_file(out).open(encoding="utf-8-sig", newline="") as file:
        rows = [{k: v for k, v in row.items() if k} for row in csv.DictReader(file)]
    if not all(row.get("file") and row.get("category") for row in rows):
        raise DataError(
            f"{labels_file(out)}: is not as objrec writes it; save it with commas, or make a new "
            "set and merge the two"
        )
    return rows
