"""Netpbm images (.pbm, .pgm, .ppm, .pnm; P1 to P6), of any maxval, binary and as text.

They are read here because OpenCV leaves most maxvals unscaled, and Pillow needs seconds for those
that cameras write. Of several images in a file the first is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from objrec.datasets.images.depths import Depth

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_SIZE = rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})"
# One white space ends the header, behind comments if there are any.
_BITMAP = re.compile(_SIZE + rb"(?:" + _GAP + rb"(?=[01#])|\s)")
_OTHER = re.compile(_SIZE + _GAP + rb"(\d{1,5})(?:\s*#[^\r\n]*[\r\n])*\s?")
_COMMENT = re.compile(rb"#[^\r\n]*")
_SPACE = re.compile(rb"\s")
_PIECE = 1 << 20
_LONGEST = 16


@dataclass(frozen=True)
class Layout:
    """The header of a Netpbm image.

    Attributes:
        kind: 1 to 6, the number behind P.
        width: Pixels of a row.
        height: Rows.
        maxval: The number that is white.
        start: Where the pixels begin in the file.
    """

    kind: int
    width: int
    height: int
    maxval: int
    start: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the pixels: (H, W), or (H, W, 3) for P3 and P6."""
        return (self.height, self.width, 3)[: 3 if self.kind in (3, 6) else 2]

    @property
    def room(self) -> int:
        """Bytes that a pixel takes while it is read: as it is stored, and as it is shown."""
        return (3 if self.kind in (3, 6) else 1) * (2 if self.kind > 4 and self.maxval < 256 else 4)

    @property
    def depth(self) -> Depth:
        """What the numbers mean."""
        return Depth(high=self.maxval, stated="maxval")


def read_layout(data: bytes) -> Layout:
    """Read the header.

    Raises:
        ValueError: There is none, or a maxval that is not allowed.
    """
    bitmap = data[1:2] in b"14"
    match = (_BITMAP if bitmap else _OTHER).match(data)
    maxval = 1 if bitmap or match is None else int(match[4])
    if match is None or not 1 <= maxval <= 65535:
        raise ValueError("no header of a Netpbm image")
    return Layout(int(match[1]), int(match[2]), int(match[3]), maxval, match.end())


def read_pixels(data: bytes, layout: Layout) -> np.ndarray:
    """Read the numbers as they are stored: uint8 or uint16, (H, W) or (H, W, 3).

    Raises:
        ValueError: There are too few, or one that is no number.
    """
    reader = {1: _text_bits, 4: _packed_bits, 5: _binary, 6: _binary}.get(layout.kind, _text)
    return reader(data, layout).reshape(layout.shape)


def _binary(data: bytes, layout: Layout) -> np.ndarray:
    kind = np.dtype(np.uint8 if layout.maxval < 256 else ">u2")
    stored = np.frombuffer(data, kind, int(np.prod(layout.shape)), layout.start)
    return stored.astype(kind.newbyteorder("="), copy=False)


def _text(data: bytes, layout: Layout) -> np.ndarray:
    numbers, done = np.empty(math.prod(layout.shape), np.uint16), 0
    for piece in _pieces(_COMMENT.sub(b"", data[layout.start :])):
        words = piece.split()[: len(numbers) - done]
        if max(map(len, words), default=0) > _LONGEST:
            raise ValueError("a number of too many digits")
        found = np.array(words, dtype=f"S{_LONGEST}").astype(np.int64)
        if found.min(initial=0) < 0 or found.max(initial=0) > 65535:
            raise ValueError("a number that is too large")
        numbers[done : done + len(found)] = found
        done += len(found)
    if done < len(numbers):
        raise ValueError("too few numbers")
    return numbers


def _pieces(text: bytes) -> Iterator[bytes]:
    """Yield a text in pieces that end between two words: all its words would take 20 times it."""
    start = 0
    while start < len(text):
        end = _SPACE.search(text, start + _PIECE)
        stop = end.end() if end else len(text)
        yield text[start:stop]
        start = stop


def _text_bits(data: bytes, layout: Layout) -> np.ndarray:
    text = _COMMENT.sub(b"", data[layout.start :])
    digits = b"".join(b"".join(piece.split()) for piece in _pieces(text))
    bits = np.frombuffer(digits, np.uint8, layout.width * layout.height) - ord("0")
    if bits.max() > 1:
        raise ValueError("a bit that is neither 0 nor 1")
    return 1 - bits  # 1 is black


def _packed_bits(data: bytes, layout: Layout) -> np.ndarray:
    size = -(-layout.width // 8)
    rows = np.frombuffer(data, np.uint8, size * layout.height, layout.start)
    return 1 - np.unpackbits(rows.reshape(layout.height, size), axis=1, count=layout.width)
