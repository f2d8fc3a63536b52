"""Dividing a data set by object into a new one with splits, or into several for cross-validation.

The set that is read is never touched. A labelled folder stays one, its images copied byte for byte
and their split in a column of labels.csv; NORB files become NORB files for each split.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from objrec.datasets.converting import NORB, Conversion, Progress, description_of, write_set
from objrec.datasets.description import SetDescription
from objrec.datasets.folder_output import SPLIT, FolderOutput, Row, finished
from objrec.datasets.norb import find_norb
from objrec.datasets.norb.output import NorbOptions
from objrec.datasets.opening import checked_folder, open_splits
from objrec.datasets.reading import Reading
from objrec.datasets.sample import Dataset, concatenated
from objrec.datasets.splits import TEST, TRAIN, VAL, Division, deal_folds, divide, units_of
from objrec.datasets.writing import (
    check_apart,
    check_free,
    copy_file,
    labels_file,
    new_folder,
    write_description,
    write_labels,
)
from objrec.errors import Failure
from objrec.files import remove_folder


@dataclass(frozen=True)
class Divided:
    """A set that was divided.

    Attributes:
        objects: Category → split → how many objects that has; with folds, those tested on in
            "fold-1" and so on.
        failures: What could not be read, and is not in the new set.
        remarks: What else its owner should know, in sentences.
    """

    objects: dict[str, dict[str, int]]
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...]


def split_set(
    path: str | Path,
    out: str | Path,
    division: Division,
    *,
    link: bool = False,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Divided:
    """Divide a data set by object.

    Splits that it has are put together first.

    Args:
        path: The set.
        out: The new folder: a set, or with folds, a folder of sets fold-1, fold-2, …
        division: The shares or the number of folds, and the seed.
        link: Give image files a second name in the new folder instead of copying them.
        force: Write into a folder that is not empty.
        on_progress: Called with (samples done, samples in all).

    Raises:
        DataError: The set cannot be read or divided so, or the new one not be written.
    """
    root = checked_folder(path)
    check_apart(Path(out), [root])
    check_free(Path(out), force=force)
    parts = list(open_splits(root))
    pool = concatenated(parts, "all")
    divided, remarks = _divided(pool, division)
    description = description_of(root, [pool])
    with new_folder(out, force=force) as folder:
        folders = [folder] if division.folds is None else [folder / name for name in divided]
        sets = dict(zip(folders, divided.values(), strict=True))
        if norb := find_norb(root):
            zipped = any(
                part.path("dat").suffix == ".gz" for some in norb.values() for part in some
            )
            failures = _write_norb(pool, sets, description, zipped, on_progress)
        else:
            failures = _write_folders(pool, sets, description, link, on_progress)
    if division.folds is not None:
        _remove_other_folds(Path(out), divided)
    objects = _counted(pool, divided, folds=division.folds is not None)
    return Divided(objects, failures, (*_pooled(parts), *remarks))


def _remove_other_folds(out: Path, folds: Collection[str]) -> None:
    """Remove what an earlier division into more folds left, which would be taken for one of these.

    Only with `force` is there anything.
    """
    for folder in out.glob("fold-*"):
        number = folder.name.removeprefix("fold-")
        if number.isdecimal() and folder.name not in folds and folder.is_dir():
            remove_folder(folder)


def _divided(pool: Dataset, division: Division) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return the split of each sample, (N,) text, in each of the new sets; and remarks."""
    if division.folds is None:
        splits, remarks = divide(pool, division)
        return {"": splits}, remarks
    numbers, remarks = deal_folds(pool, division)
    return {
        f"fold-{fold + 1}": np.where(numbers == fold, TEST, TRAIN) for fold in range(division.folds)
    }, remarks


def _write_norb(
    pool: Dataset,
    sets: Mapping[Path, np.ndarray],
    description: SetDescription,
    zipped: bool,
    on_progress: Progress | None,
) -> tuple[Failure, ...]:
    failures: dict[Failure, None] = {}
    for number, (folder, splits) in enumerate(sets.items()):

        def tick(done: int, total: int, before: int = number * len(pool)) -> None:
            if on_progress:
                on_progress(before + done, len(pool) * len(sets))

        folder.mkdir(exist_ok=True)
        parts = [
            replace(pool.subset(splits == split), split=split)
            for split in (TRAIN, VAL, TEST)
            if (splits == split).any()
        ]
        conversion = Conversion(norb=NorbOptions(gzip=zipped))
        made = write_set(parts, folder, NORB, description, conversion, tick)
        failures |= dict.fromkeys(made.failures)
    return tuple(failures)


def _write_folders(
    pool: Dataset,
    sets: Mapping[Path, np.ndarray],
    description: SetDescription,
    link: bool,
    on_progress: Progress | None,
) -> tuple[Failure, ...]:
    reading = Reading([pool], on_progress=on_progress)
    first, *others = sets
    first.mkdir(exist_ok=True)
    output = FolderOutput(first, link=link)
    rows = [(item.index, output.write(item)) for item in reading.items(pool)]
    reading.check_any(pool.root)
    for folder in others:
        folder.mkdir()
        for file in (row["file"] for _, of_sample in rows for row in of_sample):
            copy_file(first / file, folder / file, link=True)
    for folder, splits in sets.items():
        write_labels(labels_file(folder), finished(_with_split(rows, splits)))
        write_description(folder, description, norb=False)
    return tuple(reading.failures)


def _with_split(rows: Sequence[tuple[int, list[Row]]], splits: np.ndarray) -> list[Row]:
    return [{**row, SPLIT: str(splits[index])} for index, some in rows for row in some]


def _counted(
    pool: Dataset, divided: Mapping[str, np.ndarray], *, folds: bool
) -> dict[str, dict[str, int]]:
    units = units_of(pool)
    if folds:
        columns = {name: splits == TEST for name, splits in divided.items()}
    else:
        (splits,) = divided.values()
        columns = {name: splits == name for name in (TRAIN, VAL, TEST) if (splits == name).any()}
    return {
        category: {
            name: len(np.unique(units[members & (pool.labels == label)]))
            for name, members in columns.items()
        }
        for label, category in enumerate(pool.categories)
        if (pool.labels == label).any()
    }


def _pooled(parts: Sequence[Dataset]) -> list[str]:
    if len(parts) < 2:
        return []
    names = [part.split for part in parts]
    remarks = [f"{' and '.join(names)} of {parts[0].root} were put together and divided anew"]
    several = sum(count > 1 for count in _occurrences(parts).values())
    if several:
        remarks.append(
            f"{several} objects are in more than one of them; views of one name are taken to show "
            "one object"
        )
    return remarks


def _occurrences(parts: Sequence[Dataset]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in parts:
        for name in np.unique(part.objects[part.factors["instance"] != ""]):
            counts[name] = counts.get(name, 0) + 1
    return counts
