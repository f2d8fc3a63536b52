"""How fast exported models are, how large, and how often they are wrong: against the recogniser.

    python scripts/bench_export.py [--model DIR] [--rounds 12]

One thread. Images of the sample set's test split, from uint8 as the files hold them to category
and pose of the grid, one at a time and 64 at once. All runs are interleaved and each figure is the
best of its rounds, since others may use the machine; ratios are to the recogniser of the same run.
The int8 weights are fitted to training images. Results go to scripts/results/bench_export.json.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: one thread is meant

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from performance_tables import export_table

from objrec import Recognizer, open_dataset
from objrec.evaluation.hardware import describe_hardware
from objrec.export import export

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_export.json"
BATCHES, CALIBRATION, EVERY = (1, 64), 128, 2
Answer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""uint8 (B, V, H, W) → categories (B,) and the lowest energy of each category (B, K)."""


def main() -> None:
    """Export, measure, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="model folder  [the shipped model]")
    parser.add_argument("--rounds", type=int, default=12, help="runs of each kind  [12]")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recognizer = Recognizer.load(arguments.model, device="cpu")
    images, labels = toys("test", EVERY)
    with tempfile.TemporaryDirectory() as folder:
        sizes, answering = made(recognizer, Path(folder))
    best = timed(answering, images, arguments.rounds)
    rows = figures(answering, images, labels, best, sizes)
    record = {
        "command": "python scripts/bench_export.py",
        "model": recognizer.name,
        "images": len(images),
        "rounds": arguments.rounds,
        "onnxruntime": onnxruntime.__version__,
        "hardware": describe_hardware(),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("\n".join(export_table()))


def toys(split: str, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of the sample set."""
    dataset = open_dataset(ROOT / "data" / "toys", split)
    chosen = range(0, len(dataset), every)
    return np.stack([dataset[i].images for i in chosen]), dataset.labels[list(chosen)]


def made(recognizer: Recognizer, folder: Path) -> tuple[dict[str, int], dict[str, Answer]]:
    """Export in every way; return the sizes in bytes, and what answers."""
    training, _ = toys("train", 1)
    fitted = list(training[:: -(-len(training) // CALIBRATION)])
    side = training.shape[2:]
    ways = {
        "onnx": {},
        "onnx, one size": {"size": side},
        "onnx, int8": {"calibration": fitted},
        "onnx, int8, one size": {"calibration": fitted, "size": side},
        "torchexport": {"format": "torchexport"},
    }
    done = {n: export(recognizer, folder / n.replace(", ", "-"), **w) for n, w in ways.items()}
    answering: dict[str, Answer] = {"recogniser": recognised(recognizer)}
    for name, file in done.items():
        opened = archive if name == "torchexport" else session
        answering[name] = opened(file.path, file.description["outputs"])
    return {name: file.size for name, file in done.items()}, answering


def recognised(recognizer: Recognizer) -> Answer:
    """Return the recogniser itself: OpenCV, then PyTorch, without refinement."""

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = torch.stack([recognizer.preprocessing.images(sample) for sample in images])
        energies = recognizer.see(pixels).energies
        energies.best()
        values = energies.per_category()
        return values.argmin(dim=1).numpy(), values.numpy()

    return answer


def session(path: Path, outputs: list[str]) -> Answer:
    """Return an ONNX file, run by onnxruntime with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    run = onnxruntime.InferenceSession(path, options, providers=providers).run

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        category, _, energies = run(["category", "pose", "energies"], {"images": images})
        return category, energies

    return answer


def archive(path: Path, outputs: list[str]) -> Answer:
    """Return a torch.export archive, run by eager PyTorch."""
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()

    @torch.inference_mode()
    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = dict(zip(outputs, module(torch.from_numpy(images)), strict=True))
        return found["category"].numpy(), found["energies"].numpy()

    return answer


def timed(
    answering: dict[str, Answer], images: np.ndarray, rounds: int
) -> dict[tuple[str, int], float]:
    """Return the best milliseconds an image of each, by name and batch."""
    best = {(name, batch): np.inf for name in answering for batch in BATCHES}
    for number in range(rounds + 1):
        for name, batch in best:
            repeats = 32 if batch == 1 else 1
            began = time.perf_counter()
            for i in range(repeats):
                answering[name](images[i * batch : (i + 1) * batch])
            each = (time.perf_counter() - began) * 1e3 / (repeats * batch)
            if number:  # the first warms up
                best[name, batch] = min(best[name, batch], each)
    return best


def figures(
    answering: dict[str, Answer],
    images: np.ndarray,
    labels: np.ndarray,
    best: dict[tuple[str, int], float],
    sizes: dict[str, int],
) -> list[dict[str, Any]]:
    """Return a row for each: speed, ratio to the recogniser, size, error, differences."""
    rows, (true_category, true_energies) = [], together(answering["recogniser"], images)
    for name, answer in answering.items():
        category, energies = together(answer, images)
        row: dict[str, Any] = {"name": name, "bytes": sizes.get(name)}
        for batch in BATCHES:
            row[f"ms_batch_{batch}"] = round(best[name, batch], 4)
            ratio = best[name, batch] / best["recogniser", batch]
            row[f"ratio_batch_{batch}"] = round(ratio, 3)
        gaps = np.abs(energies - true_energies)
        rows.append(
            row
            | {
                "error_rate": round(float((category != labels).mean()), 5),
                "other_category": round(float((category != true_category).mean()), 5),
                "energy_mean_difference": float(f"{gaps.mean():.3g}"),
                "energy_largest_difference": float(f"{gaps.max():.3g}"),
            }
        )
    return rows


def together(answer: Answer, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers to many images, 64 at a time."""
    parts = [answer(images[first : first + 64]) for first in range(0, len(images), 64)]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


if __name__ == "__main__":
    main()
