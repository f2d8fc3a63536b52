"""labels.csv: one line an image, with its category and whatever else is known.

Columns: file (relative to labels.csv) and category; then any of instance and the pose axes, in the
units of `objrec.pose` (degrees, scale as a ratio, shifts as fractions of the image side); every
further column is a factor, kept as text. An empty cell means 'not observed'.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets.listing import Listing
from objrec.errors import DataError
from objrec.options import did_you_mean
from objrec.pose import AXES, AXIS

FILE_NAME = "labels.csv"
_REQUIRED = ("file", "category")
_KNOWN = (*_REQUIRED, "instance", *AXES)


def read_labels(folder: Path) -> Listing:
    """Read labels.csv in a folder; whether the files exist is not looked at.

    Raises:
        DataError: It cannot be read, or a line of it is wrong; the message names the line.
    """
    path = folder / FILE_NAME
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            columns = _checked_columns(next(lines, []), path)
            rows = list(_checked_rows(lines, columns, path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise DataError(f"{path}:{lines.line_num}: {error}; correct the quotes") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if not rows:
        raise DataError(f"{path}: lists no images; add one line for each image")
    return _listing(folder, path, columns, rows)


def _listing(
    folder: Path, path: Path, columns: tuple[str, ...], rows: list[tuple[int, dict[str, str]]]
) -> Listing:
    factors = {"instance": [row.get("instance", "") for _, row in rows]}
    for name in columns:
        if name not in _KNOWN:
            factors[name] = [row[name] for _, row in rows]
    return Listing(
        folder=folder,
        files=_files(folder, path, rows),
        categories=tuple(row["category"] for _, row in rows),
        poses=np.array([_pose(row, f"{path}:{line}") for line, row in rows]),
        factors={name: np.array(texts, dtype=str) for name, texts in factors.items()},
        places=tuple(f"{FILE_NAME}:{line}" for line, _ in rows),
    )


def _checked_columns(header: list[str], path: Path) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in header)
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        raise DataError(f"{path}: its columns are not separated by commas; save it with commas")
    for name in _REQUIRED:
        if name not in columns:
            hint = did_you_mean(name, columns).replace("did you mean", "is it")
            raise DataError(f"{path}: has no column '{name}'{hint or '; add it to the first line'}")
    for position, name in enumerate(columns, start=1):
        if not name:
            raise DataError(f"{path}: column {position} has no name; name it in the first line")
        if columns.count(name) > 1:
            raise DataError(f"{path}: has two columns '{name}'; remove or rename one")
        _refuse_near_miss(name, path)
    return columns


def _refuse_near_miss(name: str, path: Path) -> None:
    # A misspelt axis would otherwise become a factor, and its poses be lost without a word.
    near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.8)
    if near and name not in _KNOWN:
        raise DataError(f"{path}: unknown column '{name}'; did you mean '{near[0]}'?")


def _checked_rows(
    lines: Any, columns: tuple[str, ...], path: Path
) -> Iterator[tuple[int, dict[str, str]]]:
    for raw in lines:
        cells = [cell.strip() for cell in raw]
        if not any(cells):
            continue
        place = f"{path}:{lines.line_num}"
        if len(cells) != len(columns):
            raise DataError(
                f"{place}: has {len(cells)} cells, the first line {len(columns)}; "
                "leave unknown cells empty, quote cells that hold commas"
            )
        row = dict(zip(columns, cells, strict=True))
        for name in _REQUIRED:
            if not row[name]:
                raise DataError(f"{place}: {name} is empty; fill it in or remove the line")
        yield lines.line_num, row


def _files(folder: Path, path: Path, rows: list[tuple[int, dict[str, str]]]) -> tuple[Path, ...]:
    first_line: dict[Path, int] = {}
    for line, row in rows:
        file = folder / row["file"].replace("\\", "/")
        if file in first_line:
            raise DataError(
                f"{path}:{line}: {row['file']} is already on line {first_line[file]}; "
                "list each file once"
            )
        first_line[file] = line
    return tuple(first_line)


def _pose(row: dict[str, str], place: str) -> list[float]:
    return [_stored(name, row.get(name, ""), place) for name in AXES]


def _stored(axis: str, text: str, place: str) -> float:
    """Turn a cell into the axis' stored unit; NaN if it is empty."""
    if not text:
        return math.nan
    unit = {"scale": "a ratio", "shift_x": "a fraction", "shift_y": "a fraction"}
    wanted = f"write {unit.get(axis, 'degrees')} or leave it empty"
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(f"{place}: {axis} '{text}' is not a number; {wanted}") from error
    if not math.isfinite(value):
        raise DataError(f"{place}: {axis} '{text}' is not a finite number; {wanted}")
    if axis == "elevation" and abs(value) > 90:
        raise DataError(f"{place}: elevation {text} is not between -90 and 90; {wanted}")
    if axis in ("shift_x", "shift_y") and abs(value) > 1:
        raise DataError(f"{place}: {axis} {text} is not between -1 and 1; divide by the image side")
    if axis == "scale":
        if value <= 0:
            raise DataError(f"{place}: scale {text} is not positive; {wanted}")
        return math.log(value)
    wrapped = AXIS[axis].wrapped(value)
    # A tiny negative azimuth wraps to 360.0 exactly, which lies outside [0, 360).
    return 0.0 if axis == "azimuth" and wrapped >= 360.0 else wrapped
