"""A million recognitions in one process, and many processes on one model: does anything grow?

    python scripts/bench_load.py [--images 1000000] [--files 100000] [--loads 1000]
                                 [--only arrays files loads eight replaced]

arrays: pixels of the sample set, 64 at once, by one process; memory every twentieth of the way.
files: one `objrec classify --csv` over a folder of links to 50 pairs of images; memory likewise.
loads: the model opened and asked again and again by one process; memory and open files.
eight: eight `objrec classify` started together on one model folder; the same bytes from each.
replaced: a process opens and asks a model while another replaces it, again and again, by another
one, and its calibration: what it sees is the one or the other, whole, or a refusal.

Memory is what the system counts as resident (Linux), one thread. Results go to
scripts/results/load.json, part by part.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_memory import HARDWARE, TOYS, linked, made_pairs, objrec, one_thread, output, python

RESULTS = Path(__file__).parent / "results" / "load.json"
PROCESSES = 8
MARKS = 20  # how often memory is looked at

COMMON = """
import json, os, time
from pathlib import Path
import numpy as np, torch
from objrec import Recognizer, open_dataset
torch.set_num_threads(1)
def show(done):
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    opened = len(os.listdir("/proc/self/fd"))
    mib = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2)
    print(json.dumps({{"done": done, "mib": mib, "open_files": opened}}), flush=True)
toys = open_dataset({toys!r}, "test")
"""
ARRAYS = (
    COMMON
    + """
pixels = [toys[i].images for i in range(0, len(toys), 3)]
recognizer = Recognizer.load(device="cpu")
images = (pixels[i % len(pixels)] for i in range({count}))
for done, answer in enumerate(recognizer.recognize_many(images, batch_size=64), 1):
    if not done % ({count} // {marks}):
        show(done)
"""
)
LOADS = (
    COMMON
    + """
for done in range(1, {count} + 1):
    recognizer = Recognizer.load(device="cpu")
    recognizer.recognize(toys[done % len(toys)])
    if not done % ({count} // {marks}):
        show(done)
"""
)
# Two models, told apart by their energies; two calibrations, told apart by their thresholds.
READER = """
import sys
import torch
from objrec import Recognizer, open_dataset
from objrec.errors import ObjrecError
sample = open_dataset({toys!r}, "test")[0]
torch.set_num_threads(1)
print("ready", flush=True)
for line in sys.stdin:
    try:
        recognizer = Recognizer.load({folder!r}, device="cpu")
        energy, known = recognizer.recognize(sample).energy, recognizer.calibration.threshold
        print(f"{{energy:.6f}} {{known}}", flush=True)
    except ObjrecError as error:
        print(f"refused: {{error}}", flush=True)
"""
WRITER = """
import time
from dataclasses import replace
from pathlib import Path
import torch
from objrec.saving import load_model, save_model, shipped_model, store_calibration
folder = Path({folder!r})
old, new = load_model(shipped_model()), load_model(shipped_model())
with torch.no_grad():
    for weight in new.network.parameters():
        weight.mul_(1.01)
new = replace(new, calibration=replace(new.calibration, threshold=2.0))
old = replace(old, calibration=replace(old.calibration, threshold=1.0))
save_model(folder, old)
print("ready", flush=True)
while True:
    save_model(folder, new)
    time.sleep({pause})
    store_calibration(folder, replace(new.calibration, threshold=3.0))
    time.sleep({pause})
    save_model(folder, old)
    time.sleep({pause})
"""


def main() -> None:
    """Measure the parts asked for, and write each into the results as soon as it is there."""
    arguments = _arguments()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            began = time.perf_counter()
            found = PARTS[name](Path(folder), arguments)
            found["s"] = round(time.perf_counter() - began, 1)
            found["command"] = f"python scripts/bench_load.py --only {name}"
            found["hardware"] = json.loads(output(python(HARDWARE)))
            print(name, json.dumps({k: v for k, v in found.items() if k != "marks"}), flush=True)
            # Read anew: parts may run side by side.
            results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
            arguments.out.write_text(json.dumps(results | {name: found}, indent=1) + "\n")


def arrays(_: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Recognise so many images as arrays, by one process."""
    return growth(python(ARRAYS.format(toys=str(TOYS), count=arguments.images, marks=MARKS)))


def loads(_: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Open the model so many times by one process, and ask it once each time."""
    return growth(python(LOADS.format(toys=str(TOYS), count=arguments.loads, marks=MARKS)))


def files(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Classify a folder of so many files by one command."""
    images = linked(made_pairs(folder / "pairs"), folder / "images", arguments.files)
    child = subprocess.Popen(
        objrec("classify", str(images), "--csv"), stdout=subprocess.PIPE, env=one_thread()
    )
    step, marks = arguments.files // 2 // MARKS, []
    for done, _ in enumerate(child.stdout):  # the first line is the header
        if done and not done % step:
            marks.append({"done": 2 * done, **watched(child.pid)})
    if child.wait():
        raise SystemExit(f"classify ended with {child.returncode}")
    return grown(marks)


def growth(command: list[str]) -> dict[str, Any]:
    """Return what a process that prints its marks comes to."""
    return grown([json.loads(line) for line in output(command).splitlines()])


def grown(marks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return by how much memory grew from a tenth of the way to its end, and all marks."""
    first, half = marks[len(marks) // 10 - 1], len(marks) // 2
    early, late = (statistics.mean(m["mib"] for m in part) for part in (marks[:half], marks[half:]))
    return {
        "from": first["done"],
        "to": marks[-1]["done"],
        "growth_mib": round(marks[-1]["mib"] - first["mib"], 2),
        "second_half_more_mib": round(late - early, 2),
        "most_mib": max(mark["mib"] for mark in marks),
        "open_files": sorted({mark["open_files"] for mark in marks[:-1]}),
        "marks": marks,
    }


def watched(pid: int) -> dict[str, Any]:
    """Return resident memory and open files of another process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    opened = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"mib": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2), "open_files": opened}


def eight(_: Path, __: argparse.Namespace) -> dict[str, Any]:
    """Start eight commands on one model folder together, and compare what they print."""
    words = objrec("classify", f"{TOYS}@test:0-199", "--json", "--device", "cpu")
    model = ("--model", str(TOYS.parent.parent / "models" / "toys"))
    started = [
        subprocess.Popen([*words, *model], stdout=subprocess.PIPE, env=one_thread())
        for _ in range(PROCESSES)
    ]
    printed = [child.communicate()[0] for child in started]
    return {
        "processes": PROCESSES,
        "images_each": 200,
        "exit_codes": sorted({child.returncode for child in started}),
        "different_outputs": len({hashlib.sha256(text).hexdigest() for text in printed}),
        "bytes_each": len(printed[0]),
    }


def replaced(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Open and ask a model that another process replaces all the time; count what is seen."""
    model = str(folder / "model")
    pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE, "text": True}
    writer = subprocess.Popen(
        python(WRITER.format(folder=model, pause=0.3)), env=one_thread(), **pipes
    )
    reader = subprocess.Popen(
        python(READER.format(folder=model, toys=str(TOYS))), env=one_thread(), **pipes
    )
    try:
        if {writer.stdout.readline(), reader.stdout.readline()} != {"ready\n"}:
            raise SystemExit("the writer or the reader did not start")
        seen = Counter(asked(reader, arguments.reads))
        if reader.poll() is not None or writer.poll() is not None:
            raise SystemExit("the writer or the reader ended too soon")
    finally:
        for child in (writer, reader):
            child.kill()
            child.wait()
    # The old model has the calibration 1, the new one 2 or 3; no other pair may be seen.
    told = {line: n for line, n in seen.items() if not line.startswith("refused")}
    return {
        "reads": arguments.reads,
        "refused": {
            line[9:].replace(model, "MODEL"): n for line, n in seen.items() if line not in told
        },
        "seen": told,
        "whole": mixed(list(told)) == 0,
    }


def asked(reader: subprocess.Popen, count: int) -> Iterator[str]:
    """Have the reader open the model so many times; yield what it says."""
    for _ in range(count):
        time.sleep(0.05)  # a refusal takes a millisecond: not all in one gap of the writer's
        reader.stdin.write("\n")
        reader.stdin.flush()
        yield reader.stdout.readline().strip()


def mixed(seen: list[str]) -> int:
    """Count the pairs 'energy threshold' that are neither the old model nor the new one."""
    old = {line.split()[0] for line in seen if line.endswith(" 1.0")}
    new = {line.split()[0] for line in seen if not line.endswith(" 1.0")}
    return len(old & new) + max(0, len(old) - 1) + max(0, len(new) - 1)


PARTS = {"arrays": arrays, "files": files, "loads": loads, "eight": eight, "replaced": replaced}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--loads", type=int, default=1_000)
    parser.add_argument("--reads", type=int, default=300, help="with replaced")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
