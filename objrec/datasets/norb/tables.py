"""What one part of a NORB set says of its samples: its categories and info, and its images' header.

The three files are checked against each other here, and sizes that no set has are refused before
anything is made of them. Images are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets.norb.files import NorbPart
from objrec.datasets.norb.info import WIDTHS
from objrec.datasets.norb.matrix import Header, read_header, read_matrix
from objrec.errors import DataError

# More would take half a GB, and no file that people have holds so much: most likely its header, or
# what it is zipped to, says something wrong.
SAMPLE_LIMIT = 2**20
PIXEL_LIMIT = 2**26


@dataclass(frozen=True)
class Table:
    """What one part holds, but for its images: their file and its header."""

    dat: Path
    cat: Path
    info: Path
    header: Header
    labels: np.ndarray
    numbers: np.ndarray

    @property
    def form(self) -> str:
        """What all parts of a split have in common, in words."""
        cameras, height, width = self.header.shape[1:]
        return f"{cameras} x {height} x {width} pixels and {self.numbers.shape[1]} info columns"


def read_table(part: NorbPart) -> Table:
    """Read the numbers of a part, and what its images are.

    Raises:
        DataError: A file is missing, damaged, too large, or contradicts the others.
    """
    dat, cat, info = (part.path(kind) for kind in ("dat", "cat", "info"))
    header = read_header(dat)
    if len(header.shape) != 4 or header.dtype != np.uint8:
        shape = " x ".join(map(str, header.shape))
        raise DataError(
            f"{dat}: holds {shape} of {header.dtype}; images must be bytes in four dimensions "
            "(samples, cameras, height, width)"
        )
    count = header.shape[0]
    _check_size(dat, header)
    labels = _numbers(cat, [(count,)], "iu").astype(np.int64)
    return Table(
        dat, cat, info, header, labels, _numbers(info, [(count, w) for w in WIDTHS], "iuf")
    )


def _check_size(dat: Path, header: Header) -> None:
    count, cameras, height, width = header.shape
    if count > SAMPLE_LIMIT:
        raise DataError(
            f"{dat}: states {count:,} samples, more than {SAMPLE_LIMIT:,}; copy it again, or "
            "write them in numbered parts"
        )
    if cameras * height * width > PIXEL_LIMIT:
        raise DataError(
            f"{dat}: states {cameras} x {height} x {width} pixels a sample, more than "
            f"{PIXEL_LIMIT // 10**6} million; copy it again, or shrink them"
        )


def _numbers(path: Path, shapes: list[tuple[int, ...]], kinds: str) -> np.ndarray:
    header = read_header(path)
    # The format has at least three dimensions; some writers count those of size 1 in.
    for shape in shapes:
        padded = shape + (1,) * (len(header.shape) - len(shape))
        if header.shape == padded and header.dtype.kind in kinds:
            return np.array(read_matrix(path, header)).reshape(shape)
    wanted = " or ".join(" x ".join(map(str, shape)) for shape in shapes)
    found = " x ".join(map(str, header.shape))
    raise DataError(
        f"{path}: holds {found} of {header.dtype.name}, the images need {wanted} of int32; "
        "use the files of one set"
    )
