"""Whether a video file is whole, by the sizes that its container states.

A decoder reads a file that was cut short as far as it goes, without a word. MP4 and MOV, AVI, and
Matroska and WebM say how long they are; of anything else nothing is known here. No frame is
decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_HEAD = 64


def is_cut_short(path: Path) -> bool:
    """Whether a video file ends before its container says so.

    Raises:
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head[4:8] in _MP4_BOXES:
            return _end_of_boxes(file, size) > size
        if head[:4] == b"RIFF":
            # The byte that makes a length even may be missing at the very end.
            return 8 + int.from_bytes(head[4:8], "little") > size + 1
        if head[:4] == _EBML:
            return _end_of_segment(head) > size
    return False


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Step over the boxes of an MP4 file; returns where the last one ends."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file; anything else is damaged
            return size
        at += length
    return at


def _end_of_segment(head: bytes) -> int:
    """Return where the one segment of a Matroska file ends; 0 where it does not say so."""
    length, at = _ebml_size(head, 4)
    at += length or 0
    if head[at : at + 4] != _SEGMENT:
        return 0
    length, at = _ebml_size(head, at + 4)
    return 0 if length is None else at + length


def _ebml_size(data: bytes, at: int) -> tuple[int | None, int]:
    """Read a size of variable length; returns it (None: unknown) and where it ends."""
    if at >= len(data) or not data[at]:
        return None, at
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    unknown = value == (1 << 7 * width) - 1
    return None if unknown else value, at + width
