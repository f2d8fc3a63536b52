"""What every reader of a data set returns: a `Dataset`, a sequence of `Sample` values.

A data set is a table held in memory (category, pose and factors of each sample) beside images
that are read only when a sample is asked for. This module opens no file itself.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError, Failure


@dataclass(frozen=True)
class Sample:
    """One view of one object, as it was stored.

    Attributes:
        images: uint8, (V, H, W) gray or (V, H, W, 3) RGB; V is 1, 2 for a stereo
            pair, or more.
        category: The object's category.
        pose: (6,) float64 in stored units (see `objrec.pose`), NaN where it was not observed.
        factors: What else is known, as text: instance, lighting, ... ; "" where it is not.
        source: The file, or "file#index" for one of many in a file.
    """

    images: np.ndarray
    category: str | None
    pose: np.ndarray
    factors: dict[str, str]
    source: str


@dataclass(frozen=True, eq=False)
class Dataset(Sequence):
    """The samples of one split of a data set.

    Attributes:
        name: What the set is called, from set.json or else its folder.
        split: "train", "val", "test", or "all".
        root: The folder that was opened.
        categories: Names, in the order of the labels.
        labels: (N,) int64 indices into `categories`.
        poses: (N, 6) float64 in stored units, NaN where not observed.
        factors: Name → (N,) text; "" where not known. Always has "instance".
        sources: N names of files (and index within the file).
        cameras: V, the images of each sample.
        colour: Whether the images have colour.
        frame: How the pose labels are meant, from set.json; empty where it says nothing.
        background: Those of `categories` that are no objects: images of them show that nothing
            fits.
        read: Reads the images of a row of the underlying store, uint8 (V, H, W[, 3]).
        rows: (N,) the row of each sample in that store.
    """

    name: str
    split: str
    root: Path
    categories: tuple[str, ...]
    labels: np.ndarray
    poses: np.ndarray
    factors: dict[str, np.ndarray]
    sources: tuple[str, ...]
    cameras: int
    colour: bool
    read: Callable[[int], np.ndarray] = field(repr=False)
    rows: np.ndarray = field(repr=False)
    frame: PoseFrame = field(default_factory=PoseFrame)
    background: tuple[str, ...] = ()
    _failed: dict[str, Failure] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            DataError: Its image cannot be decoded; it is then among the `failures` too.
        """
        index = range(len(self))[operator.index(index)]
        source = self.sources[index]
        try:
            images = self.read(int(self.rows[index]))
        except DataError as error:
            self._failed[source] = Failure.of(source, error)
            raise
        return Sample(
            images=images,
            category=self.categories[self.labels[index]],
            pose=self.poses[index].copy(),
            factors={name: str(column[index]) for name, column in self.factors.items()},
            source=source,
        )

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The files found missing or unreadable so far; the record is shared with subsets."""
        return tuple(self._failed.values())

    @cached_property
    def objects(self) -> np.ndarray:
        """(N,) "category/instance"; a sample without instance is its own object, by its file."""
        instances = self.factors["instance"]
        names = [
            f"{self.categories[label]}/{instance}"
            if instance
            else _own_name(source, self.root, self.categories[label])
            for label, instance, source in zip(self.labels, instances, self.sources, strict=True)
        ]
        return np.array(names, dtype=str)

    @property
    def shows_background(self) -> np.ndarray:
        """(N,) bool, whether a sample is of a background category, and shows no object."""
        nothing = np.array([name in self.background for name in self.categories], dtype=bool)
        return nothing[self.labels]

    def subset(self, indices: Iterable[int] | np.ndarray) -> Dataset:
        """Return the samples at these indices, in this order; a boolean mask works too."""
        picked = np.asarray(indices)
        picked = np.flatnonzero(picked) if picked.dtype == bool else picked.astype(np.int64)
        return replace(
            self,
            labels=self.labels[picked],
            poses=self.poses[picked],
            factors={name: column[picked] for name, column in self.factors.items()},
            sources=tuple(self.sources[i] for i in picked),
            rows=self.rows[picked],
        )

    def with_present_categories(self) -> Dataset:
        """Return the same samples with the categories that occur only, labels renumbered."""
        present, labels = np.unique(self.labels, return_inverse=True)
        names = tuple(self.categories[i] for i in present)
        background = tuple(name for name in self.background if name in names)
        return replace(self, categories=names, labels=labels.ravel(), background=background)


def _own_name(source: str, root: Path, category: str) -> str:
    """Name a sample by its category and its path within the set: cup/7 for cup/7.png."""
    inside = source.removeprefix(f"{root}{os.sep}").removeprefix(f"{category}{os.sep}")
    start, dot, suffix = inside.rpartition(".")
    # The '#12' of one of many in a file, and folders with a dot in their name, are kept.
    return f"{category}/{start if dot and suffix.isalnum() else inside}"


def concatenated(parts: Sequence[Dataset], split: str) -> Dataset:
    """Join splits of one set, which share their categories, into one data set.

    Raises:
        DataError: The splits differ in their number of cameras.
    """
    if len(parts) == 1:
        return replace(parts[0], split=split)
    first = parts[0]
    for part in parts[1:]:
        if part.cameras != first.cameras:
            raise DataError(
                f"{first.root}: split {first.split} has {first.cameras} cameras and split "
                f"{part.split} {part.cameras}; open one split at a time"
            )
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def read(row: int) -> np.ndarray:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        part = parts[number]
        return part.read(int(part.rows[row - starts[number]]))

    return replace(
        first,
        split=split,
        labels=np.concatenate([part.labels for part in parts]),
        poses=np.concatenate([part.poses for part in parts]),
        factors=_joined_factors(parts),
        sources=tuple(source for part in parts for source in part.sources),
        colour=any(part.colour for part in parts),
        read=read,
        rows=np.arange(starts[-1]),
        _failed={failure.source: failure for part in parts for failure in part.failures},
    )


def _joined_factors(parts: Sequence[Dataset]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for part in parts for name in part.factors)
    return {
        name: np.concatenate(
            [part.factors.get(name, np.full(len(part), "", dtype=str)) for part in parts]
        )
        for name in names
    }
