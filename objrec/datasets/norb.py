"""The small NORB layout: three matrix files a split, for images, categories and everything else.

    PREFIX-training-dat.mat     uint8 (N, V, H, W): V cameras, gray
    PREFIX-training-cat.mat     integer (N,): the category's index
    PREFIX-training-info.mat    integer (N, 4): instance, elevation, azimuth, lighting

Each may be gzip with ".gz" at the end. "training" and "testing" in the name make the splits; files
with neither are a set of one split. How an index becomes degrees is stated in
`objrec.datasets.description`; a negative index means that the value was not observed.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from objrec.datasets.description import FILE_NAME, IndexScale, SetDescription, read_description
from objrec.datasets.norb_matrix import read_matrix, write_matrix
from objrec.datasets.sample import Dataset, concatenated
from objrec.errors import DataError
from objrec.pose import AXES, INDEX

CATEGORIES = ("animal", "human", "airplane", "truck", "car")
_DATA_FILE = re.compile(r"(?P<prefix>.+)-dat\.mat(\.gz)?")
_SPLIT_WORD = re.compile(r"(?<![a-z])(train|test)(ing)?(?![a-z])", re.IGNORECASE)


def find_norb(folder: Path) -> dict[str, str]:
    """Return split → file name prefix of the NORB files in a folder; empty if there are none.

    Raises:
        DataError: Two sets of files belong to the same split.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        match = _DATA_FILE.fullmatch(path.name)
        if match is None or path.name.startswith("."):
            continue
        prefix = match["prefix"]
        word = _SPLIT_WORD.search(prefix)
        split = word[1].lower() if word else "all"
        if found.setdefault(split, prefix) != prefix:
            raise DataError(
                f"{folder}: {found[split]} and {prefix} are both the {split} split; "
                "keep one of them in the folder"
            )
    if "all" in found and len(found) > 1:
        raise DataError(
            f"{folder}: {found['all']} is neither training nor testing, as other files are; "
            "keep it in a folder of its own"
        )
    return {split: found[split] for split in ("train", "test", "all") if split in found}


def read_norb(
    folder: str | Path, which: str = "all", description: SetDescription | None = None
) -> Dataset:
    """Read NORB files.

    Args:
        folder: The folder that holds the files.
        which: "train", "test", or "all" of them.
        description: What is known of the set; its set.json if left out.

    Raises:
        DataError: Files are missing or damaged, or contradict each other.
    """
    folder = Path(folder)
    description = description or read_description(folder)
    prefixes = find_norb(folder)
    wanted = list(prefixes) if which == "all" else [which]
    if not prefixes or not set(wanted) <= set(prefixes):
        raise DataError(f"{folder}: has no NORB files for split '{which}'; check the folder")
    parts = [_read_split(folder, split, prefixes[split], description) for split in wanted]
    return concatenated(parts, which)


def _read_split(folder: Path, split: str, prefix: str, description: SetDescription) -> Dataset:
    path = _existing(folder, prefix, "dat")
    images = read_matrix(path)
    if images.ndim != 4 or images.dtype != np.uint8:
        shape = " x ".join(map(str, images.shape))
        raise DataError(
            f"{path}: holds {shape} of {images.dtype}; images must be bytes in four dimensions "
            "(samples, cameras, height, width)"
        )
    categories = description.entries.categories or CATEGORIES
    poses, factors = _read_info(_existing(folder, prefix, "info"), len(images), description)
    return Dataset(
        name=description.entries.name or folder.resolve().name,
        split=split,
        root=folder,
        categories=categories,
        labels=_read_labels(_existing(folder, prefix, "cat"), len(images), categories),
        poses=poses,
        factors=factors,
        sources=tuple(f"{path}#{i}" for i in range(len(images))),
        cameras=images.shape[1],
        colour=False,
        frame=description.frame,
        background=description.entries.background,
        read=lambda row: np.array(images[row]),
        rows=np.arange(len(images)),
    )


def _existing(folder: Path, prefix: str, kind: str) -> Path:
    plain = folder / f"{prefix}-{kind}.mat"
    zipped = plain.with_name(plain.name + ".gz")
    for path in (plain, zipped):
        if path.is_file():
            return path
    raise DataError(f"{plain}: no such file, with or without .gz; copy it beside the -dat file")


def _read_labels(path: Path, count: int, categories: tuple[str, ...]) -> np.ndarray:
    labels = _integers(path, (count,))
    beyond = (labels < 0) | (labels >= len(categories))
    if beyond.any():
        raise DataError(
            f"{path}: label {labels[beyond][0]} is not one of the {len(categories)} categories; "
            f"list their names in {FILE_NAME}"
        )
    return labels


def _read_info(
    path: Path, count: int, description: SetDescription
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    info = _integers(path, (count, 4))
    poses = np.full((count, len(AXES)), np.nan)
    poses[:, INDEX["elevation"]] = _degrees(info[:, 1], description.elevation)
    poses[:, INDEX["azimuth"]] = _degrees(info[:, 2], description.azimuth) % 360.0
    beyond = np.flatnonzero(np.abs(poses[:, INDEX["elevation"]]) > 90)
    if len(beyond):
        index, degrees = info[beyond[0], 1], poses[beyond[0], INDEX["elevation"]]
        raise DataError(
            f"{path}: elevation index {index} of sample {beyond[0]} means {degrees:g} degrees; "
            f"state first and step of the elevation in {FILE_NAME}"
        )
    columns = {"instance": info[:, 0], "lighting": info[:, 3]}
    return poses, {k: np.where(v < 0, "", v.astype(str)) for k, v in columns.items()}


def _degrees(index: np.ndarray, scale: IndexScale) -> np.ndarray:
    return np.where(index < 0, np.nan, scale.first + index * scale.step)


def _integers(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    array = read_matrix(path)
    # One-dimensional files are also written as (N, 1, 1).
    flat = array.reshape(shape) if array.size == np.prod(shape) else array
    if array.shape[0] != shape[0] or flat.shape != shape or array.dtype.kind not in "iu":
        found, wanted = (" x ".join(map(str, s)) for s in (array.shape, shape))
        raise DataError(
            f"{path}: holds {found} of {array.dtype.name}, the images need {wanted} of int32; "
            "use the files of one set"
        )
    return flat.astype(np.int64)


def write_norb(
    folder: str | Path,
    prefix: str,
    images: np.ndarray,
    categories: np.ndarray,
    info: np.ndarray,
    *,
    compress: bool = False,
) -> None:
    """Write the three files of a split, PREFIX-dat.mat and so on.

    Args:
        folder: An existing folder; files of the same names are overwritten.
        prefix: Should hold "training" or "testing" if the set has splits.
        images: uint8 (N, V, H, W).
        categories: (N,) integer labels.
        info: (N, 4) integers: instance, elevation index, azimuth index, lighting.
        compress: Write .mat.gz files.
    """
    labels, info = np.asarray(categories), np.asarray(info)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 (N, V, H, W), not {images.dtype} {images.shape}")
    if labels.shape != images.shape[:1] or info.shape != (len(images), 4):
        raise ValueError(f"{len(images)} images, but {labels.shape} labels and {info.shape} info")
    end = ".mat.gz" if compress else ".mat"
    files = {"dat": images, "cat": labels.astype(np.int32), "info": info.astype(np.int32)}
    for kind, array in files.items():
        write_matrix(Path(folder) / f"{prefix}-{kind}{end}", array, compress=compress)
