"""Opening a data set: which layout a folder has, which splits, and which of them is meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from objrec.datasets.description import SetDescription, read_description
from objrec.datasets.folder import ALL, check_name, list_folder, visible_folders
from objrec.datasets.frame import PoseFrame
from objrec.datasets.labels import SPLIT_NAMES, canonical_split, find_labels, split_names, unlisted
from objrec.datasets.listing import Listing, to_dataset
from objrec.datasets.norb import find_norb, read_norb
from objrec.datasets.sample import Dataset, concatenated
from objrec.errors import DataError
from objrec.options import did_you_mean


def open_dataset(
    path: str | Path, split: str | None = None, *, purpose: Literal["train", "test"] = "train"
) -> Dataset:
    """Open a data set; its images are read later, one by one.

    Args:
        path: The set's folder: NORB files, labels.csv, or a folder per category; the latter two
            also inside train/ and test/. A labels.csv beside these folders speaks for all of
            them, and names the split of each image in its column 'split'.
        split: "train", "val" or "test", "all" for everything; None chooses by purpose.
        purpose: "train" takes the first split, "test" the test split (the last if there is none
            of that name); a set of one split is taken whole.

    Raises:
        DataError: There is no such set or split, or its files are wrong.
    """
    root = checked_folder(path)
    if norb := find_norb(root):
        return read_norb(root, _wanted(root, split, tuple(norb), purpose))
    description = read_description(root)
    listings = _listings(root, description.frame)
    wanted = _wanted(root, split, tuple(listings), purpose)
    return _opened(root, listings, wanted, description)


def open_splits(path: str | Path) -> Iterator[Dataset]:
    """Yield every split of a data set, the training split first; its files are listed once.

    Each is opened when it is asked for: gzip files take memory.

    Raises:
        DataError: There is no such set, or its files are wrong.
    """
    root = checked_folder(path)
    if norb := find_norb(root):
        yield from (read_norb(root, name) for name in norb)
        return
    description = read_description(root)
    listings = _listings(root, description.frame)
    yield from (_opened(root, listings, name, description) for name in listings)


def list_splits(path: str | Path) -> tuple[str, ...]:
    """Return the names of a set's splits, the training split first; ("all",) if it has none.

    Raises:
        DataError: There is no such folder, or its labels.csv cannot be read.
    """
    root = checked_folder(path)
    if norb := find_norb(root):
        return tuple(norb)
    table = find_labels(root)
    return (split_names(table) if table else ()) or tuple(split_folders(root))


def checked_folder(path: str | Path) -> Path:
    """Return the path of a folder that exists and can be listed.

    Raises:
        DataError: It does not exist, is a file, or may not be listed.
    """
    root = Path(path).expanduser()
    try:
        if root.is_file():
            raise DataError(f"{root}: is a file; name the folder of the data set")
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; check the path")
        next(root.iterdir(), None)
        check_name(root)
    except OSError as error:
        raise unlisted(root, error) from error
    return root


def split_folders(root: Path) -> dict[str, Path]:
    """Return split → folder; {"all": root} if the folders inside are not splits.

    They are splits if the root has no labels.csv, and either there is one for training and one
    for testing, or nothing beside them: a lone folder 'train' among others is a category.

    Raises:
        DataError: Two folders are the same split.
    """
    return {ALL: root} if find_labels(root) else _folders_named_as_splits(root) or {ALL: root}


def _folders_named_as_splits(root: Path) -> dict[str, Path]:
    folders = visible_folders(root)
    found: dict[str, list[Path]] = {name: [] for name in SPLIT_NAMES}
    for folder in folders:
        found.get(canonical_split(folder.name), []).append(folder)
    splits = {name: paths for name, paths in found.items() if paths}
    alone = sum(map(len, splits.values())) == len(folders)
    both = "train" in splits and len(splits) > 1
    if not splits or not (alone or both):
        return {}
    for name, paths in splits.items():
        if len(paths) > 1:
            one, other = paths[:2]
            raise DataError(
                f"{root}: {one.name} and {other.name} are both the {name} split; keep one of them"
            )
    return {name: paths[0] for name, paths in splits.items()}


def _wanted(root: Path, split: str | None, names: tuple[str, ...], purpose: str) -> str:
    if purpose not in ("train", "test"):
        raise ValueError(f"purpose must be 'train' or 'test', not {purpose!r}")
    if split is None:
        last = "test" if "test" in names else names[-1]
        return names[0] if purpose == "train" else last
    wanted = canonical_split(split)
    if wanted != ALL and wanted not in names:
        hint = did_you_mean(wanted, names) or f"; choose {' or '.join((*names, ALL))}"
        raise DataError(f"{root}: has no split '{split}'{hint}")
    return wanted


def _listings(root: Path, frame: PoseFrame) -> dict[str, Listing]:
    """List all splits, since the categories are those of the whole set."""
    table = find_labels(root)
    if table is None and (folders := _folders_named_as_splits(root)):
        return {n: _listed_split(n, folder, frame, root) for n, folder in folders.items()}
    listings = list_folder(root, frame)
    if table and ALL in listings:
        _refuse_two_truths(root, table)
    return listings


def _listed_split(name: str, folder: Path, frame: PoseFrame, root: Path) -> Listing:
    """List the folder of one split; a column 'split' in its labels.csv may only say the same."""
    listings = list_folder(folder, frame, root)
    for said, listing in listings.items():
        if said not in (ALL, name) and listing.places:
            raise DataError(
                f"{folder / listing.places[0][0]}: split is '{said}', but the file is in the "
                f"folder {folder.name}; correct it, or remove the column 'split'"
            )
    return next(iter(listings.values()))


def _refuse_two_truths(root: Path, table: Path) -> None:
    # One of them would be passed over without a word, and test images be trained on.
    for folder in _folders_named_as_splits(root).values():
        if inner := find_labels(folder):
            raise DataError(
                f"{table}: has no column 'split', yet there is {folder.name}/{inner.name} too; "
                f"add the column, or remove one of the two"
            )


def _opened(
    root: Path, listings: dict[str, Listing], wanted: str, description: SetDescription
) -> Dataset:
    found = {category for listing in listings.values() for category in listing.categories}
    categories = description.ordered(found, root)
    description = description.checked(categories, root)
    chosen = list(listings) if wanted == ALL else [wanted]
    parts = [to_dataset(listings[n], root, n, categories, description) for n in chosen]
    return concatenated(parts, wanted)
