"""Sets far larger than anybody's: a million lines of labels, a hundred thousand files in a folder.

    python scripts/odd_sets.py [--rows 1000000] [--files 100000]

Each command runs in a process of its own, whose time and peak memory are told; all must succeed,
and none may write beside what it reads. The files are hard links to a few tiny pictures, so that
they take no room. Results go to scripts/results/odd_sets.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np

RESULTS = Path(__file__).parent / "results" / "odd_sets.json"
LINKS = 20_000  # of one file; most file systems allow 65,000
FOLDER = 10_000  # files in a folder of the set of many rows
OBJREC = (sys.executable, "-m", "objrec")


def main() -> None:
    """Make the sets, run the commands, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="lines of labels.csv")
    parser.add_argument("--files", type=int, default=100_000, help="files in one folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as around:
        rows = [measured("a set of 6 images: data info", ("data", "info", _small(around)))]
        print(rows[0], flush=True)
        sets = chain(many_rows(around, arguments.rows), many_files(around, arguments.files))
        for row in sets:
            print(row, flush=True)
            rows.append(row)
    record = {"command": " ".join(["python scripts/odd_sets.py", *sys.argv[1:]]), "rows": rows}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def many_rows(around: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each command on a set with a long labels.csv."""
    root = Path(around) / "rows"
    names = [f"{n // FOLDER:03d}/{n:07d}.png" for n in range(count)]
    linked(root, names)
    lines = (
        f"{name},{'cup' if n % 100 else 'car'},object {n % 1000},{n % 360},lamp {n % 7}\n"
        for n, name in enumerate(names)
    )
    with (root / "labels.csv").open("w", encoding="utf-8") as file:
        file.write("file,category,instance,azimuth,lighting\n")
        file.writelines(lines)
    for words in (("data", "info"), ("data", "check", "--fast")):
        yield measured(f"{count:,} lines: {' '.join(words)}", (*words, str(root)))
    (root / "labels.csv").write_text("file,category\n" + "a.png,cup\n" * count, encoding="utf-8")
    refused = ("data", "info", str(root))
    yield measured(f"{count:,} lines, the second a copy: data info", refused, code=2)


def many_files(around: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each command on a set whose categories are folders of many files."""
    root = Path(around) / "files"
    linked(root / "cup", [f"{n:06d}-camera{c}.png" for n in range(count // 2) for c in (0, 1)])
    linked(root / "car", [f"{n}.png" for n in range(10)])
    for words in (("data", "info"), ("data", "check", "--fast")):
        yield measured(f"{count:,} files in a folder: {' '.join(words)}", (*words, str(root)))
    words = ("classify", str(root / "cup"), "--json", "--device", "cpu")
    yield measured(f"{count:,} files in a folder: classify, to the first answer", words, first=True)
    few = ("classify", str(root / "cup" / "00000?-camera?.png"), "--json", "--device", "cpu")
    yield measured("20 files by a pattern: classify, to the first answer", few, first=True)


def linked(folder: Path, names: list[str]) -> None:
    """Make files of these names, links to tiny pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    made: set[Path] = set()
    for number, name in enumerate(names):
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if number % LINKS == 0:
            source = path
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8), np.uint8)
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        else:
            os.link(source, path)


def _small(around: str) -> str:
    root = Path(around) / "small"
    linked(root / "cup", ["0.png", "1.png", "2.png"])
    linked(root / "car", ["0.png", "1.png", "2.png"])
    return str(root)


def measured(
    what: str, words: tuple[str, ...], *, code: int = 0, first: bool = False
) -> dict[str, Any]:
    """Run a command and return its seconds and peak MiB; with `first`, up to its first line."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen([*OBJREC, *words], stdout=subprocess.PIPE, stderr=err)
        out = process.stdout.readline() if first else process.stdout.read()
        seconds = time.monotonic() - began
        if first:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        err.seek(0)
        said = err.read()[-600:].decode()
    if first and not out:
        raise RuntimeError(f"{what}: no answer; {said}")
    # `check` ends with 1 where something is wrong with a set, as is with one of copies.
    found = os.waitstatus_to_exitcode(status)
    if not first and found != code and not (found == 1 and "check" in words):
        raise RuntimeError(f"{what}: exit code {found}; {said}")
    spent = usage.ru_utime + usage.ru_stime
    told = {"seconds": seconds, "seconds of a core": spent, "MiB": usage.ru_maxrss / 1024}
    return {"what": what, **{name: round(value, 1) for name, value in told.items()}}


if __name__ == "__main__":
    main()
