"""How fast, and in how much memory, NORB files are read: plain or gzip, in order or at random.

    python scripts/bench_norb.py [--parts 2] [--pairs 3000] [--random 300] [--folder FOLDER]

Writes a synthetic set like the jittered-cluttered one (pairs of 108 x 108 pixels in numbered
parts, compressible as the genuine files are: to three quarters) into a temporary folder, reads it
in every way, each in a process of its own, and prints a table on stdout. "bound" is what the
standard library needs for the same bytes, in the same run: `gzip.open`, or reading the plain file.
The files are in the system's cache, since they were just written; a slow disk adds its own time.
Then it opens ten parts with as many pairs as the genuine set has, all of them black.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from objrec.datasets.norb import NorbWriter, read_norb, reading
from objrec.evaluation.hardware import describe_hardware
from objrec.preprocessing import Preprocessing, load_images

SIDE, PAIR = 108, 2 * 108 * 108
GENUINE_PAIRS, GENUINE_PARTS, GENUINE_PART = 291_600, 10, 29_160
PREFIX = "norb-synthetic-training"
CHUNK = 1 << 22
# Standard deviation of the pixels' noise: gzip then leaves about three quarters of the bytes, as
# it does of the genuine files (515 of 680 MB a part).
NOISE = 12.0


def main() -> None:
    """Write, measure, print; with --measure, measure one way of reading only."""
    arguments = _arguments()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for kind in ("plain", "gzip"):
            write_cluttered(Path(folder) / kind, arguments, compress=kind == "gzip")
        write_black(Path(folder) / "black")
        rows = {way: _measured(way, folder, arguments) for way in WAYS}
    _print_table(rows, arguments)


def write_cluttered(folder: Path, arguments: argparse.Namespace, *, compress: bool) -> None:
    """Write parts of noise with ten info columns, every sixth pair 'blank'."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    writer = NorbWriter(folder, PREFIX, compress=compress, part_samples=arguments.pairs)
    with writer:
        for start in range(0, arguments.parts * arguments.pairs, 100):
            labels = np.arange(start, min(start + 100, arguments.parts * arguments.pairs)) % 6
            noise = rng.normal(128, NOISE, (len(labels), 2, SIDE, SIDE))
            writer.add(noise.clip(0, 255).astype(np.uint8), labels, _info(labels))


def write_black(folder: Path) -> None:
    """Write ten parts of the genuine size, whose images are one and the same black file."""
    folder.mkdir()
    labels = np.arange(GENUINE_PART) % 6
    with NorbWriter(folder, f"{PREFIX}-01", compress=True) as writer:
        for block in np.array_split(labels, 60):
            writer.add(np.zeros((len(block), 2, SIDE, SIDE), np.uint8), block, _info(block))
    for number in range(2, GENUINE_PARTS + 1):
        for kind in ("dat", "cat", "info"):
            first = folder / f"{PREFIX}-01-{kind}.mat.gz"
            os.link(first, folder / f"{PREFIX}-{number:02d}-{kind}.mat.gz")


def _info(labels: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(len(labels))
    most = np.array([10, 9, 18, 6, 13, 13, 41, 2, 2, 11])
    info = rng.integers(0, most, (len(labels), 10)) - np.array([0, 0, 0, 0, 6, 6, 20, 0, 0, 5])
    info[:, 2] *= 2
    return info


def _in_order(folder: Path, arguments: argparse.Namespace) -> int:
    dataset = read_norb(folder)
    return sum(len(dataset[i].images) for i in range(len(dataset))) // 2


def _at_random(folder: Path, arguments: argparse.Namespace) -> int:
    dataset = read_norb(folder)
    order = np.random.default_rng(0).permutation(len(dataset))[: arguments.random]
    return sum(len(dataset[i].images) for i in order) // 2


def _at_random_again(folder: Path, arguments: argparse.Namespace) -> Callable[[], int]:
    """Go through the set once, untimed; then read at random."""
    dataset = read_norb(folder)
    for i in range(0, len(dataset), 50):
        dataset.read(i)
    order = np.random.default_rng(0).permutation(len(dataset))[: arguments.random]
    return lambda: sum(len(dataset[i].images) for i in order) // 2


def _preprocessed(folder: Path, arguments: argparse.Namespace) -> int:
    dataset = read_norb(folder)
    return len(load_images(dataset, Preprocessing(size=48, cameras=2))[0])


def _bound(folder: Path, arguments: argparse.Namespace) -> int:
    count = 0
    for path in sorted(folder.glob("*-dat.mat*")):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while chunk := file.read(CHUNK):
                count += len(chunk)
    return count // PAIR


def _opened(folder: Path, arguments: argparse.Namespace) -> int:
    return len(read_norb(folder))


# Way of reading → kind of files, function, whether gzip files are streamed.
WAYS: dict[str, tuple[str, Callable[..., Any], bool]] = {
    "plain, bound": ("plain", _bound, True),
    "plain, in order": ("plain", _in_order, True),
    "plain, at random": ("plain", _at_random, True),
    "plain, load_images": ("plain", _preprocessed, True),
    "gzip, bound": ("gzip", _bound, True),
    "gzip in memory, in order": ("gzip", _in_order, False),
    "gzip streamed, in order": ("gzip", _in_order, True),
    "gzip streamed, at random": ("gzip", _at_random, True),
    "gzip streamed, at random after one pass": ("gzip", _at_random_again, True),
    "gzip streamed, load_images": ("gzip", _preprocessed, True),
    "black, opening 291,600 pairs": ("black", _opened, True),
    "black, in order": ("black", _in_order, True),
}


def measure(way: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Read once; return pairs, seconds, and the largest growth of this process' own memory."""
    kind, function, streamed = WAYS[way]
    reading.STREAMED_ABOVE = 0 if streamed else sys.maxsize
    with _Watch() as watch:
        started = time.perf_counter()
        result = function(arguments.folder / kind, arguments)
        if callable(result):
            started = time.perf_counter()
            result = result()
        seconds = time.perf_counter() - started
    return {"pairs": result, "seconds": seconds, "megabytes": watch.growth / 1e6}


class _Watch:
    """Notes the largest anonymous memory of this process; pages of mapped files are not its own."""

    def __enter__(self) -> _Watch:
        self.growth, self._before, self._done = 0, _own_memory(), Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.growth = max(self.growth, _own_memory() - self._before)
            if self._done.wait(0.005):
                return


def _own_memory() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def _measured(way: str, folder: str, arguments: argparse.Namespace) -> dict[str, float]:
    options = ["--measure", way, "--folder", folder, "--random", str(arguments.random)]
    words = [sys.executable, __file__, *options]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    print(f"{way}: done", file=sys.stderr)
    return json.loads(done.stdout)


def _print_table(rows: dict[str, dict[str, float]], arguments: argparse.Namespace) -> None:
    hardware = describe_hardware()
    print(f"{arguments.parts} parts of {arguments.pairs:,} pairs of {SIDE} x {SIDE};", end=" ")
    print(f"{hardware['cpu']}, {hardware['cores']} cores, Python {hardware['python']}\n")
    print("| reading | pairs | pairs/s | of its bound | own memory, MB |")
    print("|---|---:|---:|---:|---:|")
    for way, row in rows.items():
        speed = row["pairs"] / row["seconds"]
        bound = rows.get(f"{WAYS[way][0]}, bound")
        share = f"{speed * bound['seconds'] / bound['pairs']:.2f}" if bound else "–"
        print(f"| {way} | {row['pairs']:,} | {speed:,.0f} | {share} | {row['megabytes']:.0f} |")
    print()
    opening = rows["black, opening 291,600 pairs"]
    print(f"Opening ten parts with 291,600 pairs (streamed) took {opening['seconds']:.2f} s.")
    for way in ("plain, in order", "gzip streamed, in order"):
        seconds = GENUINE_PAIRS / rows[way]["pairs"] * rows[way]["seconds"]
        print(f"Extrapolated, not measured: 291,600 pairs, {way}: {seconds:.1f} s.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=3000, help="in each part")
    parser.add_argument("--random", type=int, default=300, help="pairs read at random")
    parser.add_argument("--folder", type=Path, default=None, help="where the set is written")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
