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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets import labels
from objrec.datasets.description import AZIMUTH, ELEVATION, FILE_NAME, SetDescription
from objrec.errors import DataError
from objrec.files import hidden_folder, is_empty, locked, sweep, write_text, writing
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
        DataError: It is a file, is not empty, or cannot be written; or another process writes it.
    """
    out = Path(out)
    check_free(out, force=force)
    with locked(out), writing(out), hidden_folder(out) as around:
        folder, old = around / "new", around / "old"
        folder.mkdir()
        yield folder
        sweep(folder)
        if out.is_dir() and is_empty(out):
            with suppress(OSError):  # where one folder cannot take the place of another
                out.rmdir()
        if out.is_dir():
            _put_in(folder, out, old)
        else:
            folder.replace(out)


def _put_in(folder: Path, out: Path, old: Path) -> None:
    """Move what a folder holds into another, and what was there and must go into a third.

    It is a matter of renaming, and is undone if it fails.
    """
    news = sorted(folder.iterdir())
    gone = dict.fromkeys([*(out / path.name for path in news), *_describing(out)])
    moves = [(path, old / path.relative_to(out)) for path in gone if os.path.lexists(path)]
    # What goes comes first; images before labels.csv, which speaks for them.
    moves += [(path, out / path.name) for path in sorted(news, key=lambda path: path.is_file())]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            if not os.path.lexists(source):  # its folder went before it
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            with suppress(OSError):
                target.rename(source)
        raise


def _describing(folder: Path) -> list[Path]:
    """List the files that say what the images of a set are, its splits' included."""
    inner = [p for p in folder.iterdir() if labels.canonical_split(p.name) in labels.SPLIT_NAMES]
    folders = [folder, *(path for path in inner if path.is_dir() and not path.is_symlink())]
    paths = [path for one in folders for path in one.iterdir()]
    # Of a split that is a link to elsewhere the link goes, and nothing there.
    links = [path for path in inner if path.is_symlink()]
    named = [path for path in paths if _DESCRIBING.fullmatch(path.name) and not path.is_dir()]
    return named + links


def check_free(out: Path, *, force: bool = False) -> None:
    """Refuse a folder that holds something.

    Raises:
        DataError: It is a file, or is not empty and `force` was not given.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; name a folder for the set")
    if out.is_dir() and not is_empty(out) and not force:
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


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W) or (H, W, 3) RGB as the kind of file that the suffix names.

    Raises:
        DataError: It cannot be written.
    """
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(path.suffix, stored)[1]
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.tobytes())


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

    Raises:
        DataError: It cannot be written.
    """
    used = {name for row in rows for name in row}
    first = [name for name in _FIRST if name in used]
    text = io.StringIO()
    columns = [*first, *sorted(used - set(first))]
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


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
    write_text(folder / FILE_NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def labels_file(folder: Path) -> Path:
    """Return the path of labels.csv in a folder."""
    return folder / labels.FILE_NAME
