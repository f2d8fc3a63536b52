"""The binary matrix format of the NORB sets: one array a file, plain or gzip.

Layout: magic number (element type; its byte order is the file's), number of dimensions, the
dimensions, of which at least three are written (1 for those beyond the number), then the elements.
All header fields are 4-byte integers. This module knows nothing of what the numbers mean.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from objrec.errors import DataError

MAGIC = {
    0x1E3D4C51: np.dtype("f4"),
    0x1E3D4C53: np.dtype("f8"),
    0x1E3D4C54: np.dtype("i4"),
    0x1E3D4C55: np.dtype("u1"),
    0x1E3D4C56: np.dtype("i2"),
}
_MAGIC_OF = {dtype: magic for magic, dtype in MAGIC.items()}
_MOST_DIMENSIONS = 8
_CHUNK = 1 << 22
# Deflate cannot expand by more than this (RFC 1951: 258 bytes from 2 bits, plus block headers).
_MOST_EXPANSION = 1032


@dataclass(frozen=True)
class Header:
    """What stands in front of the elements.

    Attributes:
        dtype: The elements' type, in the file's byte order.
        shape: The dimensions.
        length: The header's own length in bytes.
        zipped: Whether the file is gzip.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    length: int
    zipped: bool

    @property
    def payload(self) -> int:
        """The number of bytes that must follow."""
        return math.prod(self.shape) * self.dtype.itemsize

    def wrong_length(self, found: str) -> str:
        """Say that something else than the payload follows, without naming the file."""
        shape = " x ".join(map(str, self.shape))
        return (
            f"{shape} needs {self.payload:,} bytes after the header, the file has {found}; "
            "copy it again"
        )


def read_header(path: Path) -> Header:
    """Read the header of a matrix file, and check that the file can hold what it announces.

    Whether it is gzip is told by its first bytes, not by its name. Of a plain file the length is
    checked, of a gzip file only that it is not impossibly short.

    Raises:
        DataError: The file is missing, or is no such matrix, or has the wrong length.
    """
    with _told_in_one_line(path):
        size = path.stat().st_size
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            header = _parsed(file, path, zipped)
    if not zipped and size - header.length != header.payload:
        raise DataError(f"{path}: {header.wrong_length(f'{size - header.length:,}')}")
    if zipped and header.payload > size * _MOST_EXPANSION:
        raise DataError(f"{path}: {header.wrong_length('far fewer')}")
    return header


def read_matrix(path: Path, header: Header | None = None) -> np.ndarray:
    """Read a matrix file: memory-mapped if it is plain, decompressed into memory if it is gzip.

    Args:
        path: The file.
        header: Its header, if that was read already.

    Returns:
        The array, read-only when memory-mapped, in the file's byte order.

    Raises:
        DataError: The file is missing, is no such matrix, is cut short, or too long.
    """
    header = header or read_header(path)
    with _told_in_one_line(path):
        if header.zipped:
            return _decompressed(path, header)
        return np.memmap(path, header.dtype, mode="r", offset=header.length, shape=header.shape)


@contextmanager
def _told_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data is damaged or cut short; copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error


def _decompressed(path: Path, header: Header) -> np.ndarray:
    array = np.empty(header.shape, header.dtype)
    rest = memoryview(array.reshape(-1).view(np.uint8))
    with gzip.open(path, "rb") as file:
        file.seek(header.length)
        while rest:
            count = file.readinto(rest[:_CHUNK])
            if not count:
                found = f"{header.payload - len(rest):,}"
                raise DataError(f"{path}: {header.wrong_length(found)}")
            rest = rest[count:]
        if file.read(1):
            raise DataError(f"{path}: {header.wrong_length('more')}")
    return array


def _parsed(file: BinaryIO, path: Path, zipped: bool) -> Header:
    start = file.read(8)
    if len(start) < 8:
        raise DataError(f"{path}: is too short for a NORB matrix; copy it again")
    order, dtype = _element_type(start[:4], path)
    (dimensions,) = struct.unpack(order + "I", start[4:])
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise DataError(f"{path}: its header names {dimensions} dimensions; copy it again")
    written = max(3, dimensions)
    sizes = file.read(4 * written)
    if len(sizes) < 4 * written:
        raise DataError(f"{path}: is cut short within its header; copy it again")
    shape = struct.unpack(f"{order}{written}I", sizes)[:dimensions]
    if 0 in shape:
        raise DataError(f"{path}: its header names a dimension of size 0; it holds nothing")
    return Header(dtype.newbyteorder(order), shape, 8 + len(sizes), zipped)


def _element_type(magic: bytes, path: Path) -> tuple[str, np.dtype]:
    for order in "<>":
        (number,) = struct.unpack(order + "I", magic)
        if number in MAGIC:
            return order, MAGIC[number]
    raise DataError(
        f"{path}: does not begin with a NORB magic number (found {magic.hex(' ')}); "
        "is it a matrix file of a NORB set?"
    )


def header_bytes(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """Return the header of a little-endian matrix file.

    Args:
        dtype: One of the element types of `MAGIC`, in any byte order.
        shape: 1 to 8 dimensions, none of them 0.
    """
    native = dtype.newbyteorder("=")
    if native not in _MAGIC_OF or not 1 <= len(shape) <= _MOST_DIMENSIONS or 0 in shape:
        raise ValueError(f"cannot write an array of {dtype} with shape {shape}")
    sizes = shape + (1,) * (3 - len(shape))
    return struct.pack(f"<{2 + len(sizes)}I", _MAGIC_OF[native], len(shape), *sizes)


def write_matrix(path: Path, array: np.ndarray, *, compress: bool = False) -> None:
    """Write an array as a little-endian matrix file, as gzip on request (always the same bytes).

    Args:
        path: The file to write.
        array: Any shape of 1 to 8 dimensions; its dtype must be one of `MAGIC`.
        compress: Write gzip; the name should then end in ".gz".
    """
    header = header_bytes(array.dtype, array.shape)
    elements = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    with path.open("wb") as raw, maybe_gzip(raw, compress) as file:
        file.write(header)
        file.write(elements.reshape(-1).view(np.uint8))


def maybe_gzip(raw: BinaryIO, compress: bool) -> AbstractContextManager[BinaryIO]:
    """Return a file to write into: the raw one, or one that compresses into it."""
    # No name and no time inside, so that the same content gives the same file.
    if not compress:
        return nullcontext(raw)
    return gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0)
