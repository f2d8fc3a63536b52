"""Writing the files of a NORB split block by block, in one part or in several.

Files appear under their names when all is written, or not at all. What the numbers in an info
file mean is no matter of this page.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from objrec.datasets.norb.info import WIDTHS
from objrec.datasets.norb.matrix import header_bytes, maybe_gzip, write_matrix
from objrec.files import writing

_BYTE = np.dtype("u1")


class NorbWriter:
    """Writes PREFIX-dat.mat, PREFIX-cat.mat and PREFIX-info.mat; holds one block of images.

    Example:
        with NorbWriter(folder, "toys-training", compress=True) as writer:
            for images, labels, info in blocks:
                writer.add(images, labels, info)
    """

    def __init__(
        self,
        folder: str | Path,
        prefix: str,
        *,
        compress: bool = False,
        part_samples: int | None = None,
    ) -> None:
        """Begin a split; nothing is written yet.

        Args:
            folder: An existing folder; files of the same names, with or without .gz, are
                replaced at the end.
            prefix: Should hold "training" or "testing" if the set has splits.
            compress: Write .mat.gz files.
            part_samples: After so many samples a new part begins: PREFIX-01, PREFIX-02, …
        """
        if part_samples is not None and part_samples < 1:
            raise ValueError(f"part_samples must be at least 1, not {part_samples}")
        self._folder, self._prefix = Path(folder), prefix
        self._compress, self._most = compress, part_samples
        self._parts: list[_Part] = []
        self._form: tuple[int, ...] = ()

    def add(self, images: np.ndarray, labels: np.ndarray, info: np.ndarray) -> None:
        """Write some samples.

        Args:
            images: uint8 (n, V, H, W), with the same V, H and W in every call.
            labels: (n,) integers.
            info: (n, 4) or (n, 10) numbers, as many columns in every call. If they are whole in
                all calls the file is one of integers.

        Raises:
            DataError: The folder cannot be written to.
        """
        images, labels, info = _checked(images, labels, info)
        form = (*images.shape[1:], info.shape[1])
        self._form = self._form or form
        if form != self._form:
            raise ValueError(f"samples of form {form} cannot follow samples of {self._form}")
        with writing(self._folder):
            while len(images):
                part = self._open_part()
                count = len(images) if self._most is None else self._most - part.count
                part.add(images[:count], labels[:count], info[:count])
                images, labels, info = images[count:], labels[count:], info[count:]

    def _open_part(self) -> _Part:
        if self._parts and self._parts[-1].count != self._most:
            return self._parts[-1]
        if self._parts:
            self._parts[-1].finish(self._compress)
        number = "" if self._most is None else f"-{len(self._parts) + 1:02d}"
        self._parts.append(_Part(self._folder, self._prefix + number))
        return self._parts[-1]

    def close(self) -> None:
        """Give the files their names.

        Raises:
            DataError: The folder cannot be written to.
        """
        if not self._parts:
            raise ValueError("no samples were added")
        with writing(self._folder):
            self._parts[-1].finish(self._compress)
            for part in self._parts:
                part.publish(self._compress)

    def discard(self) -> None:
        """Remove what has been written."""
        for part in self._parts:
            part.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.discard()


class _Part:
    """The three files of one part, under hidden names until they are published."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.count = 0
        self._folder, self._prefix = folder, prefix
        self._shape: tuple[int, ...] = ()
        self._spool: BinaryIO | None = None
        self._labels: list[np.ndarray] = []
        self._info: list[np.ndarray] = []

    def add(self, images: np.ndarray, labels: np.ndarray, info: np.ndarray) -> None:
        if self._spool is None:
            self._spool = self._hidden("spool").open("wb")
            # The number of samples is known in the end only; the header's length is not in doubt.
            self._spool.write(header_bytes(_BYTE, images.shape))
        self.count += len(images)
        self._shape = (self.count, *images.shape[1:])
        self._spool.write(np.ascontiguousarray(images))
        self._labels.append(labels)
        self._info.append(info)

    def finish(self, compress: bool) -> None:
        """Write the files, all but their names."""
        self._spool.seek(0)
        self._spool.write(header_bytes(_BYTE, self._shape))
        self._spool.close()
        write_matrix(self._hidden("cat"), np.concatenate(self._labels), compress=compress)
        write_matrix(self._hidden("info"), np.concatenate(self._info), compress=compress)
        if not compress:
            self._hidden("spool").replace(self._hidden("dat"))
            return
        with (
            self._hidden("spool").open("rb") as plain,
            self._hidden("dat").open("wb") as raw,
            maybe_gzip(raw, compress) as file,
        ):
            shutil.copyfileobj(plain, file, 1 << 20)
        self._hidden("spool").unlink()

    def publish(self, compress: bool) -> None:
        """Give the files their names, and remove older ones that would be read instead."""
        for kind in ("cat", "info", "dat"):
            plain = self._folder / f"{self._prefix}-{kind}.mat"
            zipped = plain.with_name(plain.name + ".gz")
            self._hidden(kind).replace(zipped if compress else plain)
            (plain if compress else zipped).unlink(missing_ok=True)

    def remove(self) -> None:
        if self._spool is not None:
            self._spool.close()
        for kind in ("spool", "cat", "info", "dat"):
            self._hidden(kind).unlink(missing_ok=True)

    def _hidden(self, kind: str) -> Path:
        return self._folder / f".{self._prefix}-{kind}.unfinished"


def _checked(
    images: np.ndarray, labels: np.ndarray, info: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bring labels and info to a type of the format; refuse arrays that do not fit together."""
    labels, info = np.asarray(labels), np.asarray(info)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 (N, V, H, W), not {images.dtype} {images.shape}")
    fits = labels.shape == images.shape[:1] and info.shape[:1] == images.shape[:1]
    if not fits or info.ndim != 2 or info.shape[1] not in WIDTHS:
        raise ValueError(f"{len(images)} images, but {labels.shape} labels and {info.shape} info")
    if info.dtype.kind == "f":
        return images, labels.astype(np.int32), info.astype(max(info.dtype, np.dtype("f4")))
    return images, labels.astype(np.int32), info.astype(np.int32)
