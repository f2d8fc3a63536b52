"""The NORB layout: three matrix files, for images, categories and everything else.

    -dat.mat     uint8 (N, V, H, W): V cameras, gray
    -cat.mat     integer (N,): the category's index
    -info.mat    (N, 4) or (N, 10): see `objrec.datasets.norb.info`

How files make splits and parts is told in `objrec.datasets.norb.files`: small NORB has one part a
split, the jittered-cluttered set ten for training and two for testing.

Plain files are memory-mapped. Gzip files are decompressed into memory or, if those of a split
would take more than `STREAMED_ABOVE` there, as their samples are asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from objrec.datasets.description import FILE_NAME, SetDescription, read_description
from objrec.datasets.norb.files import NorbPart, find_norb
from objrec.datasets.norb.info import poses_and_factors
from objrec.datasets.norb.matrix import read_matrix
from objrec.datasets.norb.names import named
from objrec.datasets.norb.stream import GzipRows, RecentBlocks
from objrec.datasets.norb.tables import Table, read_table
from objrec.datasets.norb.writing import NorbWriter
from objrec.datasets.sample import Dataset, concatenated
from objrec.errors import DataError

CATEGORIES = ("animal", "human", "airplane", "truck", "car")
# The sixth category of the jittered-cluttered set: images of background alone.
BLANK = "blank"
STREAMED_ABOVE = 256 * 2**20


def read_norb(
    folder: str | Path, which: str = "all", description: SetDescription | None = None
) -> Dataset:
    """Read NORB files.

    Args:
        folder: The folder that holds the files.
        which: "train", "val", "test", or "all" of them.
        description: What is known of the set; its set.json if left out.

    Raises:
        DataError: Files are missing or damaged, or contradict each other.
    """
    folder = Path(folder)
    description = description or read_description(folder)
    splits = find_norb(folder)
    wanted = list(splits) if which == "all" else [which]
    if not splits or not set(wanted) <= set(splits):
        raise DataError(f"{folder}: has no NORB files for split '{which}'; check the folder")
    tables = {split: [read_table(part) for part in splits[split]] for split in wanted}
    others = [part for split in splits if split not in wanted for part in splits[split]]
    named_tables = [table for split in wanted for table in tables[split]]
    names = _named(named_tables, _highest(others), description, folder)
    parts = [_to_dataset(folder, split, tables[split], names, description) for split in wanted]
    return concatenated(parts, which)


@dataclass(frozen=True)
class _Names:
    """The categories of a set, and those of them that are background."""

    categories: tuple[str, ...]
    background: tuple[str, ...]


def _highest(parts: Sequence[NorbPart]) -> int:
    """Return the highest label of the splits that are not wanted, so that all have one order."""
    found = [0]
    for part in parts:
        with suppress(DataError):  # it says so when that split is wanted
            found.append(int(read_table(part).labels.max()))
    return max(found)


def _named(
    tables: Sequence[Table], elsewhere: int, description: SetDescription, folder: Path
) -> _Names:
    """Name the labels: as set.json does, or as the NORB sets do, and check that each has a name."""
    listed, background = description.entries.categories, description.entries.background
    highest = max(elsewhere, *(int(table.labels.max()) for table in tables))
    if not listed and highest >= len(CATEGORIES):
        listed, background = (*CATEGORIES, BLANK), background or (BLANK,)
    names = _Names(listed or CATEGORIES, background)
    description.checked(names.categories, folder)
    for table in tables:
        beyond = (table.labels < 0) | (table.labels >= len(names.categories))
        if beyond.any():
            raise DataError(
                f"{table.cat}: label {table.labels[beyond][0]} is not one of the "
                f"{len(names.categories)} categories; list their names in {FILE_NAME}"
            )
    return names


def _to_dataset(
    folder: Path, split: str, tables: list[Table], names: _Names, description: SetDescription
) -> Dataset:
    for table in tables:
        if table.form != tables[0].form:
            raise DataError(
                f"{table.dat}: has {table.form}, but {tables[0].dat.name} has {tables[0].form}; "
                "use the parts of one set"
            )
    labels = np.concatenate([table.labels for table in tables])
    poses, factors = _described(tables, names, description)
    factors = named(factors, labels, names.categories, description, folder)
    return Dataset(
        name=description.entries.name or folder.resolve().name,
        split=split,
        root=folder,
        categories=names.categories,
        labels=labels,
        poses=poses,
        factors=factors,
        sources=tuple(f"{t.dat}#{row}" for t in tables for row in range(len(t.labels))),
        cameras=tables[0].header.shape[1],
        colour=False,
        frame=description.frame,
        background=names.background,
        read=_reader(tables),
        rows=np.arange(len(labels)),
    )


def _described(
    tables: list[Table], names: _Names, description: SetDescription
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    empty = np.array([name in names.background for name in names.categories])
    poses, factors = [], []
    for table in tables:
        side = max(table.header.shape[2:])
        described = poses_and_factors(
            table.numbers, empty[table.labels], side, description, table.info
        )
        poses.append(described[0])
        factors.append(described[1])
    joined = {name: np.concatenate([part[name] for part in factors]) for name in factors[0]}
    return np.concatenate(poses), joined


def _reader(tables: list[Table]) -> Callable[[int], np.ndarray]:
    """Return the function that reads the images of a sample, counted over all parts."""
    in_memory = sum(table.header.payload for table in tables if table.header.zipped)
    streamed, recent = in_memory > STREAMED_ABOVE, RecentBlocks()
    images = [
        GzipRows(table.dat, table.header, recent)
        if streamed and table.header.zipped
        else read_matrix(table.dat, table.header)
        for table in tables
    ]
    starts = [0, *accumulate(len(part) for part in images)]

    def read(row: int) -> np.ndarray:
        number = bisect_right(starts, row) - 1
        return np.array(images[number][row - starts[number]])

    return read


def write_norb(
    folder: str | Path,
    prefix: str,
    images: np.ndarray,
    categories: np.ndarray,
    info: np.ndarray,
    *,
    compress: bool = False,
) -> None:
    """Write the three files of a split, PREFIX-dat.mat and so on, from arrays in memory.

    Args:
        folder: An existing folder; files of the same names are replaced.
        prefix: Should hold "training" or "testing" if the set has splits.
        images: uint8 (N, V, H, W).
        categories: (N,) integer labels.
        info: (N, 4) or (N, 10) numbers, see `objrec.datasets.norb.info`.
        compress: Write .mat.gz files.

    Raises:
        DataError: The folder cannot be written to.
    """
    with NorbWriter(folder, prefix, compress=compress) as writer:
        writer.add(images, np.asarray(categories), np.asarray(info))
