"""Opening a data set: which layout a folder has, which splits, and which of them is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from objrec.datasets import labels
from objrec.datasets.description import read_description
from objrec.datasets.folder import list_folder, visible_folders
from objrec.datasets.listing import to_dataset
from objrec.datasets.norb import find_norb, read_norb
from objrec.datasets.sample import Dataset, concatenated
from objrec.errors import DataError
from objrec.options import did_you_mean

ALL = "all"
# In the order in which splits are listed.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def open_dataset(
    path: str | Path, split: str | None = None, *, purpose: Literal["train", "test"] = "train"
) -> Dataset:
    """Open a data set; its images are read later, one by one.

    Args:
        path: The set's folder: NORB files, labels.csv, or a folder per category; the latter two
            also inside train/ and test/.
        split: "train", "val" or "test", "all" for everything; None chooses by purpose.
        purpose: "train" takes the first split, "test" the test split (the last if there is none
            of that name); a set of one split is taken whole.

    Raises:
        DataError: There is no such set or split, or its files are wrong.
    """
    root = checked_folder(path)
    names = list_splits(root)
    wanted = _default_split(names, purpose) if split is None else _canonical(split)
    if wanted != ALL and wanted not in names:
        hint = did_you_mean(wanted, names) or f"; choose {' or '.join((*names, ALL))}"
        raise DataError(f"{root}: has no split '{split}'{hint}")
    if find_norb(root):
        return read_norb(root, wanted)
    return _open_folders(root, wanted)


def list_splits(path: str | Path) -> tuple[str, ...]:
    """Return the names of a set's splits, the training split first; ("all",) if it has none.

    Raises:
        DataError: There is no such folder.
    """
    root = checked_folder(path)
    return tuple(find_norb(root)) or tuple(split_folders(root))


def checked_folder(path: str | Path) -> Path:
    """Return the path of an existing folder.

    Raises:
        DataError: It does not exist, or is a file.
    """
    root = Path(path).expanduser()
    if root.is_file():
        raise DataError(f"{root}: is a file; name the folder of the data set")
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; check the path")
    return root


def _default_split(names: tuple[str, ...], purpose: str) -> str:
    if purpose not in ("train", "test"):
        raise ValueError(f"purpose must be 'train' or 'test', not {purpose!r}")
    if purpose == "train":
        return names[0]
    return "test" if "test" in names else names[-1]


def _canonical(split: str) -> str:
    lowered = split.lower()
    return next((name for name, words in SPLIT_NAMES.items() if lowered in words), lowered)


def split_folders(root: Path) -> dict[str, Path]:
    """Return split → folder; {"all": root} if the folders inside are not splits.

    They are splits if the root has no labels.csv, and either there is one for training and one
    for testing, or nothing beside them: a lone folder 'train' among others is a category.
    """
    folders = visible_folders(root)
    found = {_canonical(folder.name): folder for folder in folders}
    splits = {name: found[name] for name in SPLIT_NAMES if name in found}
    alone = len(splits) == len(folders)
    both = "train" in splits and len(splits) > 1
    if splits and (alone or both) and not (root / labels.FILE_NAME).is_file():
        return splits
    return {ALL: root}


def _open_folders(root: Path, wanted: str) -> Dataset:
    # All splits are listed, since the categories are those of the whole set.
    description = read_description(root)
    listings = {name: list_folder(folder) for name, folder in split_folders(root).items()}
    found = {category for listing in listings.values() for category in listing.categories}
    categories = description.ordered(found, root)
    chosen = list(listings) if wanted == ALL else [wanted]
    parts = [to_dataset(listings[n], root, n, categories, description) for n in chosen]
    return concatenated(parts, wanted)
