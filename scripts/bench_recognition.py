"""What the joint inference over category and pose costs beside a plain classifier.

    python scripts/bench_recognition.py [--quick] [--out FILE] [--threads 1 2] [--device cpu cuda]

Two models: the default of `objrec train` for gray stereo pairs with 5 categories and 162 poses
(fresh weights: they do not change the time), and the shipped one. Each against a softmax
classifier with the same feature extractor, on the same images, one at a time and 64 at once:
preprocessing, features, energies and the choice of pose apart, then three whole ways:

    plain      pixels → features → logits → the best category
    joint      pixels → features → all energies → the best category and pose of the grid
    refined    pixels → features → all energies → the three best hypotheses, poses between

The floor is what the joint way's operations would take at the rate of a matrix product of 1,024 x
1,024 measured in the same rounds. Everything is interleaved, and a figure is the best of many
single calls, since others may use the machine; ratios are of one run. `joint_over_plain` and
`refined_over_plain` are those of the default model on one thread of the processor, batch 1 or 64,
whichever is worse. Cold starts of `objrec classify` are timed in processes of their own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported; torch is told below
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as `objrec` has it

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from performance_tables import recognition_table
from torch.utils.flop_counter import FlopCounterMode

from objrec import Recognizer, open_dataset
from objrec.energy.settings import ModelSettings
from objrec.evaluation.hardware import describe_hardware
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import SavedModel, build_network
from objrec.training import Recipe

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_recognition.json"
BATCHES = (1, 64)
MIN_ROUNDS = 10
SQUARE = 1024
# What NORB-like sets have: 18 azimuths, 9 elevations.
SPACE = PoseSpace({"azimuth": range(0, 360, 20), "elevation": range(30, 75, 5)})
WHOLES = ("plain", "joint", "refined")


def main() -> None:
    """Measure, print the tables, and write the results."""
    arguments = _arguments()
    seconds = 12.0 if arguments.quick else 8.0
    rows = []
    for device in arguments.device:
        for threads in (1,) if arguments.quick or device != "cpu" else arguments.threads:
            torch.set_num_threads(threads)
            for name in ("default",) if arguments.quick else ("default", "shipped"):
                pair = models(name, device)
                rows += [measured(name, pair, batch, threads, seconds) for batch in BATCHES]
    print("\n".join(recognition_table(rows)))
    worst = headline(rows)
    record: dict[str, Any] = {
        "command": "python scripts/bench_recognition.py",
        **worst,
        "hardware": describe_hardware(torch.device(arguments.device[0])),
        "rows": rows,
    }
    if not arguments.quick:
        record["starts"] = starts()
        print(json.dumps(record["starts"], indent=1))
    print(", ".join(f"{key} {value:.2f}" for key, value in worst.items()))
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def headline(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the worst ratios of the default model on one thread, or on the only device."""
    rows = [row for row in rows if row["model"] == "default" and row["threads"] == 1]
    rows = [row for row in rows if row["device"] == "cpu"] or rows
    names = ("joint_over_plain", "refined_over_plain")
    return {name: max(row[name] for row in rows) for name in names}


def models(name: str, device: str) -> tuple[Recognizer, Recognizer]:
    """Return a recogniser and a plain classifier with its extractor, preprocessing and names."""
    if name == "shipped":
        energy = Recognizer.load(device=device)
        names, preprocessing = energy.categories, energy.preprocessing
        settings, space = ModelSettings(features="small"), energy.space
    else:
        names, space = tuple("abcde"), SPACE
        recipe = Recipe().settled(colour=False, side=96)
        settings, side = recipe.model, 64
        preprocessing = Preprocessing(side, cameras=2, colour=False, mean=0.5, deviation=0.2)
        energy = Recognizer(_saved("energy", names, space, preprocessing, settings), device)
    plain = Recognizer(_saved("cnn", names, space, preprocessing, settings), device)
    return energy, plain


def _saved(
    kind: str,
    names: tuple[str, ...],
    space: PoseSpace,
    preprocessing: Preprocessing,
    settings: ModelSettings,
) -> SavedModel:
    torch.manual_seed(0)
    network = build_network(kind, names, space, preprocessing, settings).eval()
    return SavedModel(kind, network, settings, preprocessing, calibration=None, training={})


def measured(
    name: str, pair: tuple[Recognizer, Recognizer], batch: int, threads: int, seconds: float
) -> dict[str, Any]:
    """Return milliseconds an image of every part and of the three ways, and their ratios."""
    ways = ways_of(*pair, batch)
    best = timed(ways, seconds, synchronise=pair[0].device.type == "cuda")
    each = {way: round(1e3 * best[way] / batch, 5) for way in ways if way != "product"}
    row: dict[str, Any] = {"model": name, "device": pair[0].device.type, "threads": threads}
    row |= {"batch": batch, "answers": pair[0].space.size * len(pair[0].categories)}
    row |= {f"{way}_ms": value for way, value in each.items()}
    rate = 2 * SQUARE**3 / best["product"]
    row["floor_ms"] = round(1e3 * operations(pair[0], batch) / rate / batch, 5)
    row["gflop_per_s"] = round(rate / 1e9, 1)
    for way in WHOLES[1:]:
        row[f"{way}_over_plain"] = round(best[way] / best["plain"], 3)
    return row


@torch.inference_mode()
def operations(recognizer: Recognizer, batch: int) -> int:
    """Return the floating-point operations of features and energies of a batch."""
    size, channels = recognizer.preprocessing.size, recognizer.preprocessing.channels
    images = torch.zeros((batch, recognizer.preprocessing.cameras, channels, size, size))
    with FlopCounterMode(display=False) as counted:
        recognizer.see(images.to(torch.uint8))
    return counted.get_total_flops()


def ways_of(energy: Recognizer, plain: Recognizer, batch: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    samples = [np.stack([pixels] * 2) for pixels in _pixels(batch)]
    images = torch.stack([energy.preprocessing.images(sample) for sample in samples])
    network, square = energy.network, torch.ones(SQUARE, SQUARE, device=energy.device)
    with torch.inference_mode():
        inputs = energy.preprocessing.normalised(images.to(energy.device))
        seen = energy.see(images)
        warped = network.prepare()

    def refined(seen: Any) -> Any:
        return network.hypotheses(*seen, 3, refined=True)

    return {
        "preprocessing": lambda: [energy.preprocessing.images(sample) for sample in samples],
        "features": lambda: network.extractor(inputs),
        "energies": lambda: network.energies(seen.features, warped),
        "choice": lambda: seen.energies.best(),
        "refined choice": lambda: refined(seen),
        "plain": lambda: plain.see(images).energies.best(),
        "joint": lambda: energy.see(images).energies.best(),
        "refined": lambda: refined(energy.see(images)),
        "plain objects": lambda: energy.recognize_batch(images),
        "product": lambda: square @ square,
    }


def _pixels(count: int) -> np.ndarray:
    """Return (count, 96, 96) uint8: the sample set's images have 48 pixels a side, NORB's 96."""
    dataset = open_dataset(ROOT / "data" / "toys", "test")
    views = [dataset[7 * i % len(dataset)].images[0] for i in range(count)]
    return np.stack([cv2.resize(view, (96, 96)) for view in views])


@torch.inference_mode()
def timed(
    ways: dict[str, Callable[[], Any]], seconds: float, *, synchronise: bool
) -> dict[str, float]:
    """Return the best time of a single call of each, interleaved for so many seconds."""
    wait = torch.cuda.synchronize if synchronise else lambda: None
    best, rounds, until = dict.fromkeys(ways, np.inf), 0, time.perf_counter() + seconds
    while rounds < MIN_ROUNDS or time.perf_counter() < until:
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            wait()
            if rounds:  # the first warms up
                best[name] = min(best[name], time.perf_counter() - began)
        rounds += 1
    return best


def starts(tries: int = 5) -> dict[str, float]:
    """Return seconds of whole processes, the best of some tries, and ms an image in a warm one."""
    dataset = open_dataset(ROOT / "data" / "toys", "test")
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for camera, pixels in enumerate(dataset[0].images):
            files.append(Path(folder) / f"camera{camera}.png")
            cv2.imwrite(str(files[-1]), pixels)
        objrec = [sys.executable, "-m", "objrec"]
        commands = {
            "objrec --help": [*objrec, "--help"],
            "python -c 'import torch'": [sys.executable, "-c", "import torch"],
            "objrec classify left.png+right.png": [*objrec, "classify", "+".join(map(str, files))],
        }
        found = {}
        for name, command in commands.items():
            found[name] = round(min(_seconds(command) for _ in range(tries)), 3)
        recognizer = Recognizer.load(device="cpu")
        torch.set_num_threads(1)
        ways = {"file": lambda: recognizer.recognize(tuple(files))}
        each = timed(ways, 2.0, synchronise=False)["file"]
        found["a pair of files in a warm process, ms"] = round(1e3 * each, 3)
    return found


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the default model, one thread")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON file to write")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", nargs="+", default=["cpu"], metavar="NAME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
