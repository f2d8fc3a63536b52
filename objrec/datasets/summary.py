"""What a data set holds, as plain values for `objrec data info` and for model cards."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets.labels import find_labels
from objrec.datasets.listing import shows_colour
from objrec.datasets.norb import find_norb
from objrec.datasets.opening import checked_folder, open_splits, split_folders
from objrec.datasets.sample import Dataset
from objrec.errors import DataError, Failure
from objrec.pose import AXES, AXIS, INDEX

_SAMPLED = 50
_LISTED_VALUES = 40


@dataclass(frozen=True)
class CategorySummary:
    """One category: how many views there are of each instance ("" = without a name)."""

    name: str
    views: dict[str, int]

    @property
    def instances(self) -> int:
        """The number of named instances."""
        return sum(1 for name in self.views if name)

    @property
    def images(self) -> int:
        """The number of samples."""
        return sum(self.views.values())


@dataclass(frozen=True)
class AxisCoverage:
    """One pose axis, in the units people use (scale as a ratio).

    Attributes:
        observed: Share of the samples in which it is known.
        distinct: The number of different values.
        values: These values, ascending, if there are at most 40; otherwise empty.
        minimum: The smallest value, None if none is known.
        maximum: The largest value, None if none is known.
    """

    axis: str
    unit: str
    observed: float
    distinct: int
    values: tuple[float, ...]
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class SizeSummary:
    """Image sizes as (width, height), of all images or of some spread over the set.

    Attributes:
        measured: The number of samples that were read for this.
        smallest: The size of least area; None if nothing could be read, as the next two.
        largest: The size of greatest area.
        most_common: The size that most of them have.
    """

    measured: int
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None
    most_common: tuple[int, int] | None


@dataclass(frozen=True)
class SplitSummary:
    """One split; `factors` counts the samples of each value, instances aside."""

    name: str
    images: int
    cameras: int
    colour: bool
    sizes: SizeSummary
    categories: tuple[CategorySummary, ...]
    pose: tuple[AxisCoverage, ...]
    factors: dict[str, dict[str, int]]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class SetSummary:
    """A whole set; `layout` says in words how it is stored, `frame` is its `pose_frame`."""

    path: str
    name: str
    layout: str
    frame: dict[str, Any]
    background: tuple[str, ...]
    splits: tuple[SplitSummary, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON can hold."""
        return dataclasses.asdict(self)


def summarise(
    path: str | Path,
    check: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> SetSummary:
    """Say what a data set holds.

    Args:
        path: The set's folder.
        check: Read every image once, so that all unreadable ones are found; otherwise about 50
            of each split are read, for their sizes.
        on_progress: Called with (images read, images to read) of the split being read.

    Raises:
        DataError: There is no such set, or its files are wrong.
    """
    root = checked_folder(path)
    splits = []
    for dataset in open_splits(root):
        splits.append(_summarise_split(dataset, check, on_progress or (lambda done, total: None)))
    return SetSummary(
        str(path),
        dataset.name,
        _layout(root),
        dataset.frame.to_json(),
        dataset.background,
        tuple(splits),
    )


def _layout(root: Path) -> str:
    if find_norb(root):
        return "NORB files"
    labelled = any(find_labels(folder) for folder in split_folders(root).values())
    return "labelled folder" if labelled else "folder per category"


def _summarise_split(
    dataset: Dataset, check: bool, on_progress: Callable[[int, int], None]
) -> SplitSummary:
    count = len(dataset) if check else min(len(dataset), _SAMPLED)
    indices = np.linspace(0, len(dataset) - 1, count).round().astype(int)
    sizes, colour = _measure(dataset, indices, on_progress)
    return SplitSummary(
        name=dataset.split,
        images=len(dataset),
        cameras=dataset.cameras,
        colour=dataset.colour or colour,
        sizes=sizes,
        categories=_categories(dataset),
        pose=tuple(_coverage(dataset, axis) for axis in AXES),
        factors={
            name: dict(sorted(Counter(column.tolist()).items()))
            for name, column in dataset.factors.items()
            if name != "instance"
        },
        failures=dataset.failures,
    )


def _measure(
    dataset: Dataset, indices: np.ndarray, on_progress: Callable[[int, int], None]
) -> tuple[SizeSummary, bool]:
    found: Counter[tuple[int, int]] = Counter()
    colour = False
    for done, index in enumerate(indices, start=1):
        try:
            images = dataset[index].images
        except DataError:
            continue
        finally:
            on_progress(done, len(indices))
        found[images.shape[2], images.shape[1]] += 1
        colour = colour or any(map(shows_colour, images))
    by_area = sorted(found, key=lambda size: (size[0] * size[1], size))
    most_common = max(by_area, key=found.__getitem__, default=None)
    smallest, largest = (by_area[0], by_area[-1]) if by_area else (None, None)
    return SizeSummary(found.total(), smallest, largest, most_common), colour


def _categories(dataset: Dataset) -> tuple[CategorySummary, ...]:
    views: dict[int, Counter[str]] = {label: Counter() for label in range(len(dataset.categories))}
    for label, instance in zip(dataset.labels, dataset.factors["instance"].tolist(), strict=True):
        views[int(label)][instance] += 1
    return tuple(
        CategorySummary(name, dict(sorted(views[label].items())))
        for label, name in enumerate(dataset.categories)
    )


def _coverage(dataset: Dataset, axis: str) -> AxisCoverage:
    stored = dataset.poses[:, INDEX[axis]]
    known = stored[~np.isnan(stored)]
    values = np.unique((np.exp(known) if axis == "scale" else known).round(6))
    return AxisCoverage(
        axis=axis,
        unit="ratio" if axis == "scale" else AXIS[axis].unit,
        observed=len(known) / len(stored),
        distinct=len(values),
        values=tuple(values.tolist()) if len(values) <= _LISTED_VALUES else (),
        minimum=float(values[0]) if len(values) else None,
        maximum=float(values[-1]) if len(values) else None,
    )
