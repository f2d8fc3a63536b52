"""Writing labelled folders: images, labels.csv, set.json, and a folder that appears whole or not.

Everything that makes a set (conversion, splitting, turntables, rendering) writes through this
page, so that all of them write what `objrec.datasets.labels` reads.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets import labels
from objrec.datasets.description import AZIMUTH, ELEVATION, FILE_NAME, SetDescription
from objrec.errors import DataError
from objrec.pose import AXES, Pose

# What makes a folder a set, and would speak for the images of the set before.
_DESCRIBING = re.compile(rf"{labels.FILE_NAME}|{FILE_NAME}|.+-(dat|cat|info)\.mat(\.gz)?", re.I)
_FIRST = ("file", "category", "instance", "split", "pair", "camera", *AXES)


@contextmanager
def new_folder(out: str | Path, *, force: bool = False) -> Iterator[Path]:
    """Give a folder to write into; on success its content becomes that of `out`.

    Args:
        out: The folder to make; what an existing one holds under other names stays there, but for
            the files that say what its images are: labels.csv, set.json, NORB files.
        force: Write into a folder that is not empty.

    Raises:
        DataError: It is a file, is not empty, or cannot be written.
    """
    out = Path(out)
    check_free(out, force=force)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
            yield Path(folder)
            out.mkdir(exist_ok=True)
            for path in _describing(out):
                path.unlink()
            for path in sorted(Path(folder).iterdir()):
                _replace(path, out / path.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{out}: cannot be written ({reason}); choose another folder") from error


def _describing(folder: Path) -> list[Path]:
    """List the files that say what the images of a set are, its splits' included."""
    inner = [p for p in folder.iterdir() if labels.canonical_split(p.name) in labels.SPLIT_NAMES]
    folders = [folder, *(path for path in inner if path.is_dir())]
    paths = [path for one in folders for path in one.iterdir()]
    return [path for path in paths if _DESCRIBING.fullmatch(path.name) and not path.is_dir()]


def check_free(out: Path, *, force: bool = False) -> None:
    """Refuse a folder that holds something.

    Raises:
        DataError: It is a file, or is not empty and `force` was not given.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; name a folder for the set")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise DataError(f"{out}: exists and is not empty; name another folder or add --force")


def check_apart(out: Path, sets: Iterable[Path]) -> None:
    """Refuse to write a set into one that is being read, or around it.

    Raises:
        DataError: One of the sets is `out`, lies inside it, or has it inside.
    """
    target = out.expanduser().resolve()
    for folder in sets:
        source = folder.expanduser().resolve()
        if source == target:
            raise DataError(f"{out}: is the set that is read; name a new folder")
        if target.is_relative_to(source) or source.is_relative_to(target):
            inside = "inside" if target.is_relative_to(source) else "around"
            raise DataError(f"{out}: lies {inside} the set {folder}; name a folder beside it")


def _replace(path: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    path.replace(target)


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W) or (H, W, 3) RGB as the kind of file that the suffix names.

    Raises:
        DataError: It cannot be written.
    """
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(path.suffix, stored)[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def copy_file(source: Path, path: Path, *, link: bool = False) -> None:
    """Copy a file byte for byte, or make another name for it where the file system allows that.

    Args:
        source: The file; a symbolic link is followed.
        path: The new file; its folders are made.
        link: Make a hard link, which takes no room.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()
    if link:
        try:
            os.link(source, path)
            return
        except OSError:  # another file system, or one without hard links
            pass
    shutil.copyfile(source, path)


def label_cells(category: str, pose: np.ndarray, factors: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of one row of labels.csv, all but the file.

    Args:
        category: Its name.
        pose: (6,) stored units, NaN where not observed.
        factors: Instance, lighting, …; "" where not known.
    """
    cells = {axis: _cell(axis, v) for axis, v in Pose.from_vector(pose).to_dict().items()}
    return {"category": category, **cells, **factors}


def _cell(axis: str, value: float) -> str:
    """Return the shortest text that reads as the same stored number."""
    stored = math.log if axis == "scale" else float
    short = f"{value:.10g}"
    return short if stored(float(short)) == stored(value) else repr(value)


def write_labels(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write labels.csv: the well-known columns first, then factors by name.

    Args:
        path: The file.
        rows: Column → text; a row may lack columns.
    """
    used = {name for row in rows for name in row}
    first = [name for name in _FIRST if name in used]
    text = io.StringIO()
    columns = [*first, *sorted(used - set(first))]
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def write_description(folder: Path, description: SetDescription, *, norb: bool = True) -> None:
    """Write set.json into a folder.

    Args:
        folder: An existing folder.
        description: What to say.
        norb: Whether the folder holds NORB files, which need the scales of their indices even
            where these are the usual ones.
    """
    content = description.to_json()
    for axis, usual in (("elevation", ELEVATION), ("azimuth", AZIMUTH)):
        if not norb and content.get(axis) == usual.to_json():
            del content[axis]
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def labels_file(folder: Path) -> Path:
    """Return the path of labels.csv in a folder."""
    return folder / labels.FILE_NAME
