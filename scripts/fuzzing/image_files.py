"""Image files that the cases of `fuzzing.images` begin with: good ones, foreign ones, bombs."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from image_bytes import DEFLATE, saved, tiff
from odd_images import odd_images
from PIL import Image

HEIGHT, WIDTH = 16, 24
_FOREIGN = ("ICO", "TGA", "SGI", "PCX", "DDS", "EPS", "PDF", "XBM", "QOI", "PALM", "MSP")


def picture() -> np.ndarray:
    """Return a smooth picture, uint8 (16, 24, 3), that no turn leaves as it is."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 10, y * 15, (x + y) * 6], axis=2).astype(np.uint8)


@functools.cache
def good_files() -> Mapping[str, tuple[bytes, bool]]:
    """Return files by name, each with whether it must be read."""
    image = Image.fromarray(picture())
    files = {name: (odd.data, odd.pixels is not None) for name, odd in odd_images(picture())}
    for kind, suffix in (("AVIF", "avif"), ("MPO", "mpo.jpg")):
        if kind in Image.SAVE or (Image.init() and kind in Image.SAVE):
            files[f"more.{suffix}"] = saved(image, kind), True
    for kind in _FOREIGN:
        try:
            files[f"foreign.{kind.lower()}"] = saved(image.convert(_mode(kind)), kind), False
        except (KeyError, OSError, ValueError):
            continue
    return files | {name: (data, False) for name, data in _unread().items()}


def _mode(kind: str) -> str:
    return "1" if kind in ("XBM", "MSP", "PALM") else "RGB"


def _unread() -> dict[str, bytes]:
    """Return files of kinds that are known and not read, written by hand."""
    gray = picture()[..., 0]
    sun = struct.pack(">8I", 0x59A66A95, WIDTH, HEIGHT, 8, gray.size, 1, 0, 0) + gray.tobytes()
    return {
        "foreign.pfm": b"Pf\n%d %d\n-1.0\n" % (WIDTH, HEIGHT)
        + (gray / 255).astype("<f4").tobytes(),
        "foreign.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16 +X 24\n" + bytes(4 * 16 * 24),
        "foreign.exr": b"\x76\x2f\x31\x01\2\0\0\0channels\0chlist\0" + bytes(64),
        "foreign.pam": b"P7\nWIDTH 24\nHEIGHT 16\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + gray.tobytes(),
        "foreign.ras": sun,
    }


def _packed_zeros(count: int) -> bytes:
    packer, block = zlib.compressobj(9), bytes(2**20)
    parts = [packer.compress(block) for _ in range(count // len(block))]
    return b"".join([*parts, packer.compress(bytes(count % len(block))), packer.flush()])


@functools.cache
def bombs() -> Mapping[str, tuple[bytes, bool]]:
    """Return small files that hold as many pixels as they say, or as many bytes of text."""
    files = {}
    for side, colours, bits in ((5000, 2, 8), (20_000, 0, 8), (14_000, 2, 8), (12_000, 6, 16)):
        channels = {0: 1, 2: 3, 6: 4}[colours]
        head = struct.pack(">2I5B", side, side, bits, colours, 0, 0, 0)
        packed = _packed_zeros(side * (1 + side * channels * bits // 8)) if side < 10_000 else b""
        files[f"bomb-{side}.png"] = _png((b"IHDR", head), (b"IDAT", packed)), side < 10_000
    small = struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)
    zeros, pixel = _packed_zeros(2**30), zlib.compress(b"\0\0")
    for name, prefix in (("zTXt", b"a\0\0"), ("iCCP", b"a\0\0"), ("iTXt", b"a\0\1\0\0\0")):
        chunk = name.encode(), prefix + zeros
        files[f"text-{name}.png"] = _png((b"IHDR", small), chunk, (b"IDAT", pixel)), None
    files["pixels.png"] = _png((b"IHDR", small), (b"IDAT", zeros)), None
    one = np.zeros((1, 1), np.uint8)
    for kind in (np.uint8, np.uint16):
        strip = bytearray(tiff(one.astype(kind), compression=DEFLATE))
        files[f"strip-{kind.__name__}.tif"] = _with_strip(bytes(strip), zeros), None
    frames = [Image.new("L", (64, 64), shade % 256) for shade in range(300)]
    more = {"save_all": True, "append_images": frames[1:]}
    files["frames.gif"] = saved(frames[0], "GIF", **more), True
    return files


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (*chunks, (b"IEND", b""))
    )


def _with_strip(data: bytes, strip: bytes) -> bytes:
    """Return a little-endian TIFF of one strip with another strip in its place, at the end."""
    at = struct.unpack_from("<I", data, 4)[0]
    changed = bytearray(data)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (273, 279):
            value = len(data) if tag == 273 else len(strip)
            struct.pack_into("<I", changed, entry + 8, value)
    return bytes(changed) + strip
