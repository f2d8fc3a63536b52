"""A list of image files with what is known of each, and how it becomes a `Dataset`.

Both folder layouts (labels.csv, or one folder per category) end up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets.description import SetDescription
from objrec.datasets.images import read_image
from objrec.datasets.sample import Dataset
from objrec.errors import DataError, Failure

_PROBES = 5


@dataclass(frozen=True)
class Listing:
    """Image files of one split, in order.

    Attributes:
        folder: Where they were listed.
        files: N paths.
        categories: N names.
        poses: (N, 6) float64 in stored units, NaN where not observed.
        factors: Name → N texts; always has "instance".
        places: N places that name the file ("labels.csv:17"), for messages; may be empty.
    """

    folder: Path
    files: tuple[Path, ...]
    categories: tuple[str, ...]
    poses: np.ndarray
    factors: dict[str, np.ndarray]
    places: tuple[str, ...] = ()


def to_dataset(
    listing: Listing,
    root: Path,
    split: str,
    categories: tuple[str, ...],
    description: SetDescription,
) -> Dataset:
    """Make the data set of a listing; files that are missing are among its failures.

    Args:
        listing: The files of the split.
        root: The folder that the user named.
        split: The split's name.
        categories: All categories of the set, in label order.
        description: What set.json says.

    Raises:
        DataError: None of the listed files exists.
    """
    present = np.array([path.is_file() for path in listing.files], dtype=bool)
    if not present.any():
        raise DataError(
            f"{listing.folder}: none of the {len(present)} files that labels.csv lists exists; "
            "its column 'file' must be relative to labels.csv"
        )
    kept = np.flatnonzero(present)
    number = {name: label for label, name in enumerate(categories)}
    files = [listing.files[i] for i in kept]
    return Dataset(
        name=description.entries.name or root.resolve().name,
        split=split,
        root=root,
        categories=categories,
        labels=np.array([number[listing.categories[i]] for i in kept], dtype=np.int64),
        poses=listing.poses[kept],
        factors={name: column[kept] for name, column in listing.factors.items()},
        sources=tuple(map(str, files)),
        cameras=1,
        colour=_any_colour(files),
        frame=description.frame,
        background=description.entries.background,
        read=lambda row: read_image(files[row])[None],
        rows=np.arange(len(files)),
        _failed=_missing(listing, np.flatnonzero(~present)),
    )


def _missing(listing: Listing, rows: np.ndarray) -> dict[str, Failure]:
    failures = {}
    for i in rows:
        source = str(listing.files[i])
        message = f"no such file, though {listing.places[i]} names it; add it or remove the row"
        failures[source] = Failure(source, message)
    return failures


def _any_colour(files: list[Path]) -> bool:
    """Look at a few files spread over the list; a set of mixed images counts as colour."""
    probes = np.unique(np.linspace(0, len(files) - 1, _PROBES).round().astype(int))
    for i in probes:
        try:
            if read_image(files[i]).ndim == 3:
                return True
        except DataError:
            continue
    return False
