"""Against peers, on the same images: registration, descent over the pose, nearest neighbours.

    python scripts/bench_peers.py [--between] [--model DIR] [--data SET] [--quick]

Every peer answers category and pose, from the same feature maps G(X); registration (kornia) and
descent also with the same volumes and the same distance, so that what differs is the search alone.
scripts/peers/ says how each is set up. One thread. Images are drawn from the test split, the
categories taking turns, all peers beginning with the same ones; slow peers get the first few, and
beside their error stands that of objrec on those few. Times are from preprocessed images to the
answer, features included ('features alone' is their part): processor time of the one thread, which
on an idle core is what a clock shows, and which others on the machine disturb less. They are
medians of rounds in which all peers take turns; ratios are taken within a round.

In the sample set all poses lie on the grid, which suits objrec's grid and nearest neighbours; with
`--between` unseen toys are rendered at poses between (needs the extra 'render'). Each run keeps
the others' entries in scripts/results/bench_peers.json, and prints its table.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: one thread is meant

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from peers.answering import Answered, Peer, evenly, features_of, figures
from peers.descent import descent
from peers.joint import features_alone, joint
from peers.neighbours import LIBRARIES, neighbours
from peers.registration import registration
from peers.tables import table
from quality import commit

from objrec import Recognizer, open_dataset
from objrec.datasets import Dataset
from objrec.evaluation.baselines.models import Views
from objrec.evaluation.hardware import describe_hardware
from objrec.preprocessing import load_images

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_peers.json"
SEARCHES = "objrec, grid", "objrec, refined"  # what ratios are taken to
COUNTS = {"fast": 240, "slow": 48, "slowest": 12}  # images, by a peer's speed
QUICK = {"fast": 60, "slow": 6, "slowest": 1}
ROUNDS = 3


class Images(NamedTuple):
    """What is asked: (N, V, C, S, S) uint8, labels as the recogniser counts, and true poses."""

    images: torch.Tensor
    labels: np.ndarray
    poses: np.ndarray
    symmetric: tuple[int, ...] = ()


def main() -> None:
    """Ask every peer, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="model folder  [the shipped model]")
    parser.add_argument("--data", default=str(ROOT / "data" / "toys"), help="set  [data/toys]")
    parser.add_argument("--between", action="store_true", help="render toys between grid points")
    parser.add_argument("--quick", action="store_true", help="few images, written nowhere")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recognizer = Recognizer.load(arguments.model, device="cpu")
    counts = QUICK if arguments.quick else COUNTS
    asked = rendered(recognizer, counts["fast"]) if arguments.between else None
    asked = asked or drawn(recognizer, arguments.data, counts["fast"])
    peers = made(recognizer, arguments.data)
    answers, times = run(peers, asked, counts, many=not arguments.quick)
    rows = [row(peer, answers, times, asked, recognizer) for peer in peers]
    print(table(rows))
    if not arguments.quick:
        name = "toys between grid points" if arguments.between else Path(arguments.data).name
        save(f"{recognizer.name} on {name}", rows)


def drawn(recognizer: Recognizer, data: str, count: int) -> Images:
    """Return images of a set's test split."""
    test = known(recognizer, open_dataset(data, split="test"))
    test = test.subset(evenly(test.labels, count))
    batch, _ = load_images(test, recognizer.preprocessing)
    kept = batch.index.numpy()
    symmetric = {*test.frame.symmetric, *recognizer.frame.symmetric}
    numbers = tuple(i for i, name in enumerate(recognizer.categories) if name in symmetric)
    return Images(batch.images, labels(recognizer, test)[kept], test.poses[kept], numbers)


def rendered(recognizer: Recognizer, count: int) -> Images:
    """Return unseen toys in poses between grid points, as scripts/refinement.py renders them."""
    from refinement import render

    images, names, truth = render("between grid points", count, recognizer)
    poses = np.full((len(images), 6), np.nan)
    poses[:, :2] = truth
    return Images(images, np.array([recognizer.categories.index(n) for n in names]), poses)


def known(recognizer: Recognizer, dataset: Dataset) -> Dataset:
    """Return the images of the recogniser's categories, without background."""
    names = set(recognizer.categories) - set(dataset.background) - set(recognizer.background)
    kept = np.array([name in names for name in dataset.categories])
    return dataset.subset(np.flatnonzero(kept[dataset.labels])).with_present_categories()


def labels(recognizer: Recognizer, dataset: Dataset) -> np.ndarray:
    """Return labels as the recogniser counts, matched by name."""
    place = np.array([recognizer.categories.index(name) for name in dataset.categories])
    return place[dataset.labels]


def made(recognizer: Recognizer, data: str) -> list[Peer]:
    """Return all peers, ready to answer."""
    began = time.process_time()
    train = known(recognizer, open_dataset(data, split="train"))
    batch, _ = load_images(train, recognizer.preprocessing, workers=1)
    kept = batch.index.numpy()
    poses, objects = np.asarray(train.poses, float)[kept], np.asarray(train.objects)[kept]
    views = Views(batch.images, labels(recognizer, train)[kept], poses, objects)
    reading = time.process_time() - began
    spaces = [(space, library) for space in ("pixels", "features") for library in LIBRARIES]
    return [
        features_alone(recognizer),
        joint(recognizer, refined=False),
        joint(recognizer, refined=True),
        registration(recognizer, 1),
        registration(recognizer, 8),
        descent(recognizer, steps=10),
        descent(recognizer, steps=50),
        descent(recognizer, steps=50, keep=8),
        *(neighbours(recognizer, views, *pair, reading) for pair in spaces),
    ]


def run(
    peers: list[Peer], asked: Images, counts: dict[str, int], *, many: bool
) -> tuple[dict[str, Answered], dict[str, dict[str, list[float]]]]:
    """Let peers take turns; return their answers, one image at a time, and milliseconds an image.

    Returns:
        Answers by peer to the first images of all; and for 'one' and 'many' images at once, by
        peer, the milliseconds an image of each round (none where it was not asked).
    """
    parts: dict[str, list[Answered]] = {peer.name: [] for peer in peers}
    times = {how: {peer.name: [] for peer in peers} for how in ("one", "many")}
    for peer in peers:
        if peer.speed == "fast":
            peer.answer(asked.images[:1])  # warms up
    for number in range(ROUNDS):
        for peer in peers:
            count = min(counts[peer.speed], len(asked.images))
            share = np.array_split(np.arange(count), ROUNDS)[number]
            began = time.process_time()
            parts[peer.name] += [peer.answer(asked.images[i : i + 1]) for i in share.tolist()]
            spent = time.process_time() - began
            if len(share):
                times["one"][peer.name].append(1e3 * spent / len(share))
    for number in range(ROUNDS if many else 0):
        for peer in peers:
            if peer.batch > 1 and (peer.speed == "fast" or number == 0):
                began = time.process_time()
                count = len(peer.answer(asked.images[: peer.batch]).category)
                spent = time.process_time() - began
                times["many"][peer.name].append(1e3 * spent / count)
    joined = {n: Answered(*map(torch.cat, zip(*p, strict=True))) for n, p in parts.items()}
    return joined, times


def row(
    peer: Peer,
    answers: dict[str, Answered],
    times: dict[str, dict[str, list[float]]],
    asked: Images,
    recognizer: Recognizer,
) -> dict[str, Any]:
    """Return what is told of a peer: figures, objrec's on the same images, energies, times."""
    answered = answers[peer.name]
    count = len(answered.category)
    found: dict[str, Any] = {"name": peer.name, "batch": peer.batch, "setup_s": peer.setup}
    found |= {"held_bytes": peer.held}
    for how, by_name in times.items():
        own = by_name[peer.name]
        found[f"ms_{how}"] = float(np.median(own)) if own else None
        for search in SEARCHES:
            ratios = [a / b for a, b in zip(own, by_name[search], strict=False)]
            key = f"ratio_{how}_{search.split()[-1]}"
            found[key] = float(np.median(ratios)) if ratios else None
    if (answered.category < 0).any():
        return found
    truth = asked.labels[:count], asked.poses[:count], asked.symmetric
    found |= figures(answered, *truth)
    first = {n: Answered(*(part[:count] for part in answers[n])) for n in SEARCHES}
    found["objrec"] = {n.split()[-1]: figures(first[n], *truth) for n in SEARCHES}
    gaps = energies(recognizer, asked, answered) - energies(recognizer, asked, first[SEARCHES[1]])
    return found | {
        "energy_above": float(gaps.mean()),
        "lower_energy": float((gaps < 0).float().mean()),
    }


@torch.no_grad()
def energies(recognizer: Recognizer, asked: Images, answered: Answered) -> torch.Tensor:
    """Return the energy of every answer, (B,); an axis that has no answer is at its neutral 0."""
    features = features_of(recognizer, asked.images[: len(answered.category)])
    pose = answered.pose.float().nan_to_num()
    return recognizer.network.energy_at(features, answered.category, pose)


def save(name: str, rows: list[dict[str, Any]]) -> None:
    """Write a run beside the others."""
    words = " ".join(sys.argv[1:])
    runs = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    runs[name] = {
        "command": f"python scripts/bench_peers.py {words}".strip(),
        "commit": commit(),
        "rounds": ROUNDS,
        "versions": {n: version(n) for n in ("kornia", "scikit-learn", *_faiss())},
        "hardware": describe_hardware(),
        "load": os.getloadavg()[0] if platform.system() == "Linux" else None,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


def _faiss() -> tuple[str, ...]:
    return ("faiss-cpu",) if "FAISS" in LIBRARIES else ()


if __name__ == "__main__":
    main()
