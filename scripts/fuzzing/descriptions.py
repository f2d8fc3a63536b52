"""set.json of folders and of NORB files: changed, of wrong types, of odd bytes, far too deep."""

from __future__ import annotations

import json
import struct

import numpy as np
from hypothesis import strategies as st

from fuzzing.case import HERE, Case
from fuzzing.labels import FILES, IMAGES
from fuzzing.mutations import ANYTHING, changed_json, mutated

SET = f"{HERE}/set"
_LABELS = "file,category,azimuth\n" + "".join(
    f"{name},{name.split('/')[0]},{60 * number}\n" for number, name in enumerate(FILES)
)
FOLDER = IMAGES | {"set/labels.csv": _LABELS.encode()}


def _matrix(array: np.ndarray) -> bytes:
    """Return a NORB file: magic number, sizes, elements."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[str(array.dtype)]
    sizes = [*array.shape, 1, 1][: max(3, array.ndim)]
    return struct.pack(f"<Ii{len(sizes)}i", magic, array.ndim, *sizes) + array.tobytes()


def _norb() -> dict[str, bytes]:
    """Return six stereo pairs of 16 x 16 pixels, of two categories and three objects each."""
    pixels = np.random.default_rng(0).integers(0, 255, (6, 2, 16, 16), np.uint8)
    info = np.array([[i // 2, i % 9, 2 * i, 0] for i in range(6)], np.int32)
    arrays = {"dat": pixels, "cat": np.arange(6, dtype=np.int32) % 2, "info": info}
    return {f"set/toys-training-{kind}.mat": _matrix(array) for kind, array in arrays.items()}


NORB = _norb()
_NOTE = {"unit": "deg", "zero": "the handle", "labels": "relative", "front": 90}
GOOD = {
    "name": "toys",
    "categories": ["007", "cup"],
    "background": ["cup"],
    "elevation": {"first": 30, "step": 5},
    "azimuth": {"first": 0.0, "step": 10},
    "pose_frame": {"azimuth": _NOTE, "elevation": {"unit": "rad"}, "symmetric": ["007"]},
}
_FOR_NORB = {"instances": {"007": ["a", "b", "c"], "cup": ["d", "e", "f"]}, "lightings": ["lamp"]}
_NINES = b"9" * 400
_TEXTS = (
    b"", b" ", b"null", b"[]", b"0", b'"x"', b"{", b"{}{}", b"{}\n", b"\xef\xbb\xbf{}", b"//c\n{}",
    b"\xff\xfe{\0}\0", b"\xff", b"\0" * 50, b"{'name': 'x'}", b'{"name": "a", "name": "b"}',
    b'{"name": "\xe9"}', b'{"name": "\\ud800"}', b'{"categories": ["\\ud800", "cup", "007"]}',
    b"[" * 100_000, b'{"name":' * 100_000, b'{"name": "two\\nlines \\u001b[31m"}',
    b'{"name": "\\u0000"}', b'{"name": NaN}', b'{"azimuth": {"first": -Infinity}}',
    b'{"azimuth": {"step": 1e400}}', b'{"azimuth": {"step": ' + _NINES + b"}}",
    b'{"azimuth": ' + b"9" * 5000 + b"}", b'{"azimuth": {"step": ' + b"9" * 5000 + b"}}",
    b'{"front_azimuth": ' + _NINES + b"}", b'{"front_azimuth": 1e999}', b'{"front_azimuth": NaN}',
    b'{"pose_frame": {"azimuth": {"front": ' + _NINES + b"}}}", b'{"front_azimuth": true}',
    b'{"pose_frame": {"azimuth": {"front": "9"}}, "front_azimuth": 9}', b'{"instances": {"": []}}',
    b'{"name": "' + b"x" * 200_000 + b'"}', b'{"' + b"x" * 200_000 + b'": 1}',
    b'{"categories": [' + b'"x",' * 50_000 + b'"x"]}',
)  # fmt: skip
_COMMANDS = (
    ("data", "info", SET),
    ("data", "info", SET, "--json"),
    ("data", "check", SET),
    ("data", "check", SET, "--json"),
    ("data", "convert", SET, f"{HERE}/out", "--to", "folder"),
    ("data", "convert", SET, f"{HERE}/out", "--to", "norb", "--gray"),
    ("data", "info", SET, "--json", "--check"),
)
_RARE = ("data", "info", SET, "--picture", f"{HERE}/sheet.png")  # a second each


@st.composite
def _written(draw: st.DrawFn, good: dict) -> bytes:
    kind = draw(st.sampled_from(("changed", "changed", "changed", "bytes", "text", "any")))
    if kind == "changed":
        return draw(changed_json(good, most=3))
    if kind == "bytes":
        return draw(mutated(json.dumps(good).encode(), head=30))
    if kind == "text":
        return draw(st.sampled_from(_TEXTS))
    value = {draw(st.sampled_from([*good, "front_azimuth"])): draw(ANYTHING)}
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def described(draw: st.DrawFn) -> Case:
    """Draw a good set, a set.json for it, and a command that reads it."""
    norb = draw(st.booleans())
    good = GOOD | (_FOR_NORB if norb else {})
    files, rare = NORB if norb else FOLDER, draw(st.integers(0, 39)) == 7
    words = _RARE if rare else draw(st.sampled_from(_COMMANDS))
    if draw(st.integers(0, 15)) == 5:
        content = {"set/set.json": json.dumps(good).encode()}
        return Case(words, files | content, named=("/set",), good=None if "norb" in words else True)
    return Case(words, files | {"set/set.json": draw(_written(good))}, named=("/set",))


CASES = described()
