"""A list of image files with what is known of each, and how it becomes a `Dataset`.

Both folder layouts (labels.csv, or one folder per category) end up here.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets.description import SetDescription
from objrec.datasets.images import read_image
from objrec.datasets.sample import Dataset
from objrec.errors import DataError, Failure

_PROBES = 5
# A gray picture that was stored in colour: its channels may differ by so many of 255 gray levels.
_NEARLY_GRAY = 8


@dataclass(frozen=True)
class Listing:
    """Samples of one split, in order, each of V image files.

    Attributes:
        folder: Where they were listed.
        files: N tuples of V paths.
        categories: N names.
        poses: (N, 6) float64 in stored units, NaN where not observed.
        factors: Name → N texts; always has "instance".
        places: N tuples of V places that name the files ("labels.csv:17"); empty if the files
            were found in folders, so that each is known to exist.
        failures: What was listed, but makes no sample.
        cameras: V.
    """

    folder: Path
    files: tuple[tuple[Path, ...], ...]
    categories: tuple[str, ...]
    poses: np.ndarray
    factors: dict[str, np.ndarray]
    places: tuple[tuple[str, ...], ...] = ()
    failures: tuple[Failure, ...] = ()
    cameras: int = 1


def to_dataset(
    listing: Listing,
    root: Path,
    split: str,
    categories: tuple[str, ...],
    description: SetDescription,
) -> Dataset:
    """Make the data set of a listing; samples that lack a file are among its failures.

    Args:
        listing: The files of the split.
        root: The folder that the user named.
        split: The split's name.
        categories: All categories of the set, in label order.
        description: What set.json says.

    Raises:
        DataError: No sample has all its files.
    """
    missing = _missing(listing)
    kept = np.array([i for i in range(len(listing.files)) if i not in missing], dtype=np.int64)
    failures = (*listing.failures, *missing.values())
    if not len(kept):
        raise DataError(_nothing_left(listing, missing))
    number = {name: label for label, name in enumerate(categories)}
    files = [tuple(map(_found, listing.files[i])) for i in kept]
    return Dataset(
        name=description.entries.name or root.resolve().name,
        split=split,
        root=root,
        categories=categories,
        labels=np.array([number[listing.categories[i]] for i in kept], dtype=np.int64),
        poses=listing.poses[kept],
        factors={name: column[kept] for name, column in listing.factors.items()},
        sources=tuple(map(joined, files)),
        cameras=listing.cameras,
        colour=_any_colour(files),
        frame=description.frame,
        background=description.entries.background,
        read=lambda row: read_cameras(files[row]),
        rows=np.arange(len(files)),
        _failed={failure.source: failure for failure in failures},
    )


def joined(files: tuple[Path, ...]) -> str:
    """Return the source of a sample: "left.png+right.png", as the command line takes it too."""
    return "+".join(map(str, files))


def read_cameras(files: tuple[Path, ...]) -> np.ndarray:
    """Read the images of all cameras of one sample.

    Returns:
        uint8 (V, H, W), or (V, H, W, 3) RGB if one of them has colour.

    Raises:
        DataError: One cannot be read, or they differ in size; the message names the file.
    """
    images = [read_image(file) for file in files]
    first = images[0].shape[:2]
    for file, pixels in zip(files, images, strict=True):
        if pixels.shape[:2] != first:
            sizes = [f"{width} x {height}" for height, width in (pixels.shape[:2], first)]
            raise DataError(
                f"{file}: is {sizes[0]}, while {files[0].name} is {sizes[1]}; "
                "the cameras of one sample need images of one size"
            )
    if len({pixels.ndim for pixels in images}) > 1:
        images = [p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p in images]
    return np.stack(images)


def shows_colour(pixels: np.ndarray) -> bool:
    """Whether an image, (H, W) or (H, W, 3), is no gray one, nor a gray one stored in colour."""
    if pixels.ndim == 2:
        return False
    return int((pixels.max(axis=-1) - pixels.min(axis=-1)).max(initial=0)) > _NEARLY_GRAY


def _found(file: Path) -> Path:
    """Return the file, or its twin of another Unicode form: a Mac writes é as e and an accent."""
    if str(file).isascii() or file.exists():
        return file
    folder = _found(file.parent)
    twins = (folder / unicodedata.normalize(form, file.name) for form in ("NFC", "NFD"))
    return next((twin for twin in twins if twin.exists()), file)


def _missing(listing: Listing) -> dict[int, Failure]:
    """Return a failure for each sample of which labels.csv names a file that is none."""
    failures = {}
    for i, places in enumerate(listing.places):
        for file, place in zip(listing.files[i], places, strict=True):
            if problem := _problem(file):
                which = f"{file.name}: " if listing.cameras > 1 else ""
                message = f"{which}{problem}, though {place} names it; add it or remove the row"
                failures[i] = Failure(joined(listing.files[i]), message)
                break
    return failures


def _problem(file: Path) -> str:
    try:
        if _found(file).is_file():
            return ""
        return "is no file" if file.exists() else "no such file"
    except OSError as error:
        return f"cannot be reached ({error.strerror})"


def _nothing_left(listing: Listing, missing: dict[int, Failure]) -> str:
    if not missing:
        return str(listing.failures[0])
    if listing.cameras > 1:
        first = missing[min(missing)].message
        return f"{listing.folder}: none of the {len(missing)} samples has all its files; {first}"
    table = listing.places[0][0].partition(":")[0]
    return (
        f"{listing.folder}: none of the {len(missing)} files that {table} lists exists; "
        f"its column 'file' must be relative to {table}"
    )


def _any_colour(files: list[tuple[Path, ...]]) -> bool:
    """Look at a few files spread over the list; a set of mixed images counts as colour."""
    probes = np.unique(np.linspace(0, len(files) - 1, _PROBES).round().astype(int))
    for file in (file for i in probes for file in files[i]):
        try:
            if shows_colour(read_image(file)):
                return True
        except DataError:
            continue
    return False
