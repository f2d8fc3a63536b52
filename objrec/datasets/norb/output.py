"""Writing samples as NORB files, and refusing what these cannot hold unless its loss is accepted.

They hold gray images of one size, and of each sample its category, numbers for object and
lighting, azimuth and elevation on an index scale, and, in ten columns, shift, scale, roll,
lumination and contrast. Names, and which scale it is, go into set.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from objrec.datasets.description import SetDescription
from objrec.datasets.naming import safe_name
from objrec.datasets.norb.index_scales import rounded, with_scales
from objrec.datasets.norb.info import COUNTED, MEASURED, info_of
from objrec.datasets.norb.names import numbered, with_names
from objrec.datasets.norb.writing import NorbWriter
from objrec.datasets.reading import Item, Reading
from objrec.datasets.sample import Dataset
from objrec.errors import DataError
from objrec.options import Settings, option

_WORDS = {"train": "-training", "val": "-validation", "test": "-testing", "all": ""}


@dataclass(frozen=True)
class NorbOptions(Settings):
    """NORB files (--to norb)."""

    drop_factors: bool = option(False, "leave out factors that NORB files cannot hold")
    round_poses: bool = option(False, "round azimuth and elevation to hundredths of a degree")
    gzip: bool = option(False, "write .mat.gz files")
    part_samples: int | None = option(
        None, "begin a new numbered file after so many samples", minimum=1
    )


@dataclass(frozen=True)
class NorbPlan:
    """What will be written: splits that NORB files can hold, and the set.json that goes with them.

    Attributes:
        parts: The splits, objects and lightings numbered.
        description: Categories, names and index scales.
        options: How to write.
    """

    parts: tuple[Dataset, ...]
    description: SetDescription
    options: NorbOptions

    @classmethod
    def of(
        cls, parts: Sequence[Dataset], description: SetDescription, options: NorbOptions
    ) -> NorbPlan:
        """Find numbers for all that is known of a set; no image is read.

        Raises:
            DataError: There is something that the files cannot hold.
        """
        parts = [_without_layout(part) for part in parts]
        if options.drop_factors:
            parts = [_with_held_factors(part) for part in parts]
        else:
            _check_factors(parts)
        if options.round_poses:
            parts = [rounded(part) for part in parts]
        description = with_scales(with_names(description, parts), parts)
        entries = replace(description.entries, categories=parts[0].categories)
        description = replace(description, entries=entries)
        return cls(tuple(numbered(p, description) for p in parts), description, options)

    def write(self, folder: Path, reading: Reading) -> int:
        """Write the splits; returns the number of images.

        Args:
            folder: An existing folder.
            reading: Reads the samples of `parts`.

        Raises:
            DataError: Images have colour, or differ in size.
        """
        count = 0
        for part in self.parts:
            prefix = _prefix(self.description.entries.name or "set", part.split)
            items = reading.items(part)
            first = next(items, None)
            if first is None:
                continue
            options = {"compress": self.options.gzip, "part_samples": self.options.part_samples}
            with NorbWriter(folder, prefix, **options) as writer:
                rows = _Rows(part, self.description, first)
                for item in chain([first], items):
                    writer.add(*rows.of(item))
                    count += len(item.sample.images)
        return count


class _Rows:
    """Turns the samples of a split into rows of its files."""

    def __init__(self, dataset: Dataset, description: SetDescription, first: Item) -> None:
        self._dataset, self._description = dataset, description
        self._first = first
        self._size = first.sample.images.shape[1:3]
        self._info = info_of(dataset, description, max(self._size))

    def of(self, item: Item) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images (1, V, H, W), labels (1,) and info (1, 4 or 10).

        Raises:
            DataError: The image has colour, or another size than the first.
        """
        images, row = _gray(item), slice(item.index, item.index + 1)
        if images.shape[1:] != self._size:
            sizes = [f"{w} x {h}" for h, w in (images.shape[1:], self._size)]
            raise DataError(
                f"{item.sample.source}: is {sizes[0]} pixels, {self._first.sample.source} "
                f"{sizes[1]}, and NORB files hold one size; add --size {min(self._size)}"
            )
        info, before = self._info[row], self._dataset.poses[item.index]
        if not np.array_equal(item.sample.pose, before, equal_nan=True):
            one = replace(self._dataset.subset([item.index]), poses=item.sample.pose[None])
            info = info_of(one, self._description, max(self._size))
        return images[None], self._dataset.labels[row], info


def _gray(item: Item) -> np.ndarray:
    images = item.sample.images
    if images.ndim == 3:
        return images
    if (images != images[..., :1]).any():
        raise DataError(
            f"{item.sample.source}: has colour, which NORB files cannot hold; "
            "add --gray to make it gray"
        )
    return images[..., 0]


def _without_layout(dataset: Dataset) -> Dataset:
    """Leave out the names of camera pairs: which images belong together is in the files' shape."""
    return replace(dataset, factors={n: c for n, c in dataset.factors.items() if n != "pair"})


def _with_held_factors(dataset: Dataset) -> Dataset:
    """Leave out other factors, and all that is known of samples that show no object."""
    held = {n: c.copy() for n, c in dataset.factors.items() if n in COUNTED | MEASURED}
    nothing, poses = dataset.shows_background, dataset.poses.copy()
    poses[nothing] = np.nan
    for column in held.values():
        column[nothing] = ""
    return replace(dataset, factors=held, poses=poses)


def _check_factors(parts: Sequence[Dataset]) -> None:
    for part in parts:
        for name, column in part.factors.items():
            if name not in COUNTED | MEASURED and (column != "").any():
                raise DataError(
                    f"{part.root}: has the factor '{name}', which NORB files cannot hold; "
                    "add --drop-factors to leave it out"
                )
        nothing = part.shows_background
        known = [column[nothing] != "" for column in part.factors.values()]
        if np.any(known) or not np.isnan(part.poses[nothing]).all():
            raise DataError(
                f"{part.root}: says more of its background than that it is background, which NORB "
                "files cannot hold; add --drop-factors to leave that out"
            )


def _prefix(name: str, split: str) -> str:
    base = safe_name(name)
    # A word of a split in the name of the set would be taken for the split.
    if re.search("train|val|test", base, re.IGNORECASE):
        base = "set"
    return base + _WORDS[split]
