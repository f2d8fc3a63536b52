"""How large an image may be: by the memory that decoding it takes, told from its header alone.

No image takes more than half a GB. Nothing is decoded here.
"""

from __future__ import annotations

from pathlib import Path

from objrec.errors import DataError

# What decoding may take, the file itself included. Photographs of 64 million pixels pass.
BYTES = 448 * 2**20
SIDE_LIMIT = 65_535

# Bytes that a pixel takes while it is decoded, as measured: what the decoder holds, Pillow's 4, and
# the 3 of the result.
ROOM, ROOM_WEBP = 7, 16
_ROOMS = {"WEBP": ROOM_WEBP, "AVIF": 14, "GIF": 10, "TIFF": 9}
_ROOM_PROGRESSIVE = 12


def room_of(kind: str, components: int = 3, *, progressive: bool = False) -> int:
    """Return how many bytes a pixel of at most 8 bits a channel takes while it is decoded.

    Args:
        kind: As in `objrec.datasets.images.headers.Header`.
        components: Channels as they are stored.
        progressive: Whether a JPEG's pixels come in several passes, so that all must be held.
    """
    if kind == "JPEG2000":
        return 5 * components + 4
    return _ROOM_PROGRESSIVE if progressive else _ROOMS.get(kind, ROOM)


def deep_room(size: int, channels: int) -> int:
    """Return likewise the bytes of a pixel of several channels of `size` bytes."""
    return 2 * size * channels + 4


def check_size(width: int, height: int, path: str | Path, held: int, room: int) -> None:
    """Refuse a size that would take too much memory.

    Args:
        width: As the file states it.
        height: Likewise.
        path: What to call the file.
        held: Bytes of the file.
        room: Bytes that a pixel takes.

    Raises:
        DataError: There is no pixel, or there are too many.
    """
    said = f"{path}: states {width} x {height} pixels"
    if width < 1 or height < 1:
        raise DataError(f"{said}; replace the file or remove it")
    if max(width, height) > SIDE_LIMIT:
        raise DataError(f"{said}, more than {SIDE_LIMIT:,} on a side; shrink it")
    most = (BYTES - held) / room
    if width * height > most:
        raise DataError(f"{said}, more than {most / 1e6:.3g} million; shrink it")
