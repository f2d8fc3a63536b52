"""Folders of images: labelled by labels.csv, or one folder per category.

Without labels.csv each folder is a category, and each folder inside it an instance, to which deeper
folders belong; images directly in the category's folder have no instance. Hidden files and folders
and what operating systems leave behind are passed over. Links are followed, except to a folder that
is already being listed. Names must be UTF-8, as what is written of a set is.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from objrec.datasets.frame import PoseFrame
from objrec.datasets.grouping import Group, group_cameras
from objrec.datasets.images import is_image_name, is_litter
from objrec.datasets.labels import SPLIT_NAMES, LabelTable, find_labels, read_labels, unlisted
from objrec.datasets.listing import Listing
from objrec.errors import DataError
from objrec.pose import AXES

ALL = "all"
# Which folder it is, whatever links lead to it.
_Identity = tuple[int, int]


def list_folder(
    folder: Path, frame: PoseFrame | None = None, root: Path | None = None
) -> dict[str, Listing]:
    """List the images of a folder, by labels.csv if there is one, otherwise by folders.

    Args:
        folder: The folder.
        frame: What set.json says of the pose labels in labels.csv.
        root: The folder of the set; None: this one.

    Returns:
        Split → its samples; one split "all" unless labels.csv has a column 'split'.

    Raises:
        DataError: There is nothing to list, a folder cannot be, or labels.csv is wrong.
    """
    path = find_labels(folder)
    if path is None:
        return {ALL: list_category_folders(folder)}
    return _by_split(read_labels(path, frame, root or folder))


def _by_split(table: LabelTable) -> dict[str, Listing]:
    grouped = group_cameras(table)
    names = {row.split for row in table.rows}
    listings = {}
    for split in (name for name in ("", *SPLIT_NAMES) if name in names):
        groups = [group for group in grouped.groups if group.label.split == split]
        listings[split or ALL] = replace(
            _listing(table, groups, grouped.cameras),
            failures=tuple(f for name, f in grouped.failures if name == split),
        )
    return listings


def _listing(table: LabelTable, groups: list[Group], cameras: int) -> Listing:
    # One sample has all cameras: then which camera it was says nothing.
    factors = [n for n in table.rows[0].texts if n != "camera" or cameras == 1]
    name = table.path.name
    return Listing(
        folder=table.path.parent,
        files=tuple(group.files for group in groups),
        categories=tuple(group.label.category for group in groups),
        poses=np.array([group.label.pose for group in groups]).reshape(-1, len(AXES)),
        factors={n: np.array([g.label.texts[n] for g in groups], dtype=str) for n in factors},
        places=tuple(tuple(f"{name}:{row.line}" for row in group.rows) for group in groups),
        cameras=cameras,
    )


def list_category_folders(folder: Path) -> Listing:
    """List the images in one folder per category; folders without images are passed over.

    Raises:
        DataError: No folder holds an image, or one cannot be listed.
    """
    # A link back to one of these would list the whole set once more under one category.
    above = {_identity(path) for path in (folder.resolve(), *folder.resolve().parents)}
    rows = [
        row
        for category in visible_folders(folder)
        if _identity(category) not in above
        for row in _of_category(category, above | {_identity(category)})
    ]
    if not rows:
        raise DataError(_nothing_found(folder))
    files, categories, instances = zip(*rows, strict=True)
    return Listing(
        folder=folder,
        files=tuple((file,) for file in files),
        categories=categories,
        poses=np.full((len(rows), len(AXES)), np.nan),
        factors={"instance": np.array(instances, dtype=str)},
    )


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders directly inside a folder, by name, without hidden ones and litter.

    Raises:
        DataError: The folder cannot be listed.
    """
    return _content(folder)[0]


def _of_category(category: Path, above: set[_Identity]) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, category, instance), the images without an instance first."""
    instances, files = _content(category)
    name = category.name.strip()  # as labels.csv has it, where spaces round a cell do not count
    if not name:
        raise DataError(f"{category}: is named by spaces alone; name it as its category")
    yield from ((file, name, "") for file in files if is_image_name(file))
    for instance in instances:
        found = _images_within(instance, set(above))
        for file in sorted(found, key=lambda file: file.parts):
            yield file, name, instance.name.strip()


def _images_within(folder: Path, seen: set[_Identity]) -> Iterator[Path]:
    """Yield the images of a folder and of those inside, each folder once."""
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    folders, files = _content(folder)
    yield from filter(is_image_name, files)
    for inner in folders:
        yield from _images_within(inner, seen)


def _content(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, each by name, without hidden ones and litter.

    Nothing is asked of a file beyond what its folder says; a broken link counts as a file.
    """
    try:
        with os.scandir(folder) as entries:
            kept = sorted((e for e in entries if not is_litter(e.name)), key=lambda e: e.name)
    except OSError as error:
        raise unlisted(folder, error) from error
    for entry in kept:
        check_name(folder / entry.name)
    folders = [folder / entry.name for entry in kept if _leads_to_folder(entry)]
    inside = {path.name for path in folders}
    files = [e for e in kept if e.name not in inside and (e.is_symlink() or e.is_file())]
    return folders, [folder / entry.name for entry in files]


def check_name(path: Path) -> None:
    """Refuse a path that is no text, as names of Latin-1 are; it could not be written into a file.

    Raises:
        DataError: It is none.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: is no UTF-8 name; rename it (convmv does it for many)") from error


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link in circles, or to where one may not look


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _nothing_found(folder: Path) -> str:
    folders, files = _content(folder)
    if any(map(is_image_name, files)):
        return (
            f"{folder}: holds images but neither labels.csv nor a folder per category; "
            "put the images of each category into a folder of its own"
        )
    inner = [file for path in folders for file in _content(path)[1]]
    suffixes = Counter(file.suffix.lower() for file in inner if file.suffix)
    if suffixes:
        suffix, count = suffixes.most_common(1)[0]
        return (
            f"{folder}: holds no images that can be read, but {count} files '*{suffix}'; "
            "save the images as JPEG or PNG"
        )
    return (
        f"{folder}: holds no images; it needs a folder of images per category, "
        "labels.csv, or NORB files (*-dat.mat)"
    )
