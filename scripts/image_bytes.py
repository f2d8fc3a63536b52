"""Image files of unusual kinds, byte by byte, so that readers are tested by another hand.

What Pillow writes well is left to it. `scripts/odd_images.py` puts these files together.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

DEFLATE = 8
_TYPES = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as Pillow saves it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(
    v: np.ndarray,
    *,
    bits: int | None = None,
    size: tuple[int, int] | None = None,
    chunks: Mapping[bytes, bytes] | None = None,
    behind: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """Return a PNG of uint8 or uint16, (H, W) or (H, W, 2 to 4), with more chunks.

    Args:
        v: The pixels.
        bits: A pixel, if fewer than 8.
        size: Width and height to state instead of the true ones.
        chunks: Chunks in front of the pixels.
        behind: Chunks behind them.
    """
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[v.shape[2] if v.ndim == 3 else 1]
    rows = v.astype(v.dtype.newbyteorder(">"))
    if bits is not None:
        single = np.unpackbits(v[..., None], axis=2)[..., 8 - bits :]
        rows = np.packbits(single.reshape(len(v), -1), axis=1)
    width, height = size or (v.shape[1], v.shape[0])
    depth = bits or 8 * v.dtype.itemsize
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [
        (b"IHDR", struct.pack(">2I5B", width, height, depth, colours, 0, 0, 0)),
        *(chunks or {}).items(),
        (b"IDAT", packed),
        *(behind or {}).items(),
        (b"IEND", b""),
    ]
    said = (
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(said)


def netpbm(v: np.ndarray, maxval: int, *, text: bool = False) -> bytes:
    """Return a PGM or PPM of numbers up to a maxval, binary or as text with comments."""
    kind = (3 if v.ndim == 3 else 2) + (0 if text else 3)
    head = f"P{kind}\n# made by hand\n{v.shape[1]} {v.shape[0]}\n{maxval}\n".encode()
    if text:
        return head + b"\n".join(b" ".join(b"%d" % n for n in row.ravel()) for row in v) + b"\n"
    return head + v.astype(">u2" if maxval > 255 else np.uint8).tobytes()


def bmp_with_alpha(rgba: np.ndarray) -> bytes:
    """Return a BMP with a header of version 4, whose masks name an alpha channel."""
    height, width = rgba.shape[:2]
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII4I", 108, width, -height, 1, 32, 3, 0, 0, 0, 0, 0, *masks)
    body = info.ljust(108, b"\0") + rgba[..., [2, 1, 0, 3]].tobytes()
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 108) + body


def without_adobe(jpeg: bytes) -> bytes:
    """Return a JPEG without its Adobe segment."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def ycck(cmyk: Image.Image, **options: object) -> bytes:
    """Return a JPEG whose inks are stored as luma, chroma and black, as Photoshop does."""
    inks = np.asarray(cmyk)
    luma = np.asarray(Image.fromarray(inks[..., :3]).convert("YCbCr"))
    # Pillow writes the complement of what it is given, and says that it is CMYK.
    stored = np.dstack([255 - luma, inks[..., 3]])
    data = bytearray(saved(Image.fromarray(stored, "CMYK"), "JPEG", **options))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def tiff(
    v: np.ndarray,
    kind: str | None = None,
    *,
    order: str = "<",
    big: bool = False,
    compression: int = 1,
    rows: int = 0,
    tile: int = 0,
    planes: bool = False,
    tags: Mapping[int, tuple[int, list]] | None = None,
) -> bytes:
    """Return a TIFF of (H, W) or (H, W, C).

    Args:
        v: The pixels; rounded if they become integers.
        kind: What to store them as: "u2", "f4"; as they are if not given.
        order: "<" as Intel, ">" as Motorola.
        big: As a BigTIFF, with places of 64 bits.
        compression: 1 for none, or DEFLATE.
        rows: Of a strip, if not all.
        tile: Side of a tile, to store tiles.
        planes: Store each channel by itself.
        tags: Further tags, or others: number → type and values.
    """
    wanted = np.dtype(kind or v.dtype)
    v = np.atleast_3d(np.rint(v) if wanted.kind in "ui" else v).astype(wanted.newbyteorder(order))
    pieces = [piece.tobytes() for piece in _pieces(v, rows, tile, planes)]
    if compression == DEFLATE:
        pieces = [zlib.compress(piece) for piece in pieces]
    start = 16 if big else 8
    places = (start + np.cumsum([0, *map(len, pieces)])).tolist()
    stated = {**_tags(v, compression, planes), **(tags or {})}
    place_type = 16 if big else 4
    if tile:
        stated |= {322: (4, [tile]), 323: (4, [tile])}
    stated[324 if tile else 273] = (place_type, places[:-1])
    stated[325 if tile else 279] = (place_type, list(map(len, pieces)))
    stated |= {} if tile else {278: (4, [rows or len(v)])}
    body = b"".join(pieces) + _directory(stated, places[-1], order, big)
    mark = b"II" if order == "<" else b"MM"
    if big:
        return mark + struct.pack(order + "HHHQ", 43, 8, 0, places[-1]) + body
    return mark + struct.pack(order + "HI", 42, places[-1]) + body


def _pieces(v: np.ndarray, rows: int, tile: int, planes: bool) -> Iterator[np.ndarray]:
    """Yield strips or tiles, the last tiles filled up with zeros."""
    for part in np.split(v, v.shape[2], axis=2) if planes else [v]:
        for top in range(0, len(v), tile or rows or len(v)):
            if not tile:
                yield part[top : top + (rows or len(v))]
                continue
            for left in range(0, v.shape[1], tile):
                full = np.zeros((tile, tile, part.shape[2]), v.dtype)
                cut = part[top : top + tile, left : left + tile]
                full[: cut.shape[0], : cut.shape[1]] = cut
                yield full


def _tags(v: np.ndarray, compression: int, planes: bool) -> dict[int, tuple[int, list]]:
    height, width, channels = v.shape
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * v.dtype.itemsize] * channels),
        259: (3, [compression]),
        262: (3, [2 if channels > 2 else 1]),
        277: (3, [channels]),
        284: (3, [2 if planes else 1]),
        339: (3, [{"u": 1, "i": 2, "f": 3}[v.dtype.kind]] * channels),
    }


def _directory(tags: Mapping[int, tuple[int, list]], start: int, order: str, big: bool) -> bytes:
    """Return the list of tags that begins at a place in the file, and the long values behind it."""
    room, place = (8, "Q") if big else (4, "I")
    behind = start + (8 if big else 2) + len(tags) * (12 + room - 4 + (4 if big else 0)) + room
    entries, values = b"", b""
    for tag, (type_, numbers) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(numbers)}{_TYPES[type_]}", *numbers)
        if len(value) > room:
            long, value = value, struct.pack(order + place, behind + len(values))
            values += long
        entries += struct.pack(f"{order}HH{place}", tag, type_, len(numbers)) + value.ljust(
            room, b"\0"
        )
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return count + entries + struct.pack(order + place, 0) + values
