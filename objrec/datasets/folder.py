"""Folders of images: labelled by labels.csv, or one folder per category.

Without labels.csv each folder is a category, and each folder inside it an instance; images directly
in the category's folder have no instance. Hidden files and folders are ignored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from objrec.datasets import labels
from objrec.datasets.images import is_image_name
from objrec.datasets.listing import Listing
from objrec.errors import DataError
from objrec.pose import AXES


def list_folder(folder: Path) -> Listing:
    """List the images of one split, by labels.csv if there is one, otherwise by folders.

    Raises:
        DataError: There is nothing to list, or labels.csv is wrong.
    """
    if (folder / labels.FILE_NAME).is_file():
        return labels.read_labels(folder)
    return list_category_folders(folder)


def list_category_folders(folder: Path) -> Listing:
    """List the images in one folder per category; folders without images are passed over.

    Raises:
        DataError: No folder holds an image.
    """
    rows = [
        (path, category.name, _instance(path, category))
        for category in visible_folders(folder)
        for path in _images_within(category)
    ]
    if not rows:
        raise DataError(_nothing_found(folder))
    files, categories, instances = zip(*rows, strict=True)
    return Listing(
        folder=folder,
        files=files,
        categories=categories,
        poses=np.full((len(rows), len(AXES)), np.nan),
        factors={"instance": np.array(instances, dtype=str)},
    )


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders directly inside a folder, by name, without hidden ones."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _images_within(category: Path) -> list[Path]:
    images = sorted(path for path in category.iterdir() if is_image_name(path))
    for inner in visible_folders(category):
        images += sorted(path for path in inner.rglob("*") if _is_visible_image(path, inner))
    return images


def _is_visible_image(path: Path, folder: Path) -> bool:
    return is_image_name(path) and not any(
        part.startswith(".") for part in path.relative_to(folder).parts
    )


def _instance(path: Path, category: Path) -> str:
    parts = path.relative_to(category).parts
    return parts[0] if len(parts) > 1 else ""


def _nothing_found(folder: Path) -> str:
    if any(is_image_name(path) for path in folder.iterdir()):
        return (
            f"{folder}: holds images but neither labels.csv nor a folder per category; "
            "put the images of each category into a folder of its own"
        )
    return (
        f"{folder}: holds no images; it needs a folder of images per category, "
        "labels.csv, or NORB files (*-dat.mat)"
    )
