"""Write one picture as every odd kind of image file that people have.

    python scripts/odd_images.py OUT [--set data/toys] [--index 900] [--side 192]
    objrec classify OUT

Files whose names begin alike show the same picture: colour-* the picture itself, turned-* with an
EXIF orientation, gray-*, alpha-* (with random colours hidden where it is transparent), palette-*
(64 colours), bits-* (black and white) and lossy-*, which differ by the codec. So `classify` must
give the same answer for all of a group. OUT/refused holds what must be refused in one line each,
bombs among them: small files that state 60,000 x 60,000 pixels. The TIFF and PNG files of unusual
kinds are written byte by byte here, so that they test more than one library against itself.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from image_bytes import DEFLATE, bmp_with_alpha, netpbm, png, saved, tiff, without_adobe, ycck
from PIL import Image

from objrec import open_dataset

HUGE = 60_000


@dataclass(frozen=True)
class Odd:
    """One file.

    Attributes:
        data: Its bytes.
        pixels: What reading must give, uint8 (H, W) or (H, W, 3); None if it must be refused.
        tolerance: How far each number may be off.
        message: What the refusal must say, a regular expression.
    """

    data: bytes
    pixels: np.ndarray | None = None
    tolerance: int = 0
    message: str = ""


def write_odd_images(folder: Path, pixels: np.ndarray, ending: str = "") -> dict[str, Odd]:
    """Write all files.

    Args:
        folder: Where to; made if need be.
        pixels: uint8 (H, W, 3) RGB.
        ending: What to put between name and suffix: "-camera0".

    Returns:
        Name within the folder → what was written, and what reading it must give.
    """
    written = {}
    for name, odd in odd_images(pixels):
        path = Path(name)
        path = folder / path.with_name(path.stem + ending + path.suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(odd.data)
        written[path.relative_to(folder).as_posix()] = odd
    return written


def odd_images(pixels: np.ndarray) -> Iterator[tuple[str, Odd]]:
    """Yield (name, file) of every kind, all of one picture, uint8 (H, W, 3) RGB."""
    gray = pixels[..., 1]
    yield from ((f"colour-{name}", Odd(data, pixels)) for name, data in _colour(pixels))
    yield from ((f"turned-{name}", Odd(data, pixels)) for name, data in _turned(pixels))
    yield from ((f"gray-{name}", Odd(data, gray)) for name, data in _gray(gray))
    yield from ((f"alpha-{name}", odd) for name, odd in _alpha(pixels))
    yield from ((f"palette-{name}", odd) for name, odd in _palette(pixels))
    yield from ((f"bits-{name}", odd) for name, odd in _bits(gray))
    yield from ((f"lossy-{name}", odd) for name, odd in _lossy(pixels))
    for name, (data, message) in _refused(pixels).items():
        yield f"refused/{name}", Odd(data, message=message)


def deep(pixels: np.ndarray) -> np.ndarray:
    """Return the 16-bit twin: uint8 → uint16, times 257."""
    return pixels.astype(np.uint16) * 257


def _colour(v: np.ndarray) -> Iterator[tuple[str, bytes]]:
    image, other = Image.fromarray(v), Image.fromarray(255 - v)
    more = {"save_all": True, "append_images": [other, other]}
    floats = v / 255
    yield "8.png", saved(image, "PNG")
    yield "8-text.png", png(v, chunks={b"sBIT": b"\5\5\5", b"tEXt": b"a\0b"})
    yield "16.png", png(deep(v))
    yield "16-sbit.png", png(deep(v), chunks={b"sBIT": b"\x0c\x0c\x0c"})
    yield "16-key.png", png(deep(v), chunks={b"tRNS": struct.pack(">3H", 1, 1, 1)})
    yield "animated.png", saved(image, "PNG", **more)
    yield "8.BMP", saved(image, "BMP")
    yield "8.webp", saved(image, "WEBP", lossless=True)
    yield "animated.webp", saved(image, "WEBP", lossless=True, **more)
    yield "8.jp2", saved(image, "JPEG2000")
    yield "8.j2k", saved(image, "JPEG2000", no_jp2=True)
    yield "8.ppm", saved(image, "PPM")
    for maxval in (1023, 4095, 65535):
        yield f"{maxval}.ppm", netpbm(np.rint(v * (maxval / 255.0)).astype(int), maxval)
    yield "1023-text.ppm", netpbm(np.rint(v * (1023 / 255.0)).astype(int), 1023, text=True)
    yield "8.tif", tiff(v)
    yield "8-lzw.tif", saved(image, "TIFF", compression="tiff_lzw")
    yield "8-deflate.tiff", tiff(v, compression=DEFLATE, rows=8)
    yield "8-tiles.tif", tiff(v, tile=32)
    yield "8-planes.tif", tiff(v, planes=True)
    yield "8-big.tif", tiff(v, big=True)
    yield "8-pages.tif", saved(image, "TIFF", **more)
    yield "16.tif", tiff(deep(v))
    yield "16-motorola.tif", tiff(deep(v), order=">")
    yield "16-deflate-tiles.tif", tiff(deep(v), compression=DEFLATE, tile=32)
    yield "16-big.tif", tiff(deep(v), big=True, order=">")
    yield "12-of-16.tif", tiff(np.rint(v * (4095 / 255.0)), "u2", tags={281: (3, [4095] * 3)})
    yield "signed.tif", tiff(v - 128.0, "i2", tags={340: (8, [-128] * 3), 341: (8, [127] * 3)})
    yield "32.tif", tiff(v * 1000.0, "i4", tags={341: (9, [255_000] * 3)})
    yield "float.tif", tiff(floats, "f4")
    yield "float-overshoot.tif", tiff(floats * 1.001 - 0.0005, "f4")
    yield "double.tif", tiff(floats, "f8", compression=DEFLATE)
    range_ = {340: (11, [-2.0] * 3), 341: (11, [6.0] * 3)}
    yield "float-own-range.tif", tiff(floats * 8 - 2, "f4", tags=range_)


def _turned(v: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Yield the picture stored in eight ways, each with the orientation that undoes it."""
    for orientation in range(1, 9):
        stored = stored_for(v, orientation)
        exif = Image.Exif()
        exif[274] = orientation
        image = Image.fromarray(stored)
        yield f"{orientation}.png", saved(image, "PNG", exif=exif)
        block = exif.tobytes().removeprefix(b"Exif\0\0")
        yield f"{orientation}-behind-16.png", png(deep(stored), behind={b"eXIf": block})
        yield f"{orientation}.webp", saved(image, "WEBP", exif=exif, lossless=True)
        yield f"{orientation}.tif", tiff(stored, tags={274: (3, [orientation])})
        yield f"{orientation}-16.tif", tiff(deep(stored), tags={274: (3, [orientation])})
    yield "nonsense.tif", tiff(v, tags={274: (3, [9])})
    exif[274] = 0
    yield "nonsense.png", saved(Image.fromarray(v), "PNG", exif=exif)


def stored_for(v: np.ndarray, orientation: int) -> np.ndarray:
    """Return what a file stores that shows a picture by an EXIF orientation, 1 to 8.

    Where row 0 and column 0 of what is stored lie in the picture, as the standard has it: 1 top
    left, 2 top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8
    left bottom.
    """
    rows_are_columns = orientation >= 5
    from_bottom = orientation in (3, 4, 7, 8)
    from_right = orientation in (2, 3, 6, 7)
    seen = v[::-1] if from_bottom else v
    seen = seen[:, ::-1] if from_right else seen
    return np.ascontiguousarray(seen.swapaxes(0, 1) if rows_are_columns else seen)


def _gray(g: np.ndarray) -> Iterator[tuple[str, bytes]]:
    image = Image.fromarray(g)
    yield "8.png", saved(image, "PNG")
    yield "16.png", saved(Image.fromarray(deep(g)), "PNG")
    yield "8.gif", saved(image, "GIF")
    yield "8.bmp", saved(image, "BMP")
    yield "palette.png", saved(image.convert("P"), "PNG")
    yield "8.jp2", saved(image, "JPEG2000")
    yield "16.jp2", saved(Image.fromarray(deep(g)), "JPEG2000")
    yield "8.pgm", saved(image, "PPM")
    yield "1023.pgm", netpbm(np.rint(g * (1023 / 255.0)).astype(int), 1023)
    yield "8-text.pnm", netpbm(g, 255, text=True)
    yield "8.tif", tiff(g)
    yield "white-is-0.tif", tiff(255 - g, tags={262: (3, [0])})
    yield "white-is-0-16.tif", tiff(deep(255 - g), tags={262: (3, [0])})
    yield "float.tif", saved(Image.fromarray((g / 255).astype(np.float32)), "TIFF")


def _alpha(v: np.ndarray) -> Iterator[tuple[str, Odd]]:
    """Yield the picture with a transparent frame that hides random colours, and a half one."""
    alpha, half = np.zeros(v.shape[:2], np.uint8), min(v.shape[:2]) // 16
    alpha[half:-half, half:-half] = 128
    alpha[2 * half : -2 * half, 2 * half : -2 * half] = 255
    noise = np.random.default_rng(0).integers(0, 256, v.shape, dtype=np.uint8)
    rgb = np.where(alpha[..., None] > 0, v, noise)
    rgba, gray_alpha = np.dstack([rgb, alpha]), np.dstack([rgb[..., 1], alpha])
    share = alpha[..., None] / 255
    shown = np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)
    gray = shown[..., 1]
    image = Image.fromarray(rgba)
    yield "8.png", Odd(saved(image, "PNG"), shown)
    yield "16.png", Odd(png(deep(rgba)), shown)
    yield "8.webp", Odd(saved(image, "WEBP", lossless=True, exact=True), shown)
    yield "8.jp2", Odd(saved(image, "JPEG2000"), shown)
    yield "8.bmp", Odd(bmp_with_alpha(rgba), shown)
    yield "8.tif", Odd(tiff(rgba, tags={338: (3, [2])}), shown)
    yield "16.tif", Odd(tiff(deep(rgba), tags={338: (3, [2])}), shown)
    yield "float.tif", Odd(tiff(rgba / 255, "f4", tags={338: (3, [2])}), shown)
    yield "left-unsaid-16.tif", Odd(tiff(deep(rgba)), shown)
    times_alpha = np.dstack([np.rint(rgb * share), alpha]).astype(np.uint8)
    yield "multiplied.tif", Odd(tiff(times_alpha, tags={338: (3, [1])}), shown, tolerance=2)
    yield (
        "multiplied-16.tif",
        Odd(tiff(deep(times_alpha), tags={338: (3, [1])}), shown, tolerance=1),
    )
    yield "meaningless.tif", Odd(tiff(rgba, tags={338: (3, [0])}), rgb)
    yield "meaningless-16.tif", Odd(tiff(deep(rgba), tags={338: (3, [0])}), rgb)
    yield "gray-8.png", Odd(saved(Image.fromarray(gray_alpha, "LA"), "PNG"), gray)
    yield "gray-16.png", Odd(png(deep(gray_alpha)), gray)
    yield "gray-8.tif", Odd(tiff(gray_alpha, tags={338: (3, [2])}), gray)
    yield "gray-8.jp2", Odd(saved(Image.fromarray(gray_alpha, "LA"), "JPEG2000"), gray)
    inside = alpha[..., None] > 0
    keyed = np.where(inside, v, np.array([1, 2, 3], np.uint8))
    yield "key-8.png", Odd(png(keyed, chunks={b"tRNS": struct.pack(">3H", 1, 2, 3)}), _on(keyed))
    wide = struct.pack(">3H", 257, 514, 771)
    yield "key-16.png", Odd(png(deep(keyed), chunks={b"tRNS": wide}), _on(keyed))
    yield from _gray_keys(keyed[..., 2])


def _on(keyed: np.ndarray) -> np.ndarray:
    return np.where((keyed == [1, 2, 3]).all(axis=-1, keepdims=True), np.uint8(255), keyed)


def _gray_keys(g: np.ndarray) -> Iterator[tuple[str, Odd]]:
    shown = np.where(g == 3, np.uint8(255), g)
    yield "gray-key-8.png", Odd(png(g, chunks={b"tRNS": struct.pack(">H", 3)}), shown)
    yield "gray-key-16.png", Odd(png(deep(g), chunks={b"tRNS": struct.pack(">H", 771)}), shown)
    few = g >> 6
    packed = png(few, bits=2, chunks={b"tRNS": struct.pack(">H", 1)})
    yield "gray-key-2.png", Odd(packed, np.where(few == 1, 255, few * 85).astype(np.uint8))


def _palette(v: np.ndarray) -> Iterator[tuple[str, Odd]]:
    """Yield the picture in 64 colours, plain and with one of them transparent."""
    numbers = (v[..., 0] >> 6) * 16 + (v[..., 1] >> 6) * 4 + (v[..., 2] >> 6)
    colours = np.stack(np.meshgrid(*[np.arange(4) * 85] * 3, indexing="ij"), -1).reshape(-1, 3)
    image = Image.fromarray(numbers.astype(np.uint8), "P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    shown = colours.astype(np.uint8)[numbers]
    most = int(np.bincount(numbers.ravel()).argmax())
    holed = np.where((numbers == most)[..., None], np.uint8(255), shown)
    other = Image.fromarray(255 - numbers.astype(np.uint8), "P")
    other.putpalette(colours.astype(np.uint8).tobytes())
    more = {"save_all": True, "append_images": [other]}
    yield "8.png", Odd(saved(image, "PNG"), shown)
    yield "8.gif", Odd(saved(image, "GIF"), shown)
    yield "animated.gif", Odd(saved(image, "GIF", **more), shown)
    yield "8.bmp", Odd(saved(image, "BMP"), shown)
    yield "8.tif", Odd(saved(image, "TIFF"), shown)
    yield "hole.png", Odd(saved(image, "PNG", transparency=most), holed)
    yield "hole.gif", Odd(saved(image, "GIF", transparency=most), holed)
    yield "animated-hole.gif", Odd(saved(image, "GIF", transparency=most, **more), holed)


def _bits(g: np.ndarray) -> Iterator[tuple[str, Odd]]:
    shown = np.where(g >= np.median(g), np.uint8(255), np.uint8(0))
    image = Image.fromarray(shown).convert("1", dither=Image.Dither.NONE)
    for suffix, kind in {"png": "PNG", "tif": "TIFF", "bmp": "BMP", "pbm": "PPM"}.items():
        yield f"1.{suffix}", Odd(saved(image, kind), shown)
    yield "1-fax.tif", Odd(saved(image, "TIFF", compression="group4"), shown)
    rows = b"\n".join(b" ".join(b"1" if not n else b"0" for n in row) for row in shown)
    yield "1-text.pbm", Odd(b"P1\n# text\n%d %d\n" % shown.shape[::-1] + rows + b"\n", shown)


def _lossy(v: np.ndarray) -> Iterator[tuple[str, Odd]]:
    image, best = Image.fromarray(v), {"quality": 100, "subsampling": 0}
    exif = Image.Exif()
    yield "8.jpg", Odd(saved(image, "JPEG", **best), v, 3)
    yield "named-wrongly.heic", Odd(saved(image, "JPEG", **best), v, 3)
    yield "PROGRESSIVE.JPG", Odd(saved(image, "JPEG", progressive=True, **best), v, 3)
    for orientation in range(1, 9):
        exif[274] = orientation
        stored = Image.fromarray(stored_for(v, orientation))
        yield f"turned-{orientation}.jpg", Odd(saved(stored, "JPEG", exif=exif, **best), v, 3)
    cmyk = image.convert("CMYK")
    yield "cmyk.tif", Odd(saved(cmyk, "TIFF"), v, 1)
    yield "cmyk.jpg", Odd(saved(cmyk, "JPEG", **best), v, 3)
    yield "cmyk-without-adobe.jpg", Odd(without_adobe(saved(cmyk, "JPEG", **best)), v, 3)
    yield "ycck.jpg", Odd(ycck(cmyk, **best), v, 6)
    yield "ycbcr.tif", Odd(saved(image.convert("YCbCr"), "TIFF"), v, 3)
    yield "jpeg.tif", Odd(saved(image, "TIFF", compression="jpeg", quality=100), v, 12)
    yield "8.webp", Odd(saved(image, "WEBP", quality=100), v, 40)


def _refused(v: np.ndarray) -> dict[str, tuple[bytes, str]]:
    image = Image.fromarray(v)
    files = {
        "empty.png": (b"", "is empty; copy"),
        "page.jpg": (b"<!DOCTYPE html><html>", "is not an image"),
        "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC files cannot be read; save"),
        "photo.nef": (tiff(v), "NEF files cannot be read; save"),
        "drawing.svg": (b"<?xml version='1.0'?>\n<svg/>", "SVG files cannot be read; save"),
        "no-range.tif": (tiff(v * 1.0, "f4"), "from 0 to .* and states no range; divide"),
        "nan.tif": (tiff(np.where(v > v.mean(), v / 255, np.nan), "f4"), "NaN or infinite"),
        "integers.tif": (tiff(v, "u4"), "32-bit integers and states no range"),
        "planes-16.tif": (tiff(deep(v), planes=True), "each colour by itself; save"),
        "wrong-range.pgm": (netpbm(v[..., 0], 9, text=True), "but states 0 to 9; correct"),
    }
    for kind, suffix in {"JPEG2000": "jp2", "TIFF": "tif", "PPM": "ppm"}.items():
        files[f"cut.{suffix}"] = (saved(image, kind)[:-2000], "cut short|damaged")
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        data = saved(image, kind)
        files[f"cut.{kind.lower()}"] = (data[: len(data) * 2 // 3], "cut short|damaged")
    whole = bytearray(saved(image, "PNG"))
    whole[len(whole) // 2] ^= 1
    files["one-bit-wrong.png"] = (bytes(whole), "is damaged; replace")
    said = f"states {HUGE} x {HUGE} pixels, more than [0-9.]+ million; shrink it"
    return files | {f"bomb.{suffix}": (data, said) for suffix, data in bombs().items()}


def bombs() -> dict[str, bytes]:
    """Return small files that state 60,000 x 60,000 pixels, by suffix."""
    small = Image.new("RGB", (16, 16))
    jpeg, gif = bytearray(saved(small, "JPEG")), bytearray(saved(small, "GIF"))
    bmp, j2k = bytearray(saved(small, "BMP")), bytearray(saved(small, "JPEG2000", no_jp2=True))
    frame = jpeg.index(b"\xff\xc0") + 5
    jpeg[frame : frame + 4] = struct.pack(">2H", HUGE, HUGE)
    gif[6:10] = struct.pack("<2H", HUGE, HUGE)
    bmp[18:26] = struct.pack("<2i", HUGE, HUGE)
    j2k[8:16] = struct.pack(">2I", HUGE, HUGE)
    pixel, huge = np.zeros((1, 1), np.uint8), {256: (4, [HUGE]), 257: (4, [HUGE])}
    return {
        "png": png(pixel, size=(HUGE, HUGE)),
        "jpg": bytes(jpeg),
        "gif": bytes(gif),
        "bmp": bytes(bmp),
        "j2k": bytes(j2k),
        "tif": tiff(pixel, tags=huge),
        "16.tif": tiff(deep(pixel), tags=huge, compression=DEFLATE),
        "big.tif": tiff(pixel, tags=huge, big=True),
        "ppm": b"P6 %d %d 255\n" % (HUGE, HUGE),
        "text.pgm": b"P2 # a comment\n%d %d 255\n0 0" % (HUGE, HUGE),
    }


def picture(folder: Path, index: int, side: int) -> list[np.ndarray]:
    """Return a toy as each camera sees it, enlarged and tinted: uint8 (side, side, 3) RGB."""
    images = open_dataset(folder, split="test")[index].images
    tint = np.array([1.06, 0.99, 0.88])  # as bright as gray
    large = (cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in images)
    return [np.clip(view[..., None] * tint, 0, 255).astype(np.uint8) for view in large]


def main() -> None:
    """Write the files of one toy, for each camera."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder; what it holds stays there")
    parser.add_argument("--set", type=Path, default=Path("data/toys"), help="[data/toys]")
    parser.add_argument("--index", type=int, default=900, help="of a test image [900]")
    parser.add_argument("--side", type=int, default=192, help="pixels [192]")
    arguments = parser.parse_args()
    views = picture(arguments.set, arguments.index, arguments.side)
    for camera, view in enumerate(views):
        ending = f"-camera{camera}" if len(views) > 1 else ""
        written = write_odd_images(arguments.out, view, ending)
    print(f"{arguments.out}: {len(written)} kinds of files, for {len(views)} cameras")


if __name__ == "__main__":
    main()
