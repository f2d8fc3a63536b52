"""Good inputs that cases are made of: a tiny set, tiny models, folders as values. Made once."""

from __future__ import annotations

import atexit
import contextlib
import csv
import functools
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from objrec.cli.main import main

SIDE = 16
QUICK = ("--epochs", "1", "--batch-size", "8", "--azimuth-step", "90", "--device", "cpu")
SMALL = ("--features", "small", "--image-side", "16", "--channels", "4", "--volume-channels", "2")


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder: path within it → bytes."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the same files in a folder."""
    return {f"{folder}/{name}": content for name, content in files.items()}


@functools.cache
def image(number: int = 0, side: int = SIDE) -> bytes:
    """Return a PNG file, gray: an ellipse (number below 4) or a cross, in quarter turns."""
    pixels = np.full((side, side), 220, np.uint8)
    if number < 4:
        cv2.ellipse(pixels, (side // 2, side // 2), (side // 3, side // 6), 20.0, 0, 360, 60, -1)
    else:
        cv2.line(pixels, (2, 2), (side - 3, side - 3), 30, 2)
        cv2.line(pixels, (side - 3, 2), (2, side - 3), 90, 2)
    pixels[1 : 1 + side // 4, side // 2] = 0
    return cv2.imencode(".png", np.ascontiguousarray(np.rot90(pixels, number)))[1].tobytes()


@functools.cache
def tiny_set(instances: int = 2) -> dict[str, bytes]:
    """Return a labelled folder of two categories, four azimuths an object."""
    rows, files = [("file", "category", "instance", "azimuth")], {}
    for category, first in (("disc", 0), ("cross", 4)):
        for instance in range(instances):
            for turn in range(4):
                name = f"{category}-{instance}-{turn}.png"
                files[name] = image(first + turn, SIDE + instance)
                rows.append((name, category, str(instance), str(90 * turn)))
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return files | {"labels.csv": text.getvalue().encode()}


@functools.cache
def made(*words: str) -> dict[str, bytes]:
    """Run a command and return what it wrote to "{out}"; "{set}" is the tiny one.

    Raises:
        RuntimeError: It failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = {name: f"{folder}/{name}" for name in ("set", "out")}
        write(Path(places["set"]), tiny_set())
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main([word.format(**places) for word in words])
        if code != 0:
            raise RuntimeError(f"{words}: {said.getvalue()}")
        return files_of(Path(places["out"]))


def tiny_model(*more: str) -> dict[str, bytes]:
    """Return a model folder: of the energy kind, unless `more` words say something else."""
    return made("train", "{set}", "--out", "{out}", *QUICK, *SMALL, *more)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what `files_of` returned."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@functools.cache
def fifo() -> str:
    """Return the path of a pipe that nobody writes to; whoever opens it waits."""
    folder = tempfile.mkdtemp(prefix="fuzz-fifo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.mkfifo(f"{folder}/pipe")
    return f"{folder}/pipe"


# What a symbolic link in a file's place may lead to.
STRANGE = ("/dev/zero", "/dev/null", "/proc/self/mem", "/", "itself", "nowhere")
