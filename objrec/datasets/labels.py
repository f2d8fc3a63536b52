"""labels.csv: one line an image, with its category and whatever else is known.

Columns: file (relative to labels.csv, or absolute, but within the set) and category; then any of
instance, split, camera and pair (which images belong together, see `objrec.datasets.grouping`), and
the pose axes, in the units of `objrec.pose` (degrees, scale as a ratio, shifts as fractions of the
image side) or those that set.json names; every further column is a factor. All but the pose stays
text. An empty cell means 'not observed'. No image is opened here, and whether the files exist, or
what links lead to, is not looked at.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from objrec.datasets.delimited import Delimited, number, read_delimited, shown
from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError
from objrec.options import did_you_mean
from objrec.pose import AXES, AXIS

FILE_NAME = "labels.csv"
# In the order in which splits are listed; what folders and the column 'split' may call them.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_REQUIRED = ("file", "category")
_KNOWN = (*_REQUIRED, "instance", "split", "camera", "pair", *AXES)
_UNIT_NAMES = {"deg": "degrees", "rad": "radians", "ratio": "a ratio", "fraction": "a fraction"}
# Degrees by which 1.5708 radians may be more than 90.
_ROUNDED = 0.05
# 'azimuth (deg)', 'elevation_rad', 'pair_id'
_SUFFIX = re.compile(r"[\s_\-(\[]*(deg|degrees?|°|rad|radians?|id)[)\]]*$")


@dataclass(frozen=True)
class LabelRow:
    """One line of labels.csv.

    Attributes:
        line: Its number, from 1.
        file: The image.
        category: Its category.
        split: "train", "val" or "test"; "" if there is no such column.
        pose: Six numbers in stored units, NaN where not observed.
        texts: instance ("" where not known), and camera, pair and further columns that there are.
    """

    line: int
    file: Path
    category: str
    split: str
    pose: tuple[float, ...]
    texts: dict[str, str]


@dataclass(frozen=True)
class LabelTable:
    """labels.csv of one folder; every row has the same `texts`."""

    path: Path
    rows: tuple[LabelRow, ...]

    def place(self, row: LabelRow) -> str:
        """Return "labels.csv:17" with its folder, for messages."""
        return f"{self.path}:{row.line}"


def find_labels(folder: Path) -> Path | None:
    """Return the path of a folder's labels.csv, in whatever case it is written; None without.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        if (path := folder / FILE_NAME).is_file():
            return path
        paths = sorted(p for p in folder.iterdir() if p.name.lower() == FILE_NAME and p.is_file())
    except OSError as error:
        raise unlisted(folder, error) from error
    return paths[0] if paths else None


def unlisted(folder: Path, error: OSError) -> DataError:
    """Return the error of a folder whose content cannot be listed."""
    reason = error.strerror or str(error)
    return DataError(f"{folder}: cannot be listed ({reason}); allow it to be read, or move it away")


def read_labels(path: Path, frame: PoseFrame | None = None, root: Path | None = None) -> LabelTable:
    """Read labels.csv.

    Args:
        path: The file.
        frame: What set.json says of the pose labels: their units are needed.
        root: The folder of the set, within which all files must lie; None: that of labels.csv.

    Raises:
        DataError: It cannot be read, or a line of it is wrong; the message names the line.
    """
    table = read_delimited(path, _REQUIRED)
    for name in table.columns:
        _refuse_near_miss(name, path)
    if not table.rows:
        raise DataError(f"{path}: lists no images; add one line for each image")
    files = _files(table, root or path.parent)
    poses = _poses(table, frame or PoseFrame())
    kept = ["instance", *(n for n in table.columns if n not in (*_KNOWN, "instance"))]
    kept += [name for name in ("camera", "pair") if name in table.columns]
    return LabelTable(
        path,
        tuple(
            LabelRow(
                line=line,
                file=file,
                category=row["category"],
                split=_split(row["split"], f"{path}:{line}") if "split" in row else "",
                pose=pose,
                texts={name: row.get(name, "") for name in kept},
            )
            for (line, row), file, pose in zip(table.rows, files, poses, strict=True)
        ),
    )


def split_names(path: Path) -> tuple[str, ...]:
    """Return the splits that labels.csv divides the images into; () without a column 'split'.

    Raises:
        DataError: It cannot be read, or names a split that there is not.
    """
    table = read_delimited(path, _REQUIRED)
    if "split" not in table.columns:
        return ()
    found = {_split(row["split"], f"{path}:{line}") for line, row in table.rows}
    return tuple(name for name in SPLIT_NAMES if name in found)


def canonical_split(word: str) -> str:
    """Return "train", "val" or "test" for any of their names in any case, other words as given."""
    lowered = word.lower()
    return next((name for name, words in SPLIT_NAMES.items() if lowered in words), lowered)


def _split(text: str, place: str) -> str:
    name = canonical_split(text)
    if not text:
        raise DataError(f"{place}: split is empty; write train, val or test on every line")
    if name not in SPLIT_NAMES:
        words = tuple(word for words in SPLIT_NAMES.values() for word in words)
        hint = did_you_mean(name, words) or "; write train, val or test"
        raise DataError(f"{place}: split '{shown(text)}' is unknown{hint}")
    return name


def _refuse_near_miss(name: str, path: Path) -> None:
    # A misspelt axis would otherwise become a factor, and its poses be lost without a word.
    if name in _KNOWN:
        return
    bare = _SUFFIX.sub("", name)
    near = [bare] if bare in _KNOWN else difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.8)
    # 'filter' is near 'file' as difflib measures, but nobody writes that by mistake.
    if near and (bare in _KNOWN or len(near[0]) > 5 or abs(len(name) - len(near[0])) < 2):
        unit = "; units are named in set.json" if bare in AXES else ""
        raise DataError(f"{path}: unknown column '{name}'; did you mean '{near[0]}'?{unit}")


def _files(table: Delimited, root: Path) -> tuple[Path, ...]:
    first_line: dict[Path, int] = {}
    for line, row in table.rows:
        file = _within(root, table.path.parent, row["file"].replace("\\", "/"))
        if file is None:
            raise DataError(
                f"{table.path}:{line}: {shown(row['file'])} lies outside the set {root}; "
                "move the file into it, or put a link to it there"
            )
        if file in first_line:
            raise DataError(
                f"{table.path}:{line}: {shown(row['file'])} is already on line "
                f"{first_line[file]}; list each file once"
            )
        first_line[file] = line
    return tuple(first_line)


def _within(root: Path, folder: Path, name: str) -> Path | None:
    """Return the path of a file that is named in a folder of the set; None if it lies outside.

    A set from elsewhere must not make anybody read, copy or send other files of theirs. Going up
    is taken as written, so that no link can lead up from where it points to.
    """
    anchored = Path(name).anchor  # "/", or a drive of Windows
    if not anchored and ".." not in name:
        return folder / name
    if not anchored:
        inner = Path(os.path.normpath(folder.relative_to(root) / name))
        return None if inner.parts[:1] == ("..",) else root / inner
    path = Path(os.path.normpath(name))
    bases = (Path.cwd() / root, root.resolve())
    return next((root / path.relative_to(b) for b in bases if path.is_relative_to(b)), None)


def _poses(table: Delimited, frame: PoseFrame) -> list[tuple[float, ...]]:
    readers = [
        (axis, _Reader(axis, frame, table.separator).stored)
        if axis in table.columns
        else (axis, None)
        for axis in AXES
    ]
    return [_pose(row, readers, f"{table.path}:{line}") for line, row in table.rows]


def _pose(
    row: dict[str, str],
    readers: list[tuple[str, Callable[[str, str], float] | None]],
    place: str,
) -> tuple[float, ...]:
    return tuple(read(row[axis], place) if read else math.nan for axis, read in readers)


@dataclass(frozen=True)
class _Reader:
    """Turns the cells of one pose axis into its stored unit."""

    axis: str
    frame: PoseFrame
    separator: str

    def stored(self, text: str, place: str) -> float:
        """Return the number of a cell; NaN if it is empty."""
        if not text:
            return math.nan
        factor = self.frame.factor(self.axis)
        value = self._number(text, place) * factor
        if self.axis == "elevation":
            # Half a turn in radians, rounded, is a little more than 90 degrees.
            if abs(value) > 90 + _ROUNDED:
                wanted = f"between {-90 / factor:.4g} and {90 / factor:.4g}"
                raise DataError(f"{place}: elevation {text} is not {wanted}; {self._advice}")
            return min(max(value, -90.0), 90.0)
        if self.axis.startswith("shift") and abs(value) > 1:
            wanted = "between -1 and 1; divide by the image side"
            raise DataError(f"{place}: {self.axis} {text} is not {wanted}")
        if self.axis == "scale":
            if value <= 0:
                raise DataError(f"{place}: scale {text} is not positive; {self._advice}")
            return math.log(value)
        return AXIS[self.axis].wrapped(value)

    def _number(self, text: str, place: str) -> float:
        try:
            value = number(text, self.separator)
        except ValueError as error:
            what = f"{self.axis} '{shown(text)}' is not a number"
            raise DataError(f"{place}: {what}; {self._advice}") from error
        if not math.isfinite(value):
            raise DataError(f"{place}: {self.axis} '{text}' is not a finite number; {self._advice}")
        return value

    @property
    def _advice(self) -> str:
        usual = {"scale": "ratio", "shift_x": "fraction", "shift_y": "fraction"}
        unit = self.frame.note(self.axis).unit or usual.get(self.axis, "deg")
        return f"write {_UNIT_NAMES[unit]} or leave it empty"
