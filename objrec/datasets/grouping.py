"""Which images belong together: rows of labels.csv become samples of V cameras each.

The column `pair` says it outright: rows of one text are one sample. Without it the column `camera`
does: rows that agree in all else (split, category, instance, pose, further factors), one of each
camera. V is what most samples have; those that have more or fewer are named, and the others go on.
Where images do not come together that way (somebody noted which phone took them), `camera` is a
factor like others.

Convention:
    Cameras are in the order of their names, numbers by value (2 before 10), or else of their rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from objrec.datasets.delimited import shown
from objrec.datasets.labels import LabelRow, LabelTable
from objrec.datasets.listing import joined
from objrec.errors import DataError, Failure
from objrec.pose import AXES, AXIS

# Poses of one sample may differ by the rounding of a file, in stored units.
_SAME = 1e-6


@dataclass(frozen=True)
class Group:
    """Rows that are one sample, in the order of the cameras.

    Attributes:
        rows: Its rows.
        label: One row that stands for all: what is known of the sample.
    """

    rows: tuple[LabelRow, ...]
    label: LabelRow

    @property
    def files(self) -> tuple[Path, ...]:
        """The image of each camera."""
        return tuple(row.file for row in self.rows)


@dataclass(frozen=True)
class Grouped:
    """The samples of a labels.csv, in the order of their first rows.

    Attributes:
        cameras: V.
        groups: The samples of V images.
        failures: (split, failure) of each group that has more or fewer.
    """

    cameras: int
    groups: tuple[Group, ...]
    failures: tuple[tuple[str, Failure], ...]


def group_cameras(table: LabelTable) -> Grouped:
    """Put the images of all cameras of a sample together.

    Raises:
        DataError: Rows of one sample contradict each other; the message names both lines.
    """
    names = table.rows[0].texts
    if "pair" in names:
        return _of_one_size([_paired(rows, table) for rows in _gathered(table.rows, _pair)], table)
    if "camera" in names:
        together = list(_gathered(table.rows, _all_but_camera))
        if _most_common(len(_cameras(rows)) for rows in together) > 1:
            groups = [_one_of_each(rows, table) for rows in together]
            return _of_one_size(groups, table)
    return Grouped(1, tuple(Group((row,), row) for row in table.rows), ())


def natural(text: str) -> list[str | int]:
    """Return a sort key by which 'view2' comes before 'View10'."""
    parts = re.split("([0-9]+)", text.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _gathered(
    rows: Iterable[LabelRow], key: Callable[[LabelRow], Hashable]
) -> Iterable[list[LabelRow]]:
    together: dict[Hashable, list[LabelRow]] = {}
    for row in rows:
        together.setdefault(key(row), []).append(row)
    return together.values()


def _pair(row: LabelRow) -> Hashable:
    return (row.split, row.texts["pair"]) if row.texts["pair"] else row.line


def _all_but_camera(row: LabelRow) -> Hashable:
    if not row.texts["camera"]:
        return row.line
    pose = tuple(None if math.isnan(v) else v for v in row.pose)
    texts = tuple(text for name, text in row.texts.items() if name != "camera")
    return row.split, row.category, pose, texts


def _cameras(rows: Iterable[LabelRow]) -> set[str]:
    return {row.texts["camera"] for row in rows}


def _most_common(sizes: Iterable[int]) -> int:
    counts = Counter(sizes)
    return max(counts, key=lambda size: (counts[size], size))


def _one_of_each(rows: list[LabelRow], table: LabelTable) -> Group:
    lines: dict[str, int] = {}
    for row in rows:
        camera = row.texts["camera"]
        if camera in lines:
            raise DataError(
                f"{table.place(row)}: differs only in its file from line {lines[camera]}, which is "
                f"of the same camera '{shown(camera)}'; add a column 'pair' that says which "
                "images belong together, or rename the column 'camera' if none do"
            )
        lines[camera] = row.line
    return Group(_ordered(rows), rows[0])


def _paired(rows: list[LabelRow], table: LabelTable) -> Group:
    label = rows[0]
    for row in rows[1:]:
        label = _agreed(label, row, rows, table)
    if len(rows) > 1 and "camera" in label.texts:
        _check_cameras(rows, table)
    return Group(_ordered(rows), label)


def _check_cameras(rows: list[LabelRow], table: LabelTable) -> None:
    """Refuse a pair whose cameras are named on some of its rows, or twice."""
    pair = f"pair '{shown(rows[0].texts['pair'])}'"
    lines: dict[str, int] = {}
    for row in rows:
        camera = row.texts["camera"]
        if lines and ("" in lines) != (camera == ""):
            other = next(iter(lines.values()))
            raise DataError(
                f"{table.place(row)}: of line {other} and this one, both of {pair}, only one "
                "names its camera; name both, or neither"
            )
        if camera and camera in lines:
            raise DataError(
                f"{table.place(row)}: camera '{shown(camera)}' is already on line {lines[camera]} "
                f"of {pair}; name each camera once"
            )
        lines[camera] = row.line


def _ordered(rows: list[LabelRow]) -> tuple[LabelRow, ...]:
    return tuple(sorted(rows, key=lambda row: natural(row.texts.get("camera", ""))))


def _agreed(label: LabelRow, row: LabelRow, rows: list[LabelRow], table: LabelTable) -> LabelRow:
    """Return what the rows of a pair know together: what one leaves empty, another says.

    Args:
        label: What is known from the rows before.
        row: One more of them.
        rows: All of them.
        table: Where they stand.

    Raises:
        DataError: The row contradicts those before.
    """

    def differ(name: str, one: str, other: str, line: int) -> DataError:
        return DataError(
            f"{table.place(row)}: {name} '{shown(other)}' is not '{shown(one)}' as on line {line}, "
            f"of the same pair '{shown(row.texts['pair'])}'; correct one of them"
        )

    if row.category != label.category:
        raise differ("category", label.category, row.category, label.line)
    texts = dict(label.texts)
    for name, text in row.texts.items():
        if name != "camera" and text and texts[name] and text != texts[name]:
            raise differ(name, texts[name], text, next(r.line for r in rows if r.texts[name]))
        texts[name] = texts[name] or text
    for i, axis in enumerate(AXES):
        one, other = label.pose[i], row.pose[i]
        if abs(AXIS[axis].difference(other, one)) > _SAME:
            line = next(r.line for r in rows if not math.isnan(r.pose[i]))
            raise differ(axis, _in_words(axis, one), _in_words(axis, other), line)
    pose = (b if math.isnan(a) else a for a, b in zip(label.pose, row.pose, strict=True))
    return replace(label, pose=tuple(pose), texts=texts)


def _in_words(axis: str, value: float) -> str:
    return f"{math.exp(value) if axis == 'scale' else value:.6g}"


def _of_one_size(groups: list[Group], table: LabelTable) -> Grouped:
    cameras = _most_common(len(group.rows) for group in groups)
    whole = tuple(group for group in groups if len(group.rows) == cameras)
    failures = [
        (group.label.split, Failure(joined(group.files), _wrong_size(group, cameras, table)))
        for group in groups
        if len(group.rows) != cameras
    ]
    return Grouped(cameras, whole, tuple(failures))


def _wrong_size(group: Group, cameras: int, table: LabelTable) -> str:
    lines = ", ".join(str(row.line) for row in group.rows)
    count = len(group.rows)
    if count > cameras:
        what = f"{count} cameras, while most samples have {cameras}; remove the surplus rows"
    else:
        what = f"{count} of {cameras} cameras; add the rows of the others, or remove it"
    return f"{table.path.name}:{lines}: has {what}"
