"""NORB sets, written with `struct` alone and then broken, for `data`, `classify` and `train`.

What follows the header of a matrix file is told in `objrec.datasets.norb.matrix`; nothing of it is
used here.
"""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from fuzzing.case import HERE, Case
from fuzzing.good import QUICK, SMALL
from fuzzing.mutations import WORDS, mutated

MODEL = str(Path(__file__).parents[2] / "models" / "toys")
FLOATS, DOUBLES, INTEGERS, BYTES, SHORTS = (
    0x1E3D4C51,
    0x1E3D4C53,
    0x1E3D4C54,
    0x1E3D4C55,
    0x1E3D4C56,
)
_LETTERS = {FLOATS: "f", DOUBLES: "d", INTEGERS: "i", BYTES: "B", SHORTS: "h"}
_KINDS = ("dat", "cat", "info")
_SIDE, _CAMERAS = 12, 2
_SIZES = st.sampled_from([w for w in WORDS if -(2**31) <= w < 2**32]) | st.integers(0, 40)
_BOMB = 2**31

Files = dict[str, bytes]
# Files, what a refusal must name one of, and whether the set is in order, out of it, or either.
Broken = tuple[Files, tuple[str, ...], bool | None]
_SOMEWHERE = ("/case/set",)
_SET, _OUT = f"{HERE}/set", f"{HERE}/out"


def matrix(magic: int, shape: tuple[int, ...], values: bytes, order: str = "<") -> bytes:
    """Return magic, number of dimensions, at least three sizes, elements as they are given."""
    sizes = [*shape, 1, 1][: max(3, len(shape))]
    header = struct.pack(order + "2I", magic, len(shape))
    return header + b"".join(_word(size, order) for size in sizes) + values


def _word(value: int, order: str) -> bytes:
    return struct.pack(order + "I", value % 2**32)


def _numbers(magic: int, values: list, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(values)}{_LETTERS[magic]}", *values)


def _part(count: int, width: int, order: str) -> Files:
    """Return "dat", "cat" and "info" of a part that is in order."""
    pixels = bytes((7 * i + i // 50) % 256 for i in range(count * _CAMERAS * _SIDE * _SIDE))
    most = 6 if width == 10 else 5
    rows = [
        [i % 3, i % 9, 2 * (i % 18), i % 6, i % 5 - 2, 1, -3, 1, 1, i % 4] for i in range(count)
    ]
    info = [number for row in rows for number in row[:width]]
    return {
        "dat": matrix(BYTES, (count, _CAMERAS, _SIDE, _SIDE), pixels, order),
        "cat": matrix(
            INTEGERS, (count,), _numbers(INTEGERS, [i % most for i in range(count)], order), order
        ),
        "info": matrix(INTEGERS, (count, width), _numbers(INTEGERS, info, order), order),
    }


@st.composite
def _sets(draw: st.DrawFn) -> Files:
    """Draw a small or cluttered set that is in order: path in the folder → bytes, not zipped."""
    width, order = draw(st.sampled_from((4, 10))), draw(st.sampled_from("<>"))
    parts = draw(st.sampled_from((1, 1, 1, 2, 3)))
    files: Files = {}
    for split in draw(st.sampled_from((("training", "testing"), ("training",), ("",)))):
        for number in range(1, parts + 1):
            ending = f"-{number:02d}" if parts > 1 else ""
            prefix = "-".join(filter(None, ("s", split))) + ending
            made = _part(draw(st.integers(1, 8)), width, order)
            files |= {f"{prefix}-{kind}.mat": made[kind] for kind in _KINDS}
    return files


def _unbroken(_: st.DrawFn, files: Files) -> Broken:
    return files, _SOMEWHERE, True


def _cut(draw: st.DrawFn, files: Files) -> Broken:
    name = draw(st.sampled_from(sorted(files)))
    content = files[name]
    return {**files, name: content[: draw(st.integers(0, len(content) - 1))]}, (name,), False


def _headed(draw: st.DrawFn, files: Files) -> Broken:
    """Put anything in place of magic, number of dimensions or sizes."""
    name = draw(st.sampled_from(sorted(files)))
    order = "<" if files[name][0] in (0x54, 0x55) else ">"
    words = list(struct.unpack_from(order + "5I", files[name]))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, 4))
        magics = st.sampled_from((*_LETTERS, *WORDS))
        words[at] = draw(magics if at == 0 else _SIZES) % 2**32
    head = struct.pack(order + "5I", *words)
    return {**files, name: head + files[name][20:]}, tuple(files), None


def _sized(draw: st.DrawFn, files: Files) -> Broken:
    """Put a matrix of any type and small shape, of the right length, in place of one."""
    name = draw(st.sampled_from(sorted(files)))
    magic = draw(st.sampled_from(sorted(_LETTERS)))
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=8)))
    size = math.prod(shape) * struct.calcsize(_LETTERS[magic])
    if size > 2**16:
        shape, size = (1,), struct.calcsize(_LETTERS[magic])
    values = (draw(st.binary(min_size=1, max_size=32)) * size)[:size]
    return {**files, name: matrix(magic, shape, values)}, tuple(files), None


def _valued(draw: st.DrawFn, files: Files) -> Broken:
    """Put other numbers in place of categories or poses, as integers or floats."""
    name = draw(st.sampled_from([name for name in sorted(files) if "-dat" not in name]))
    order = "<" if files[name][0] in (0x54, 0x55) else ">"
    words = struct.unpack_from(order + "5I", files[name])
    shape = words[2 : 2 + words[1]]
    magic = draw(st.sampled_from((INTEGERS, INTEGERS, FLOATS, DOUBLES, SHORTS)))
    bits = {FLOATS: 32, DOUBLES: 64}.get(magic)
    integers = st.integers(-3, 9) | st.integers(-(2**15), 2**15 - 1)
    wide = integers | st.integers(-(2**31), 2**31 - 1) if magic == INTEGERS else integers
    number = st.floats(width=bits) | integers if bits else wide
    count = math.prod(shape)
    some = draw(st.lists(number, min_size=1, max_size=8))
    values = _numbers(magic, (some * count)[:count], order)
    return {**files, name: matrix(magic, shape, values, order)}, tuple(files), None


def _lost(draw: st.DrawFn, files: Files) -> Broken:
    lost = draw(st.sampled_from(sorted(files)))
    return {name: content for name, content in files.items() if name != lost}, _SOMEWHERE, None


def _emptied(draw: st.DrawFn, files: Files) -> Broken:
    """Put something that is no file in its place: a folder, or a file beside it by another name."""
    name = draw(st.sampled_from(sorted(files)))
    rest = {other: content for other, content in files.items() if other != name}
    return rest | {f"{name}/inside.txt": b"x"}, (name,), False


def _strayed(draw: st.DrawFn, files: Files) -> Broken:
    """Put another file of an odd name, or an odd description, beside them."""
    name = draw(
        st.sampled_from(("t-training-dat.mat", "s-training-99-dat.mat", "-dat.mat", "x-dat.mat.gz"))
    )
    return files | {name: draw(st.binary(max_size=40))}, _SOMEWHERE, None


def _mutated(draw: st.DrawFn, files: Files) -> Broken:
    name = draw(st.sampled_from(sorted(files)))
    return {**files, name: draw(mutated(files[name], head=28))}, tuple(files), None


_BREAKS = (_unbroken, _cut, _headed, _sized, _valued, _valued, _lost, _emptied, _strayed, _mutated)


@st.composite
def _zipped(draw: st.DrawFn, files: Files) -> Broken:
    """Zip the files, and spoil one: cut it, change bytes, put a bomb or a second member behind."""
    whole = {
        name if "/" in name else name + ".gz": gzip.compress(content, mtime=0)
        for name, content in files.items()
    }
    name = draw(st.sampled_from(sorted(whole)))
    content = whole[name]
    match draw(st.sampled_from(("cut", "bytes", "bomb", "behind", "announced", "twice"))):
        case "cut":
            content = content[: draw(st.integers(0, len(content) - 1))]
        case "bytes":
            content = draw(mutated(content, head=12))
        case "bomb":
            content += _zeros()
        case "behind":
            content += gzip.compress(draw(st.binary(max_size=9)), mtime=0)
        case "announced":
            content = gzip.compress(_announcing(draw), mtime=0) + _zeros()
        case "twice":
            content = gzip.compress(content, mtime=0)
    return {**whole, name: content}, _SOMEWHERE, None


_ZEROS: list[bytes] = []


def _zeros() -> bytes:
    """Return a member of 2 GiB of zeros, made once."""
    if not _ZEROS:
        block = gzip.compress(bytes(2**24), mtime=0)
        _ZEROS.append(block * (_BOMB // 2**24))
    return _ZEROS[0]


def _announcing(draw: st.DrawFn) -> bytes:
    """Return a header that announces as much as the bomb behind it holds, or about that."""
    magic = draw(st.sampled_from(sorted(_LETTERS)))
    last = draw(st.sampled_from((_BOMB, _BOMB - 1, _BOMB // 4)))
    shape = draw(
        st.sampled_from(
            ((1, 1, 1, last), (last, 1, 1, 1), (last,), (last // 4, 4), (4, 2, 2, last // 16))
        )
    )
    return matrix(magic, shape, b"")


_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "info": ("data", "info", _SET),
    "json": ("data", "info", _SET, "--json", "--check"),
    "folder": ("data", "convert", _SET, _OUT, "--to", "folder"),
    "classify": ("classify", f"{_SET}@all:0", "--model", MODEL, "--device", "cpu"),
    # These may refuse, or find fault with, a set that is in order.
    "check": ("data", "check", _SET),
    "fast": ("data", "check", _SET, "--fast"),
    "norb": ("data", "convert", _SET, _OUT, "--to", "norb", "--force"),
    "train": ("train", _SET, "--out", _OUT, *QUICK, *SMALL),
}
_PICKY = ("check", "fast", "norb", "train")
_OFTEN = [name for name in _COMMANDS for _ in range(1 if name == "train" else 6)]


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    files, named, good = draw(st.sampled_from(_BREAKS))(draw, draw(_sets()))
    if draw(st.integers(0, 3)) == 0:
        files, named, good = draw(_zipped(files))
    command = draw(st.sampled_from(_OFTEN))
    files = {f"set/{name}": content for name, content in files.items()}
    if command == "train":  # what is wrong may be the set as a whole: nothing to tell apart
        named = (*named, "case/set: ")
    return Case(_COMMANDS[command], files, named=named, good=None if command in _PICKY else good)


CASES = _cases()
