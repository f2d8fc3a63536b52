"""How the search grows: 5 to 1,000 categories, 162 to 9,720 poses, up to ten million answers.

    python scripts/bench_growth.py [--quick] [--threads 1] [--images 1024]

Exhaustive search, streamed in blocks, beside the matrix product of the same shape, and the search
from coarse to fine, on models made from the shipped one: its own volumes first, then sums of three
of them, each turned, some mirrored, and smooth noise. Images are half features of the toys' test
split, half a reference in a random pose off the grid, with another image's features and white
noise added, each half as strong. Each cell runs in two processes, for the peak of resident memory.
Times are processor time (of one thread; with more, wall time), as others may use the machine. What
takes long is measured on a part of the categories and scaled: `part` says on what share. Results
go to scripts/results/bench_growth.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from performance_tables import GROWTH_HEAD, growth_row

from objrec import Recognizer, open_dataset
from objrec.energy.model import EnergyModel
from objrec.energy.search import MEMORY, CoarseToFine, Exhaustive
from objrec.evaluation.hardware import describe_hardware
from objrec.pose import AXES, INDEX, PoseSpace
from objrec.saving import load_model, save_model, shipped_model
from objrec.warping import turn_volumes

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_growth.json"
CATEGORIES = (5, 50, 200, 1000)
ELEVATIONS = tuple(range(30, 71, 5))
SPACES = {
    162: PoseSpace({"azimuth": range(0, 360, 20), "elevation": ELEVATIONS}),
    972: PoseSpace({"azimuth": range(0, 360, 10), "elevation": ELEVATIONS, "roll": (-10, 0, 10)}),
    9720: PoseSpace(
        {
            "azimuth": range(0, 360, 5),
            "elevation": ELEVATIONS,
            "roll": range(-20, 21, 10),
            "scale": (-0.15, 0.0, 0.15),
        }
    ),
}
STREAMED = 256_000_000  # bytes that the exhaustive search may take
PART, LEAST = 60_000, 30  # answers that the exhaustive search is timed on; or so many categories
COMPARED = 25.0  # seconds for the exhaustive search for winners, about; but 64 images at least
NOISE = 0.5


def main() -> None:
    """Measure all cells, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few cells, and nothing is written")
    parser.add_argument("--threads", type=int, default=1, help="threads of a process  [1]")
    parser.add_argument("--images", type=int, default=1024, help="images at once  [1024]")
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.cell:
        k, poses, what = arguments.cell
        with torch.inference_mode():
            print(json.dumps(MEASURED[what](int(k), int(poses), arguments.images)))
        return
    rows = []
    print(*GROWTH_HEAD, sep="\n")
    for poses in SPACES:
        for k in (5, 50) if arguments.quick else CATEGORIES:
            if arguments.quick and poses > 1000:
                continue
            row: dict[str, Any] = {"categories": k, "poses": poses, "answers": k * poses}
            for what in ("exhaustive", "coarse"):
                row |= measured(k, poses, what, arguments)
            row["speed_up"] = round(row["exhaustive_ms"] / row["coarse_ms"], 1)
            rows.append(row)
            print(growth_row(row), flush=True)
    loading = measured(50 if arguments.quick else 1000, 162, "loading", arguments)
    print(json.dumps(loading))
    if not arguments.quick:
        record = {
            "command": f"python scripts/bench_growth.py --threads {arguments.threads}",
            "images": arguments.images,
            "hardware": describe_hardware(),
            "loading": loading,
            "rows": rows,
        }
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measured(k: int, poses: int, what: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a process of its own measures of one cell."""
    command = [sys.executable, __file__, "--threads", str(arguments.threads)]
    command += ["--images", str(arguments.images), "--cell", str(k), str(poses), what]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def exhaustive(k: int, poses: int, images: int) -> dict[str, Any]:
    """Time the exhaustive search and the product of the same shape.

    Streamed, it is measured on a part if need be. For the first categories it takes longer, since
    each is among the best so far: so two parts say what the rest takes. Where all references fit
    into the default memory, they are kept, and that is what counts.
    """
    some = min(k, max(LEAST, PART // poses))
    model, features = setting(some, poses, images)
    flat, width = features.flatten(1), 1157
    block = torch.randn(width, flat.shape[1])
    bound = min(timed(lambda: torch.matmul(flat, block.T)) for _ in range(10)) / width
    search = Exhaustive(model, STREAMED, keep=False)
    spent = min(timed(lambda: search(features)) for _ in range(2))
    if some < k:
        half = Exhaustive(many(model, some // 2).searching(model.space), STREAMED, keep=False)
        first = min(timed(lambda: half(features)) for _ in range(2))
        spent += (spent - first) / (some - some // 2) * (k - some)
    row = {"part": round(some / k, 4), "kept": False, "streamed_peak_mb": peak(), "prepare_s": 0.0}
    row["streamed_ratio"] = round(spent / (bound * k * poses), 2)
    if k * poses * flat.shape[1] * 4 <= MEMORY * 3 // 4:
        model = model if some == k else many(model, k).searching(model.space)
        before = clock()
        search = Exhaustive(model, MEMORY)
        row |= {"part": 1.0, "kept": search.keeps, "prepare_s": round(clock() - before, 2)}
        spent = min(timed(lambda: search(features)) for _ in range(2))
    bound = min(bound, min(timed(lambda: torch.matmul(flat, block.T)) for _ in range(10)) / width)
    return row | {
        "exhaustive_ms": round(spent / images * 1e3, 4),
        "bound_ms": round(bound * k * poses / images * 1e3, 4),
        "ratio": round(spent / (bound * k * poses), 2),
        "exhaustive_peak_mb": peak(),
    }


def coarse(k: int, poses: int, images: int) -> dict[str, Any]:
    """Time the search from coarse to fine, and count how often its winner is the best of all."""
    model, features = setting(k, poses, images)
    before = clock()
    search = CoarseToFine(model, MEMORY)
    prepared = clock() - before
    search(features[:128])
    spent = min(timed(lambda: search(features)) for _ in range(2))
    alone = min(timed(lambda i=i: search(features[i : i + 1])) for i in range(5))
    row = {
        "coarse_prepare_s": round(prepared, 2),
        "coarse_ms": round(spent / images * 1e3, 4),
        "coarse_ms_batch_1": round(alone * 1e3, 2),
        "coarse_peak_mb": peak(),
        "table_poses": len(search.table.cells),
    }
    compared = max(64, int((COMPARED * 1e6 / (k * poses) - 10) / 0.035))
    chosen = features[:: max(1, -(-images // compared))]
    wanted, found = Exhaustive(model, STREAMED)(chosen, 1).hypotheses, search(chosen).hypotheses
    same = (found.energy[:, 0] - wanted.energy[:, 0]).abs() < 1e-3
    category = found.category[:, 0] == wanted.category[:, 0]
    return row | {
        "compared": len(chosen),
        "same_winner": round(same.double().mean().item(), 5),
        "same_category": round(category.double().mean().item(), 5),
    }


def loading(k: int, poses: int, images: int) -> dict[str, Any]:
    """Time reading a model folder of k categories, and warping all references once."""
    saved = load_model(shipped_model())
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder) / "model", replace(saved, network=many(saved.network, k)))
        size = (Path(folder) / "model" / "model.safetensors").stat().st_size
        before = clock()
        read = load_model(Path(folder) / "model")
        spent = clock() - before
    network = read.network.eval()
    return {
        "categories": k,
        "poses": network.space.size,
        "megabytes": round(size / 1e6, 1),
        "load_s": round(spent, 3),
        "warp_all_s": round(timed(network.prepare), 2),
        "coarse_prepare_s": round(timed(lambda: CoarseToFine(network, MEMORY)), 2),
    }


MEASURED = {"exhaustive": exhaustive, "coarse": coarse, "loading": loading}


def setting(k: int, poses: int, images: int) -> tuple[EnergyModel, torch.Tensor]:
    """Return a model of k categories on a grid, and features of images."""
    recognizer, toys = Recognizer.load(device="cpu"), open_dataset(ROOT / "data" / "toys", "test")
    real = images // 2
    pixels = [
        recognizer.preprocessing.images(toys[i * len(toys) // real].images) for i in range(real)
    ]
    normalised = recognizer.preprocessing.normalised(torch.stack(pixels))
    seen = torch.cat([recognizer.network.extractor(part) for part in normalised.split(32)])
    model = many(recognizer.network, k).searching(SPACES[poses])
    mixed = torch.stack([seen, made_images(model, seen)], dim=1).flatten(0, 1)
    return model, mixed  # real and made ones take turns


def many(network: EnergyModel, k: int, seed: int = 0) -> EnergyModel:
    """Return a model of k categories: those of a trained one, then sums of their volumes."""
    generator = torch.Generator().manual_seed(seed)
    own = network.references.volumes.detach()[:, 0]
    volumes, left = [own], max(0, k - len(own))
    for first in range(0, left, 256):
        volumes.append(_mixed(own, min(256, left - first), generator))
    other = copy.deepcopy(network).requires_grad_(False)
    together = torch.cat(volumes)[:k, None]
    other.references.volumes = torch.nn.Parameter(together, requires_grad=False)
    names = [*network.categories, *(f"made {i}" for i in range(left))]
    other.categories = tuple(names[:k])
    return other


def _mixed(own: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    total = torch.zeros(count, *own.shape[1:])
    for _ in range(3):
        volumes = own[torch.randint(len(own), (count,), generator=generator)]
        flipped = torch.rand(count, 1, 1, 1, 1, generator=generator) < 0.5
        volumes = torch.where(flipped, volumes.flip(4), volumes)
        poses = torch.zeros(count, len(AXES))
        poses[:, INDEX["azimuth"]] = 360 * torch.rand(count, generator=generator)
        poses[:, INDEX["elevation"]] = 30 * torch.randn(count, generator=generator)
        weights = -torch.rand(count, 1, 1, 1, 1, generator=generator).log()
        total += weights * turn_volumes(volumes, poses)
    noise = torch.randn(total.shape, generator=generator)
    return total + 1.5 * total.std() * torch.nn.functional.avg_pool3d(noise, 3, 1, 1)


def made_images(model: EnergyModel, seen: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """Return as many features again: references off the grid, other features, white noise."""
    generator = torch.Generator().manual_seed(seed)
    count, values = len(seen), model.space.values
    category = torch.randint(len(model.categories), (count,), generator=generator)
    poses = torch.zeros(count, len(AXES))
    for name, own in values.items():
        reach = 360 if name == "azimuth" else own[-1] - own[0]
        poses[:, INDEX[name]] = own[0] + reach * torch.rand(count, generator=generator)
    maps = model.references.at(category, poses)[0][:, 0]
    others = seen[torch.randint(count, (count,), generator=generator)]
    white = torch.randn(maps.shape, generator=generator)
    return unit(maps) + NOISE * unit(others) + NOISE * unit(white)


def unit(maps: torch.Tensor) -> torch.Tensor:
    """Return maps of length 1."""
    return torch.nn.functional.normalize(maps.flatten(1)).view_as(maps)


def clock() -> float:
    """Return seconds: of this process' processor with one thread, of the wall with more."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def timed(run: Any) -> float:
    """Return the seconds that a call takes."""
    before = clock()
    run()
    return clock() - before


def peak() -> int:
    """Return the most resident memory so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


if __name__ == "__main__":
    main()
