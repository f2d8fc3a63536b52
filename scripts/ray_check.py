"""Whether Ray loses or doubles anything: 10,000 images, two workers, one of them killed midway.

    python scripts/ray_check.py [--images 10000] [--kills 1] [--workers 2]

Runs ``objrec classify`` on images of the sample set, over and over, by one process and by workers
of Ray, one of which is killed (SIGKILL) when a third of the answers have come, and compares the
outputs, JSON lines, byte for byte. Results go to scripts/results/ray_check.json; another number of
images is not recorded. Needs the extra 'ray'.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "ray_check.json"
SET = ROOT / "data" / "toys"
IMAGES = 10_000
STAGE = "ray::MapWorker(MapBatches(Worker))"  # what Ray calls the process of a worker


def main() -> None:
    """Compare, print, and write the results; exit code 1 if anything is lost, doubled or other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES, help=f"[{IMAGES}]")
    parser.add_argument("--kills", type=int, default=1, help="workers that are killed  [1]")
    parser.add_argument("--workers", type=int, default=2, help="[2]")
    arguments = parser.parse_args()
    words = words_for(SET, 1944, arguments.images)
    with tempfile.TemporaryDirectory() as folder:
        row = checked(Path(folder), words, arguments)
    print(json.dumps(row, indent=1))
    if arguments.images == IMAGES:
        record = {"command": "python scripts/ray_check.py", **row, "hardware": hardware()}
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(0 if row["equal"] and row["killed"] == arguments.kills else 1)


def checked(folder: Path, words: list[str], asked: argparse.Namespace) -> dict[str, Any]:
    """Run both and return what they did.

    Args:
        folder: Where the outputs are put.
        words: The words of ``objrec classify``, for so many images as `asked` says.
        asked: Numbers of images, workers and kills.
    """
    one, shared = folder / "one.jsonl", folder / "ray.jsonl"
    began = time.perf_counter()
    codes = [started(words, one).wait()]
    alone, began = time.perf_counter() - began, time.perf_counter()
    child = started([*words, "--engine", "ray", "--workers", str(asked.workers)], shared)
    killed = 0
    while child.poll() is None:
        time.sleep(0.05)
        if killed < asked.kills and count(shared) > (killed + 1) * asked.images // 3:
            killed += kill_one(child.pid)
    return {
        "images": asked.images,
        "workers": asked.workers,
        "killed": killed,
        "exit_codes": [*codes, child.returncode],
        "lines": [count(one), count(shared)],
        "equal": one.read_bytes() == shared.read_bytes(),
        "s": [round(alone, 1), round(time.perf_counter() - began, 1)],
    }


def words_for(folder: Path, samples: int, images: int) -> list[str]:
    """Return the words that stand for so many samples of a set's test split, over and over."""
    whole, rest = divmod(images, samples)
    return [f"{folder}@test"] * whole + [f"{folder}@test:0-{rest - 1}"] * (rest > 0)


def started(words: list[str], out: Path) -> subprocess.Popen:
    """Start ``objrec classify --json``, one thread, with its output in a file."""
    command = [sys.executable, "-m", "objrec", "classify", *words, "--json", "--device", "cpu"]
    with out.open("wb") as file:
        return subprocess.Popen(command, stdout=file, env=os.environ | {"OMP_NUM_THREADS": "1"})


def count(path: Path) -> int:
    """Return how many answers there are so far."""
    return path.read_bytes().count(b"\n")


def kill_one(ancestor: int) -> bool:
    """Kill a worker of a command with SIGKILL; False if there is none to be found."""
    for process in Path("/proc").glob("[0-9]*"):
        if is_worker(process) and ancestor in ancestors(process):
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False


def is_worker(process: Path) -> bool:
    """Whether a process of /proc is a worker of Ray that recognises."""
    try:
        return process.joinpath("cmdline").read_bytes().startswith(STAGE.encode())
    except OSError:  # it has ended
        return False


def ancestors(process: Path) -> list[int]:
    """Return the process ids of its parent, its parent's parent, and so on."""
    found: list[int] = []
    number = process.name
    while int(number) > 1:
        try:
            state = Path("/proc", number, "stat").read_text(encoding="utf-8")
        except OSError:
            break
        number = state.rpartition(")")[2].split()[1]
        found.append(int(number))
    return found


def hardware() -> dict[str, Any]:
    """Return what it ran on, and which Ray."""
    import ray

    from objrec.evaluation.hardware import describe_hardware

    return describe_hardware() | {"ray": ray.__version__}


if __name__ == "__main__":
    main()
