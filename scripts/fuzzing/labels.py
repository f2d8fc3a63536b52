"""labels.csv and tables of poses, as spreadsheets spoil them, and as nobody should write them.

A set is six tiny images in two folders; above it lies a picture that no command may read.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from fuzzing.case import HERE, Case, run
from fuzzing.mutations import mutated

SET = f"{HERE}/set"
FILES = tuple(f"{category}/{number}.png" for category in ("cup", "007") for number in range(3))
# The picture above the set has a size of its own, by which an answer would give it away.
ABOVE, ABOVE_SIZE = "above.png", 13
TINY = ("--epochs", "1", "--batch-size", "4", "--azimuth-step", "90", "--elevation-step", "30")
TINY += ("--image-side", "16", "--features", "small", "--device", "cpu")


def picture(seed: int, side: int = 8) -> bytes:
    """Return a PNG of noise, side x side gray."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


IMAGES = {f"set/{name}": picture(seed) for seed, name in enumerate(FILES)}
IMAGES[ABOVE] = picture(99, ABOVE_SIZE)

_ODD = st.sampled_from(
    ("", " ", "007", "nan", "inf", "-inf", "None", "true", "1e5", "1e400", "-30", "725", "1,5",
     "1_0", "٣", "−30", "0x10", "1e-320", "9" * 400, "Tässchen", "🍵", "=1+1", "a/b", "..", "con",
     "<script>alert(1)</script>", '"', "'", '"open', 'in "quotes"', "two\nlines", "a,b", "a;b",
     "a\tb", "\0", "\ufeff", "\u202e", "\x1b[31m", "\u2028", "x" * 300, "y" * 200_000, "é",
     "e\u0301", "#N/A")
)  # fmt: skip
_AWAY = (
    *("../above.png", "/etc/hostname", "cup/../../above.png", "/dev/zero", "/proc/self/mem"),
    *("..", "../set2/x.png", "..\\above.png", "/", "//above.png"),
)
_FILE = st.sampled_from(FILES) | st.sampled_from(
    (*_AWAY, "cup", ".", "nowhere.png", "./cup/0.png", "cup//0.png", "cup\\1.png", "CUP/0.PNG",
     "labels.csv", "cup/0.png+cup/1.png", "~/x.png", "http://a/b.png", "*.png", "cup/" * 400)
)  # fmt: skip
_NUMBER = st.floats().map(str) | st.integers(-800, 800).map(str) | _ODD
_CELLS = {
    "file": _FILE,
    "category": st.sampled_from(("cup", "007")) | _ODD,
    "instance": st.sampled_from(("a", "b", "")) | _ODD,
    "split": st.sampled_from(("train", "test", "Val", "", "all", "7")),
    "camera": st.sampled_from(("0", "1", "left", "")),
    "pair": st.sampled_from(("1", "2", "")) | _ODD,
    **{axis: _NUMBER for axis in ("azimuth", "elevation", "roll", "scale", "shift_x", "shift_y")},
    "lighting": _ODD,
}
_COLUMN = st.sampled_from(tuple(_CELLS)) | st.sampled_from(
    ("azimut", "Azimuth (deg)", "azimuth", "file", "", " ", "note", "elevation_rad", "FILE", "a,b")
)
_COMMANDS = (
    *(("data", "info", SET), ("data", "info", SET, "--json"), ("data", "info", SET, "--check")),
    *(("data", "check", SET), ("data", "check", SET, "--json"), ("data", "check", SET, "--fast")),
    ("data", "split", SET, f"{HERE}/out", "--test", "0.5"),
    ("data", "split", SET, f"{HERE}/out", "--folds", "2"),
    ("data", "convert", SET, f"{HERE}/out", "--to", "folder"),
    ("data", "convert", SET, f"{HERE}/out", "--to", "folder", "--size", "16"),
    ("data", "convert", SET, f"{HERE}/out", "--to", "norb", "--gray"),
    ("data", "merge", SET, SET, "--out", f"{HERE}/out"),
    ("data", "info", SET, "--json", "--check"),
)
_RARE = ("data", "info", SET, "--picture", f"{HERE}/sheet.png")  # a second each
_TRAIN = ("train", SET, "--out", f"{HERE}/model", *TINY)
_WORDS = st.integers(0, 79).flatmap(
    lambda n: st.just(_TRAIN if n < 2 else _RARE) if n < 4 else st.sampled_from(_COMMANDS)
)


@st.composite
def tables(draw: st.DrawFn, good: bool = False) -> list[list[str]]:
    """Draw a table of labels: columns in any order, rows of the six images, then odd cells."""
    extra = draw(st.lists(st.sampled_from(list(_CELLS)[2:]), max_size=4, unique=True))
    columns = draw(st.permutations(["file", "category", *extra]))
    rows = [
        [_plain(column, name, number) for column in columns]
        for number, name in enumerate(FILES[: draw(st.integers(1, 6))] if not good else FILES)
    ]
    table = [list(columns), *rows]
    for _ in range(0 if good else draw(st.integers(0, 3))):
        _spoil(draw, table)
    return table


def _plain(column: str, name: str, number: int) -> str:
    plain = {"file": name, "category": name.split("/")[0], "instance": f"i{number}"}
    plain |= {"split": "test" if number % 3 == 2 else "train", "scale": "1", "camera": ""}
    plain |= {"pair": str(number), "azimuth": str(60 * number), "lighting": "lamp"}
    return plain.get(column, "0")


def _spoil(draw: st.DrawFn, table: list[list[str]]) -> None:
    """Change one thing of a table in place."""
    row = draw(st.integers(0, len(table) - 1))
    kind = draw(st.sampled_from(("cell", "cell", "cell", "head", "cut", "grow", "twice", "drop")))
    cells = table[row]
    if kind == "cell" and row and cells:
        place = draw(st.integers(0, len(cells) - 1))
        name = table[0][place] if place < len(table[0]) else "lighting"
        cells[place] = draw(_CELLS.get(name, _ODD))
    elif kind == "head" and table[0]:
        table[0][draw(st.integers(0, len(table[0]) - 1))] = draw(_COLUMN)
    elif kind == "cut" and cells:
        cells.pop()
    elif kind == "grow":
        cells.append(draw(_ODD))
    elif kind == "twice":
        table.append(list(cells))
    elif kind == "drop" and len(table) > 1:
        table.pop(row)


@st.composite
def encoded(draw: st.DrawFn, table: list[list[str]], good: bool = False) -> bytes:
    """Draw one way of writing a table as bytes."""
    mark = draw(st.sampled_from(",;\t" if good else ",,,;\t|"))
    end = draw(st.sampled_from(("\n", "\r\n", "\r")))
    quotes = draw(st.sampled_from(("all", "needed") if good else ("all", "needed", "none", "half")))
    text = end.join(mark.join(_quoted(cell, mark, quotes) for cell in row) for row in table)
    codings = ("utf-8", "utf-8-sig", "utf-16")
    coding = draw(
        st.sampled_from(codings if good else (*codings, "utf-16-le", "latin-1", "cp1252"))
    )
    return (text + draw(st.sampled_from(("", end, end * 2)))).encode(coding, "replace")


def _quoted(cell: str, mark: str, quotes: str) -> str:
    if quotes == "all" or (quotes == "needed" and any(m in cell for m in (mark, '"', "\n", "\r"))):
        return '"' + cell.replace('"', '""') + '"'
    return f'"{cell}' if quotes == "half" and " " in cell else cell


@st.composite
def labelled(draw: st.DrawFn) -> Case:
    """Draw a set with a labels.csv, and a command that reads it."""
    good = draw(st.sampled_from((True, False, False, False, False, False)))
    table = draw(tables(good))
    content = draw(encoded(table, good))
    if not good and draw(st.sampled_from((True, False, False, False))):
        content = draw(mutated(content, head=40))
    words = draw(_WORDS)
    if not good and draw(st.integers(0, 50)) == 7:
        content = draw(st.binary(max_size=60))
    sure = True if good and words[:2] in (("data", "info"), ("data", "convert")) else None
    if "norb" in words:
        sure = None  # cannot hold all
    return Case(words, IMAGES | {"set/labels.csv": content}, named=("/set",), good=sure)


@st.composite
def away(draw: st.DrawFn) -> Case:
    """Draw a set that names a file outside of itself: it must be refused, with the line."""
    table = draw(tables(good=True))
    place = table[0].index("file")
    row = draw(st.integers(1, len(FILES)))
    table[row][place] = draw(st.sampled_from(_AWAY))
    content = draw(encoded(table, good=True))
    words = draw(_WORDS)
    if words[1] == "check":  # says it among other findings, with exit code 1
        return Case(words, IMAGES | {"set/labels.csv": content}, good=False)
    # A set cannot be merged with itself, which is seen first.
    named = ("/set:",) if "merge" in words else ("labels.csv:",)
    return Case(words, IMAGES | {"set/labels.csv": content}, named=named, good=False)


def _model() -> Path:
    """Train a tiny model, once a process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    lines = ["file,category", *(f"{name},{name.split('/')[0]}" for name in FILES)]
    labels = "\n".join(lines).encode()
    words = Case(_TRAIN, IMAGES | {"set/labels.csv": labels}).write(folder)
    outcome = run(words)
    if outcome.code != 0:
        raise RuntimeError(f"no model to fuzz with: {outcome.err}")
    return folder / "model"


_MODEL: list[Path] = []


@st.composite
def posed(draw: st.DrawFn) -> Case:
    """Draw a table of poses for images of one object."""
    if not _MODEL:
        _MODEL.append(_model())
    columns = draw(
        st.permutations(
            ["file", "azimuth", *draw(st.sampled_from(((), ("elevation",), ("note",))))]
        )
    )
    table = [columns, *([_plain(c, f"cup/{n}.png", n) for c in columns] for n in range(3))]
    place = list(columns).index("file")
    for number, row in enumerate(table[1:]):
        row[place] = draw(st.sampled_from((f"{number}.png", f"{number}.png", "/x/0.png")) | _FILE)
    for _ in range(draw(st.integers(0, 2))):
        _spoil(draw, table)
    content = draw(encoded(table))
    if draw(st.booleans()):
        content = draw(mutated(content, head=20))
    images = [f"{SET}/cup/{number}.png" for number in range(3)]
    words = ("classify", *images, "--together", "--model", str(_MODEL[0]), "--poses")
    if draw(st.booleans()):
        words = ("learn", *images, "--name", "x", "--out", f"{HERE}/more", *words[5:])
    words = (*words, f"{HERE}/poses.csv", "--device", "cpu")
    return Case(words, IMAGES | {"poses.csv": content}, named=("poses.csv",))


CASES = st.integers(0, 19).flatmap(
    lambda which: posed() if which < 3 else away() if which < 6 else labelled()
)
