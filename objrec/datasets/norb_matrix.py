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
from contextlib import AbstractContextManager, nullcontext
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
    """What stands in front of the elements: their type, the shape, and the header's length."""

    dtype: np.dtype
    shape: tuple[int, ...]
    length: int

    @property
    def payload(self) -> int:
        """The number of bytes that must follow."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_matrix(path: Path) -> np.ndarray:
    """Read a matrix file: memory-mapped if it is plain, streamed into one array if it is gzip.

    Whether it is gzip is told by its first bytes, not by its name.

    Returns:
        The array, read-only when memory-mapped, in the file's byte order.

    Raises:
        DataError: The file is missing, is no such matrix, is cut short, or too long.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        return _read_gzip(path, size) if zipped else _map_plain(path, size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data is damaged or cut short; copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error


def _map_plain(path: Path, size: int) -> np.ndarray:
    with path.open("rb") as file:
        header = _read_header(file, path)
    found = size - header.length
    if found != header.payload:
        raise DataError(_wrong_length(path, header, f"{found:,}"))
    return np.memmap(path, header.dtype, mode="r", offset=header.length, shape=header.shape)


def _read_gzip(path: Path, size: int) -> np.ndarray:
    with gzip.open(path, "rb") as file:
        header = _read_header(file, path)
        if header.payload > size * _MOST_EXPANSION:
            raise DataError(_wrong_length(path, header, "far fewer"))
        array = np.empty(header.shape, header.dtype)
        rest = memoryview(array.reshape(-1).view(np.uint8))
        while rest:
            count = file.readinto(rest[:_CHUNK])
            if not count:
                raise DataError(_wrong_length(path, header, f"{header.payload - len(rest):,}"))
            rest = rest[count:]
        if file.read(1):
            raise DataError(_wrong_length(path, header, "more"))
    return array


def _wrong_length(path: Path, header: Header, found: str) -> str:
    shape = " x ".join(map(str, header.shape))
    return (
        f"{path}: {shape} needs {header.payload:,} bytes after the header, the file has {found}; "
        "copy it again"
    )


def _read_header(file: BinaryIO, path: Path) -> Header:
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
    return Header(dtype.newbyteorder(order), shape, 8 + len(sizes))


def _element_type(magic: bytes, path: Path) -> tuple[str, np.dtype]:
    for order in "<>":
        (number,) = struct.unpack(order + "I", magic)
        if number in MAGIC:
            return order, MAGIC[number]
    raise DataError(
        f"{path}: does not begin with a NORB magic number (found {magic.hex(' ')}); "
        "is it a matrix file of the small NORB set?"
    )


def write_matrix(path: Path, array: np.ndarray, *, compress: bool = False) -> None:
    """Write an array as a little-endian matrix file, as gzip on request (always the same bytes).

    Args:
        path: The file to write.
        array: Any shape of 1 to 8 dimensions; its dtype must be one of `MAGIC`.
        compress: Write gzip; the name should then end in ".gz".
    """
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _MAGIC_OF or not 1 <= array.ndim <= _MOST_DIMENSIONS or not array.size:
        raise ValueError(f"cannot write an array of {array.dtype} with shape {array.shape}")
    sizes = array.shape + (1,) * (3 - array.ndim)
    header = struct.pack(f"<{2 + len(sizes)}I", _MAGIC_OF[dtype], array.ndim, *sizes)
    with path.open("wb") as raw, _maybe_gzip(raw, compress) as file:
        file.write(header)
        file.write(np.ascontiguousarray(array, dtype.newbyteorder("<")).reshape(-1).view(np.uint8))


def _maybe_gzip(raw: BinaryIO, compress: bool) -> AbstractContextManager[BinaryIO]:
    # No name and no time inside, so that the same array gives the same file.
    if not compress:
        return nullcontext(raw)
    return gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0)
