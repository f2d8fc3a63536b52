"""Converting a data set: into a labelled folder or NORB files, smaller or as it is.

Neither direction loses anything without being told so. The set that is read is never touched, and
the new one appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from objrec.datasets.description import SetDescription, read_description
from objrec.datasets.folder_output import write_folder
from objrec.datasets.frame import PoseFrame
from objrec.datasets.norb.output import NorbOptions, NorbPlan
from objrec.datasets.opening import checked_folder, open_dataset, open_splits
from objrec.datasets.reading import Reading
from objrec.datasets.resizing import Resizing
from objrec.datasets.sample import Dataset
from objrec.datasets.writing import check_apart, check_free, new_folder, write_description
from objrec.errors import Failure, SettingsError

FOLDER, NORB = "folder", "norb"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Conversion:
    """How a set is to be written.

    Attributes:
        resizing: How its images are changed.
        norb: For NORB files.
    """

    resizing: Resizing = field(default_factory=Resizing)
    norb: NorbOptions = field(default_factory=NorbOptions)


@dataclass(frozen=True)
class Made:
    """A set that was written.

    Attributes:
        images: The number of images.
        samples: The number of samples of each split.
        failures: What could not be read, and is not in it.
        remarks: What else its owner should know, in sentences.
    """

    images: int
    samples: dict[str, int]
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()


def convert(
    path: str | Path,
    out: str | Path,
    layout: str,
    conversion: Conversion | None = None,
    *,
    split: str | None = None,
    count: int | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Made:
    """Write a data set into a new folder.

    Args:
        path: The set.
        out: The new folder.
        layout: "folder" or "norb".
        conversion: How.
        split: Write this split only; None: all.
        count: How many samples, spread evenly over the splits; None: all.
        force: Write into a folder that is not empty.
        on_progress: Called with (samples done, samples in all).

    Raises:
        DataError: The set cannot be read, the new one not be written, or NORB files cannot hold
            what it has.
        SettingsError: Options of one layout were given for the other.
    """
    root, conversion = checked_folder(path), conversion or Conversion()
    check_apart(Path(out), [root])
    check_free(Path(out), force=force)
    check_layout(layout, conversion)
    only = [replace(open_dataset(root, split), split="all")] if split else None
    parts = _spread(only or list(open_splits(root)), count)
    with new_folder(out, force=force) as folder:
        return write_set(
            parts, folder, layout, description_of(root, parts), conversion, on_progress
        )


def check_layout(layout: str, conversion: Conversion) -> None:
    """Refuse options of NORB files for a folder, which holds everything.

    Raises:
        SettingsError: There are such.
    """
    if layout == FOLDER and conversion.norb != NorbOptions():
        raise SettingsError("--to: options of NORB files are of no use in a folder; leave them out")


def write_set(
    parts: Sequence[Dataset],
    folder: Path,
    layout: str,
    description: SetDescription,
    conversion: Conversion,
    on_progress: Progress | None = None,
) -> Made:
    """Write splits as one set into an existing folder.

    Args:
        parts: The splits, which share their categories.
        folder: The folder.
        layout: "folder" or "norb".
        description: For set.json; what the layout needs is added.
        conversion: How.
        on_progress: Called with (samples done, samples in all).

    Raises:
        DataError: No sample can be read, or NORB files cannot hold what the set has.
    """
    square = layout == NORB and conversion.resizing.size is not None
    plan = NorbPlan.of(parts, description, conversion.norb) if layout == NORB else None
    if plan:
        parts, description = plan.parts, plan.description
    reading = Reading(parts, conversion.resizing, square=square, on_progress=on_progress)
    images = plan.write(folder, reading) if plan else write_folder(parts, folder, reading)
    reading.check_any(parts[0].root)
    write_description(folder, description, norb=plan is not None)
    return Made(images, dict(reading.counts), tuple(reading.failures))


def description_of(root: Path, parts: Sequence[Dataset]) -> SetDescription:
    """Return what set.json has to say of splits that are written somewhere else."""
    said, first = read_description(root), parts[0]
    found = {first.categories[i] for part in parts for i in np.unique(part.labels)}
    plain = not said.entries.categories and first.categories == tuple(sorted(found))
    entries = replace(
        said.entries,
        name=first.name,
        categories=() if plain else first.categories,
        background=first.background,
    )
    return replace(said, entries=entries, frame=in_degrees(first.frame))


def in_degrees(frame: PoseFrame) -> PoseFrame:
    """Return a frame for labels that have been brought to degrees, as every reader does."""
    units = {axis: "deg" if note.unit == "rad" else note.unit for axis, note in frame.axes.items()}
    axes = {axis: replace(note, unit=units[axis]) for axis, note in frame.axes.items()}
    return replace(frame, axes=axes)


def _spread(parts: Sequence[Dataset], count: int | None) -> list[Dataset]:
    """Pick samples at even distances from all splits; one that gets none is left out."""
    total = sum(map(len, parts))
    if count is None or count >= total:
        return list(parts)
    picked = np.linspace(0, total - 1, count).round().astype(np.int64)
    starts = np.cumsum([0, *map(len, parts)])
    subsets = [
        part.subset(picked[(picked >= start) & (picked < start + len(part))] - start)
        for part, start in zip(parts, starts, strict=False)
    ]
    return [part for part in subsets if len(part)]
