"""Image files of every kind, broken, for `classify` and for folders of images.

A good file is one of `scripts/odd_images.py`, which says what must be read. Checksums of PNG files
are made right again for half of the cases, or little would get past them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from image_bytes import DEFLATE, png, tiff

from fuzzing.case import HERE, Case
from fuzzing.good import fifo
from fuzzing.image_files import bombs, good_files, picture
from fuzzing.mutations import WORDS, mutated

MODEL = str(Path(__file__).parents[2] / "models" / "toys")
_CLASSIFY = ("--model", MODEL, "--device", "cpu")
_HUGE = 60_000
_SUFFIXES = ["jpg", "png", "bmp", "tif", "webp", "gif", "jp2", "avif", "pgm", "heic", "cr2", "txt"]


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


@st.composite
def _repaired(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw a PNG with changed chunks, or pixels that were changed and packed again."""
    chunks = _chunks(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(chunks) - 1))
        name, content = chunks[at]
        how = draw(st.sampled_from(("bytes", "bytes", "drop", "twice", "name", "pixels", "add")))
        if how == "bytes":
            chunks[at] = name, draw(mutated(content, head=26))
        elif how == "drop" and len(chunks) > 1:
            del chunks[at]
        elif how == "name":
            chunks[at] = draw(st.sampled_from(_CHUNK_NAMES)), content
        elif how == "pixels" and name == b"IDAT":
            chunks[at] = name, zlib.compress(draw(mutated(_inflated(content))))
        else:
            extra = draw(st.sampled_from(_CHUNK_NAMES)), draw(st.binary(max_size=40))
            chunks.insert(at, chunks[at] if how == "twice" else extra)
    return data[:8] + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


_CHUNK_NAMES = (b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL")
_CHUNK_NAMES += (b"fdAT", b"gAMA", b"bKGD", b"IHDR", b"IEND", b"pHYs", b"tEXt", b"sBIT", b"AAAA")


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


@st.composite
def _changed(draw: st.DrawFn) -> tuple[str, bytes, bool | None]:
    name = draw(st.sampled_from(sorted(good_files())))
    data, good = good_files()[name]
    if len(data) > 20_000:
        return name, data, good
    if data.startswith(b"\x89PNG") and draw(st.booleans()):
        return name, draw(_repaired(data)), None
    return name, draw(mutated(data, head=min(len(data), 200))), None


@st.composite
def _tagged(draw: st.DrawFn) -> tuple[str, bytes, bool | None]:
    """Draw a TIFF whose tags say anything."""
    kind = draw(st.sampled_from(("u1", "u2", "f4", "f8", "i4")))
    pixels = picture() / 255 if kind in ("f4", "f8") else picture()
    channels = draw(st.sampled_from((1, 3)))
    number = st.sampled_from([w for w in WORDS if 0 <= w < 2**32]) | st.integers(0, 70)
    tags = {}
    for _ in range(draw(st.integers(1, 3))):
        tag = draw(st.sampled_from(_TAGS))
        code, most = draw(st.sampled_from(((3, 2**16), (4, 2**32), (1, 256), (16, 2**64))))
        values = draw(st.lists(number, min_size=1, max_size=4))
        tags[tag] = code, [value % most for value in values]
    big = draw(st.booleans())
    if not big:
        tags = {tag: (code, values) for tag, (code, values) in tags.items() if code != 16}
    data = tiff(
        pixels[..., :channels],
        kind,
        order=draw(st.sampled_from("<>")),
        big=big,
        compression=draw(st.sampled_from((1, DEFLATE))),
        rows=draw(st.sampled_from((0, 1, 5))),
        tile=draw(st.sampled_from((0, 0, 16))),
        planes=draw(st.booleans()),
        tags=tags,
    )
    return "tagged.tif", data, None


_TAGS = (254, 255, 256, 257, 258, 259, 262, 266, 274, 277, 280, 281, 284, 292, 293, 317, 320, 338)
_TAGS += (339, 340, 341, 347, 512, 513, 514, 530, 532, 700, 34665, 33723, 34377, 65000)


@st.composite
def _numbered(draw: st.DrawFn) -> tuple[str, bytes, bool | None]:
    """Draw a Netpbm file by its grammar, loosely."""
    gap = st.sampled_from((b" ", b"\n", b"\t", b"#x\n", b"", b"\r\n", b"\0"))
    number = st.integers(0, 30) | st.sampled_from(WORDS) | st.just(65535) | st.just(_HUGE)
    kind = draw(st.integers(1, 7))
    words = [b"P%d" % kind, *(b"%d" % draw(number) for _ in range(draw(st.integers(2, 4))))]
    head = b"".join(word + draw(gap) for word in words)
    text = st.lists(st.integers(-2, 70_000), max_size=40).map(
        lambda ns: b" ".join(b"%d" % n for n in ns)
    )
    return "drawn.pnm", head + draw(text | st.binary(max_size=1000)), None


@st.composite
def _sized(draw: st.DrawFn) -> tuple[str, bytes, bool | None]:
    """Draw a good file of an unusual shape: one pixel, a line, a long strip."""
    long = draw(st.sampled_from((1, 2, 3, 1000, 30_000, _HUGE, 65_535, 65_536)))
    short = draw(st.sampled_from((0, 1, 1, 2, 3)))
    shape = (long, short) if draw(st.booleans()) else (short, long)
    deep = draw(st.booleans())
    pixels = np.full(
        (*shape, draw(st.sampled_from((1, 3, 4)))), 77, np.uint16 if deep else np.uint8
    )
    good = short > 0 and long <= 65_535
    if not short or draw(st.booleans()):
        return "sized.png", png(pixels if pixels.shape[2] > 1 else pixels[..., 0]), good
    return "sized.tif", tiff(pixels), good


_BOMBS = st.deferred(lambda: st.sampled_from(sorted(bombs())).map(lambda n: (n, *bombs()[n])))
_SOUND = st.deferred(
    lambda: st.sampled_from(sorted(good_files())).map(lambda n: (n, *good_files()[n]))
)
_FILES = st.one_of(*[_changed()] * 8, _tagged(), _tagged(), _numbered(), _sized(), _SOUND)


@st.composite
def _one(draw: st.DrawFn) -> Case:
    """One image as both cameras see it."""
    bomb = draw(st.integers(0, 150)) == 0
    name, data, good = draw(_BOMBS if bomb else _FILES)
    name = Path(name).name
    if good is None and draw(st.integers(0, 4)) == 0:
        name = f"{Path(name).stem}.{draw(st.sampled_from(_SUFFIXES))}"
    form = draw(st.sampled_from(((), ("--json",), ("--csv", "--no-refine"))))
    word = f"{HERE}/{name}+{HERE}/{name}"
    return Case(("classify", word, *_CLASSIFY, *form), {name: data}, named=(name,), good=good)


@st.composite
def _pair(draw: st.DrawFn) -> Case:
    """Two images of one object, which need not agree in size."""
    names = []
    files = {}
    for camera in range(2):
        name, data, _ = draw(_FILES)
        files[f"x-camera{camera}{Path(name).suffix}"] = data
        names.append(f"x-camera{camera}")
    return Case(("classify", HERE, *_CLASSIFY), files, named=(*names, "case"))


@st.composite
def _folder(draw: st.DrawFn) -> Case:
    """Good images and a bad one among them: the others are answered, and it is named."""
    bad = draw(
        st.sampled_from((b"", b"x", b"\x89PNG\r\n\x1a\n", good_files()["colour-8.png"][0][:-9]))
    )
    good = good_files()["colour-8.png"][0]
    files, spoilt = {}, draw(st.integers(0, 3))
    for number in range(4):
        for camera in range(2):
            files[f"{number}-camera{camera}.png"] = bad if number == spoilt and camera else good
    said = tuple(f"{number}-camera0.png" for number in range(4) if number != spoilt)
    words = ("classify", HERE, *_CLASSIFY, *draw(st.sampled_from(((), ("--json",), ("--csv",)))))
    return Case(words, files, named=(f"{spoilt}-camera1.png",), good=False, said=said)


@st.composite
def _set(draw: st.DrawFn) -> Case:
    """A folder of two categories, for the commands that look at sets."""
    name, data, _ = draw(_FILES)
    files = {f"{c}/o{i}/{i}.png": png(picture() + 9 * i) for c in ("a", "b") for i in range(3)}
    path = f"a/o1/{Path(name).name}"
    verb = draw(st.sampled_from((("info",), ("info", "--check"), ("check",), ("check", "--fast"))))
    words = ("data", verb[0], f"{HERE}/set", *verb[1:])
    files = {f"set/{inner}": content for inner, content in (files | {path: data}).items()}
    return Case(words, files, named=())


@st.composite
def _special(draw: st.DrawFn) -> Case:
    """What is named like an image and is no file: devices, pipes, folders, links to nowhere."""
    targets = (
        "/dev/zero",
        "/dev/stdin",
        "/dev/null",
        "/dev/random",
        "/proc/self/mem",
        fifo(),
        "x.png",
    )
    name = draw(st.sampled_from(("x.png", "x.jpg", "y-camera0.tif")))
    links = {name: draw(st.sampled_from(targets))}
    files = {"a-camera0.png": png(picture()), "a-camera1.png": png(picture())}
    if draw(st.integers(0, 4)) == 0:
        files |= {f"{name}/inside.png": png(picture())}
        links = {}
    word = draw(st.sampled_from((f"{HERE}/{name}", f"{HERE}/{name}+{HERE}/{name}", HERE)))
    named = (name, Path(name).stem) if word != HERE else ()
    verbs: tuple[Callable[[], tuple[str, ...]], ...] = (
        lambda: ("classify", word, *_CLASSIFY),
        lambda: ("data", "info", HERE, "--check"),
        lambda: ("data", "check", HERE),
    )
    words = draw(st.sampled_from(verbs))()
    return Case(words, files, links=links, named=named if words[0] == "classify" else ())


CASES = st.one_of(*[_one()] * 10, _pair(), _folder(), _set(), _set(), _special())
