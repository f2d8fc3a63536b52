"""Writing labelled folders: images, labels.csv, set.json, and a folder that appears whole or not.

Everything that makes a set (conversion, splitting, turntables, rendering) writes through this
page, so that all of them write what `objrec.datasets.labels` reads.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets import labels
from objrec.datasets.description import FILE_NAME, SetDescription
from objrec.errors import DataError
from objrec.pose import AXES, Pose

_FIRST = ("file", "category", "instance", "split", "pair", "camera", *AXES)


@contextmanager
def new_folder(out: str | Path, *, force: bool = False) -> Iterator[Path]:
    """Give a folder to write into; on success its content becomes that of `out`.

    Args:
        out: The folder to make; what an existing one holds under other names stays there.
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
            for path in sorted(Path(folder).iterdir()):
                _replace(path, out / path.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{out}: cannot be written ({reason}); choose another folder") from error


def check_free(out: Path, *, force: bool = False) -> None:
    """Refuse a folder that holds something.

    Raises:
        DataError: It is a file, or is not empty and `force` was not given.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; name a folder for the set")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise DataError(f"{out}: exists and is not empty; name another folder or add --force")


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


def label_cells(category: str, pose: np.ndarray, factors: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of one row of labels.csv, all but the file.

    Args:
        category: Its name.
        pose: (6,) stored units, NaN where not observed.
        factors: Instance, lighting, …; "" where not known.
    """
    cells = {axis: f"{v:.10g}" for axis, v in Pose.from_vector(pose).to_dict().items()}
    return {"category": category, **cells, **factors}


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
    path.write_text(text.getvalue(), encoding="utf-8")


def write_description(folder: Path, description: SetDescription) -> None:
    """Write set.json into a folder."""
    text = json.dumps(description.to_json(), indent=2, ensure_ascii=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def labels_file(folder: Path) -> Path:
    """Return the path of labels.csv in a folder."""
    return folder / labels.FILE_NAME
