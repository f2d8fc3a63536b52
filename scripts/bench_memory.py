"""How much memory classification, inference and training take, and that a large folder takes none.

    python scripts/bench_memory.py [--quick] [--only classify inference training]

Peak resident memory of a process of its own for each row, as the system counts it (Linux), one
thread. The folders hold links to 50 pairs of images of the sample set; an answer takes two images,
left and right. `--quick` leaves the largest folder out. Results go to
scripts/results/bench_memory.json.
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
from pathlib import Path
from typing import Any

from performance_tables import memory_table

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_memory.json"
TOYS = ROOT / "data" / "toys"
SIZES = (1_000, 10_000, 100_000)
FORMS = ("--csv", "--json", "table")
DISTINCT = 50  # pairs that the folders link to
MIB = 2**20

# No image is kept: what is measured is one batch after the other.
INFERENCE = """
import torch
from objrec import Recognizer, open_dataset
torch.set_num_threads(1)
recognizer, toys = Recognizer.load(device="cpu"), open_dataset({toys!r}, "test")
images = (toys[i % len(toys)] for i in range(640))
assert sum(1 for _ in recognizer.recognize_many(images, batch_size={batch})) == 640
"""
HARDWARE = """
import json
from objrec.evaluation.hardware import describe_hardware
print(json.dumps(describe_hardware()))
"""


def main() -> None:
    """Measure, print the table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave the largest folder out")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    arguments = parser.parse_args()
    rows = [measured("import torch", [sys.executable, "-c", "import torch"])]
    rows.append(measured("import objrec, model loaded", python(INFERENCE_LOADED)))
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            for row in MEASURES[name](Path(folder), arguments.quick):
                print(row, flush=True)
                rows.append(row)
    print("\n".join(memory_table(rows)))
    record = {
        "command": " ".join(["python scripts/bench_memory.py", *sys.argv[1:]]),
        "hardware": json.loads(output(python(HARDWARE))),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


INFERENCE_LOADED = "from objrec import Recognizer\nRecognizer.load(device='cpu')"


def classify(folder: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each size of folder and form of output."""
    pairs = made_pairs(folder / "pairs")
    for size in SIZES[:-1] if quick else SIZES:
        images = linked(pairs, folder / str(size), size)
        for form in FORMS:
            words = ["classify", str(images), *([form] if form != "table" else [])]
            row = measured(f"classify {form}", objrec(*words))
            yield row | {"images": size}


def inference(_: Path, __: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each batch size: 640 images of the sample set, by the shipped model."""
    for batch in (1, 64):
        code = INFERENCE.format(toys=str(TOYS), batch=batch)
        yield measured(f"inference, batches of {batch}", python(code)) | {"images": 640}


def training(folder: Path, _: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of model: one epoch on the sample set."""
    for kind, words in {"energy model": (), "CNN": ("--baseline", "cnn")}.items():
        out = str(folder / kind.replace(" ", "-"))
        command = objrec("train", str(TOYS), "--out", out, "--epochs", "1", *words)
        yield measured(f"training, {kind}, one epoch", command)


MEASURES = {"classify": classify, "inference": inference, "training": training}


def made_pairs(folder: Path) -> list[list[Path]]:
    """Write pairs of images of the sample set, and return left and right of each."""
    words = ("--to", "folder", "--split", "test", "--count", str(DISTINCT))
    output(objrec("data", "convert", str(TOYS), str(folder), *words))
    lefts = sorted(folder.rglob("*-camera0.png"))
    return [[left, left.with_name(left.name.replace("camera0", "camera1"))] for left in lefts]


def linked(pairs: list[list[Path]], folder: Path, size: int) -> Path:
    """Fill a folder with so many images, two a pair, each a link to one of `pairs`."""
    folder.mkdir()
    for number in range(size // 2):
        for camera, image in enumerate(pairs[number % len(pairs)]):
            os.link(image, folder / f"{number:06d}-camera{camera}.png")
    return folder


def measured(name: str, command: list[str]) -> dict[str, Any]:
    """Run a command and return its peak memory and its time.

    This process stays small, since a child begins its life with the peak of its parent.
    """
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=one_thread(), cwd=ROOT)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: ended with {os.waitstatus_to_exitcode(status)}")
    peak = used.ru_maxrss * 1024 / MIB
    return {"name": name, "peak_mib": round(peak, 1), "s": round(time.perf_counter() - began, 1)}


def objrec(*words: str) -> list[str]:
    """Return the command line of a verb."""
    return [sys.executable, "-m", "objrec", *words]


def python(code: str) -> list[str]:
    """Return the command line of a piece of Python."""
    return [sys.executable, "-c", code]


def output(command: list[str]) -> str:
    """Return what a command prints."""
    ran = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread(), cwd=ROOT
    )
    return ran.stdout


def one_thread() -> dict[str, str]:
    """Return the environment of a child."""
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


if __name__ == "__main__":
    main()
