"""Writing samples of any data set as a labelled folder: PNG files and a labels.csv.

The folder is a data set itself, and its images can be looked at, sorted and classified one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from objrec.datasets.labels import FILE_NAME
from objrec.datasets.sample import Dataset
from objrec.datasets.writing import label_cells, write_image, write_labels
from objrec.errors import DataError, Failure


def export_folder(
    dataset: Dataset,
    folder: str | Path,
    *,
    count: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[int, tuple[Failure, ...]]:
    """Write samples as PNG files named by category, with their labels in labels.csv.

    A sample of several cameras becomes one file a camera, with the factor ``camera``.

    Args:
        dataset: What to write.
        folder: Where to; made if it does not exist.
        count: How many samples, spread evenly over the set; None: all of them.
        on_progress: Called with (samples done, samples in all).

    Returns:
        The number of files written, and the samples whose images could not be read.

    Raises:
        DataError: The folder holds a labels.csv already, a file cannot be written, or no sample
            can be read.
    """
    folder = Path(folder)
    if (folder / FILE_NAME).exists():
        raise DataError(f"{folder / FILE_NAME}: exists; export into a new folder")
    picked = _spread(len(dataset), count)
    rows: list[dict[str, str]] = []
    failures: list[Failure] = []
    for done, index in enumerate(picked, 1):
        try:
            rows += _write_sample(dataset, int(index), folder)
        except DataError as error:
            source = dataset.sources[int(index)]
            failures.append(Failure(source, str(error).removeprefix(f"{source}: ")))
        if on_progress:
            on_progress(done, len(picked))
    if not rows:
        raise DataError(str(failures[0]) if failures else f"{dataset.root}: has no samples")
    write_labels(folder / FILE_NAME, rows)
    return len(rows), tuple(failures)


def _spread(size: int, count: int | None) -> np.ndarray:
    if count is None or count >= size:
        return np.arange(size)
    return np.linspace(0, size - 1, count).round().astype(np.int64)


def _write_sample(dataset: Dataset, index: int, folder: Path) -> list[dict[str, str]]:
    sample = dataset[index]
    cells = label_cells(sample.category or "", sample.pose, sample.factors)
    rows = []
    for camera, pixels in enumerate(sample.images):
        suffix = f"-camera{camera}" if len(sample.images) > 1 else ""
        name = f"{_file_name(sample.category)}/{index:05d}{suffix}.png"
        write_image(folder / name, pixels)
        rows.append({"file": name, **cells} | ({"camera": str(camera)} if suffix else {}))
    return rows


def _file_name(category: str | None) -> str:
    """Return a folder name for a category, which may be any text: labels.csv has the true one."""
    return re.sub(r"[^\w -]+", "_", category or "") or "_"
