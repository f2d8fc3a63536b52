"""What the tests of NORB files share: the format, written down once more, and sets made of it."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

LETTERS = {0x1E3D4C51: "f", 0x1E3D4C53: "d", 0x1E3D4C54: "i", 0x1E3D4C55: "B", 0x1E3D4C56: "h"}
FLOATS, DOUBLES, INTEGERS, BYTES = 0x1E3D4C51, 0x1E3D4C53, 0x1E3D4C54, 0x1E3D4C55


def matrix_bytes(order: str, magic: int, shape: tuple[int, ...], values) -> bytes:
    """Magic, number of dimensions, at least three sizes, elements."""
    sizes = [*shape, 1, 1][: max(3, len(shape))]
    header = struct.pack(f"{order}Ii{len(sizes)}i", magic, len(shape), *sizes)
    return header + struct.pack(f"{order}{len(values)}{LETTERS[magic]}", *values)


def write(path: Path, content: bytes, zipped: bool = False) -> Path:
    name = path.with_name(path.name + ".gz") if zipped else path
    name.write_bytes(gzip.compress(content) if zipped else content)
    return name


def write_set(
    folder: Path, prefix: str, order: str = "<", zipped: bool = False, **replaced: bytes
) -> Path:
    """Two stereo samples of 3 x 4 pixels; any of dat, cat, info can be replaced."""
    files = {
        "dat": matrix_bytes(order, BYTES, (2, 2, 3, 4), range(48)),
        "cat": matrix_bytes(order, INTEGERS, (2,), [4, 0]),
        "info": matrix_bytes(order, INTEGERS, (2, 4), [7, 8, 34, 5, 9, 0, 2, 0]),
    } | replaced
    for kind, content in files.items():
        write(folder / f"{prefix}-{kind}.mat", content, zipped)
    return folder


@pytest.fixture(scope="session")
def norb() -> SimpleNamespace:
    """Return what makes NORB files by hand: `bytes`, `write`, `write_set`, and magic numbers."""
    makers: dict[str, Callable] = {"bytes": matrix_bytes, "write": write, "write_set": write_set}
    return SimpleNamespace(
        **makers, FLOATS=FLOATS, DOUBLES=DOUBLES, INTEGERS=INTEGERS, BYTES=BYTES, LETTERS=LETTERS
    )
