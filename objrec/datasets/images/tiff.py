"""The tags of a TIFF or BigTIFF: how large a page is, and what its numbers mean.

No pixels are decoded here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from objrec.datasets.images.depths import Depth
from objrec.errors import DataError

WIDTH, HEIGHT, _BITS, COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
ORIENTATION, _SAMPLES, _PLANAR, _EXTRA, _FORMAT = 274, 277, 284, 338, 339
# Of samples: unsigned in 280 and 281, of the samples' own type in 340 and 341.
_LOW, _HIGH, _OWN_LOW, _OWN_HIGH = 280, 281, 340, 341
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_PLACES = {273: 279, 324: 325}  # of strips and of tiles, each with the numbers of bytes
_WANTED = frozenset(
    {WIDTH, HEIGHT, _BITS, COMPRESSION, _PHOTOMETRIC, ORIENTATION, _SAMPLES, _PLANAR, _EXTRA}
    | {
        _FORMAT,
        _LOW,
        _HIGH,
        _OWN_LOW,
        _OWN_HIGH,
        _TILE_WIDTH,
        _TILE_HEIGHT,
        *_PLACES,
        *_PLACES.values(),
    }
)
_TYPES = dict(zip((1, 3, 4, 6, 8, 9, 11, 12, 13, 16, 17, 18), "BHIbhifdIQqQ", strict=True))
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_DEFLATE = (8, 32946)
_CHUNK = 1 << 20
# What the strips of a page may have in all, deflated and inflated; far more than an image that is
# not too large has.
_MOST = 2**30

Tags = Mapping[int, tuple]


def read_tags(data: bytes) -> Tags:
    """Read the tags that matter here, of the first page.

    Args:
        data: The file.

    Returns:
        Tag → its numbers.

    Raises:
        ValueError, struct.error: The file is damaged, or has no page.
    """
    order = "<" if data.startswith(b"II") else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word = order + ("Q" if big else "I")
    place = struct.unpack_from(word, data, 8 if big else 4)[0]
    if not place:
        raise ValueError("the file has no page")
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    start, size = place + (8 if big else 2), (20 if big else 12)
    tags: dict[int, tuple] = {}
    for at in range(start, start + size * min(count, 65535), size):
        tag = struct.unpack_from(order + "H", data, at)[0]
        # Repeated tags could have a small file read for hours.
        if tag not in tags and (entry := _entry(data, at, order, big)):
            tags[tag] = entry
    struct.unpack_from(word, data, start + size * count)  # where the next page would be named
    return tags


def _entry(data: bytes, at: int, order: str, big: bool) -> tuple | None:
    tag, type_, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
    if tag not in _WANTED or type_ not in _TYPES or not count:
        return None
    kind = f"{order}{min(count, len(data))}{_TYPES[type_]}"
    at += 12 if big else 8
    if struct.calcsize(kind) > (8 if big else 4):
        at = struct.unpack_from(order + ("Q" if big else "I"), data, at)[0]
    return struct.unpack_from(kind, data, at)


def tiff_depth(tags: Tags, path: str | Path) -> Depth | None:
    """Return what the numbers mean; None for at most 8 unsigned bits a channel.

    Raises:
        DataError: They mean nothing that can be shown, or are stored in a way that is not read.
    """
    bits, format_ = max(tags.get(_BITS, (1,))), tags.get(_FORMAT, (_UNSIGNED,))[0]
    if bits <= 8 and format_ not in (_SIGNED, _FLOAT):
        return None
    _check_layout(tags, bits, format_, path)
    low, high, stated = _range(tags, bits, format_, path)
    extra = tags.get(_EXTRA, ())
    return Depth(
        low=low,
        high=high,
        stated=stated,
        white_is_low=tags.get(_PHOTOMETRIC) == (0,),
        # A fourth channel that is said to mean nothing in particular is no alpha.
        ignores_fourth=extra[:1] == (0,),
        premultiplied=extra[:1] == (1,),
    )


def _check_layout(tags: Tags, bits: int, format_: int, path: str | Path) -> None:
    samples = tags.get(_SAMPLES, (1,))[0]
    advice = f"save it as PNG, or with 8 bits a channel (it has {bits})"
    if samples not in (1, 3, 4) or tags.get(_PHOTOMETRIC, (1,))[0] > 2:
        raise DataError(f"{path}: is neither gray nor RGB; {advice}")
    if samples > 1 and tags.get(_PLANAR) == (2,):
        raise DataError(f"{path}: stores each colour by itself; {advice}")
    if bits not in ((32, 64) if format_ == _FLOAT else (8, 16, 32)):
        word = "float" if format_ == _FLOAT else "integer"
        raise DataError(f"{path}: has {bits}-bit {word} pixels; save it with 8 or 16 bits")


def _range(tags: Tags, bits: int, format_: int, path: str | Path) -> tuple[float, float, str]:
    """Return black, white, and the name of the tag that says so."""
    for lows, highs, name in (
        (_OWN_LOW, _OWN_HIGH, "SMaxSampleValue"),
        (_LOW, _HIGH, "MaxSampleValue"),
    ):
        low, high = min(tags.get(lows, (0,))), max(tags.get(highs, (0,)))
        if highs in tags and low < high:
            return float(low), float(high), name
    if format_ == _FLOAT:
        return 0.0, 1.0, ""
    if bits == 16 and format_ != _SIGNED:
        return 0.0, 65535.0, ""
    raise DataError(
        f"{path}: has {bits}-bit integers and states no range (SMaxSampleValue); save it with 8 or "
        "16 unsigned bits a channel"
    )


def sample_sizes(tags: Tags) -> tuple[int, int]:
    """Return the bytes of a sample, and the number of samples of a pixel."""
    return -(-max(tags.get(_BITS, (1,))) // 8), tags.get(_SAMPLES, (1,))[0]


def tile_size(tags: Tags) -> tuple[int, int]:
    """Return width and height of a tile, for which libtiff makes room; (1, 1) without tiles."""
    return tags.get(_TILE_WIDTH, (1,))[0], tags.get(_TILE_HEIGHT, (1,))[0]


def has_whole_strips(tags: Tags, data: bytes) -> bool:
    """Whether the checksums of deflated strips or tiles are right; libtiff leaves them unread.

    Args:
        tags: Of the page.
        data: The file.
    """
    if tags.get(COMPRESSION, (1,))[0] not in _DEFLATE:
        return True
    left = _MOST
    for places, sizes in _PLACES.items():
        for start, size in zip(tags.get(places, ()), tags.get(sizes, ()), strict=True):
            inflating, rest = zlib.decompressobj(), data[start : start + size]
            left -= len(rest)
            while not inflating.eof:
                inflated = inflating.decompress(rest, _CHUNK)
                rest, left = inflating.unconsumed_tail, left - len(inflated)
                if left < 0 or not (inflated or rest or inflating.eof):
                    return False
    return True
