"""What refining poses between grid points is worth: on true poses that lie on the grid, and off it.

    python scripts/refinement.py --model MODEL [--images 400]

Unseen toys (the test objects of data/toys) are rendered at poses of the grid, and at random poses
between; the model (default: the shipped one) answers with and without refinement. Results go to
scripts/results/refinement.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from objrec import Recognizer
from objrec.evaluation.hardware import describe_hardware
from objrec.pose import AXIS, INDEX
from objrec.rendering import CATEGORIES, ToySettings
from objrec.rendering.meshes import make_toy
from objrec.rendering.scenes import LIGHTINGS, Scene

RESULTS = Path(__file__).parent / "results" / "refinement.json"


def main() -> None:
    """Render, recognise, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--images", type=int, default=600)
    arguments = parser.parse_args()
    recognizer = Recognizer.load(arguments.model)
    rows = []
    for poses in ("on the grid", "between grid points"):
        images, labels, truth = render(poses, arguments.images, recognizer)
        for search in ("grid", "refined"):
            measured = measure(recognizer, images, labels, truth, refine=search == "refined")
            rows.append({"poses": poses, "search": search, **measured})
            print(rows[-1], flush=True)
    for row in rows:
        row["images"], row["hardware"] = arguments.images, describe_hardware(recognizer.device)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


def render(poses: str, count: int, recognizer: Recognizer) -> tuple[torch.Tensor, list, np.ndarray]:
    """Render test toys; return preprocessed images, category names and poses (N, 2)."""
    settings, random = ToySettings(), np.random.default_rng(0)
    images, labels, truth = [], [], []
    azimuths, elevations = (recognizer.space.values[axis] for axis in ("azimuth", "elevation"))
    for i in range(count):
        category = CATEGORIES[i % len(CATEGORIES)]
        instance = settings.train_instances + int(random.integers(settings.test_instances))
        scene = Scene(make_toy(category, instance, settings.seed))
        if poses == "on the grid":
            azimuth, elevation = random.choice(azimuths), random.choice(elevations)
        else:
            azimuth = random.uniform(0, 360)
            elevation = random.uniform(min(elevations), max(elevations))
        lighting = LIGHTINGS[random.integers(len(LIGHTINGS))]
        (pixels,) = scene.render(azimuth, elevation, [lighting], settings.size)
        images.append(recognizer.preprocessing.images(pixels))
        labels.append(category)
        truth.append((azimuth, elevation))
    return torch.stack(images), labels, np.array(truth)


def measure(
    recognizer: Recognizer, images: torch.Tensor, labels: list, truth: np.ndarray, *, refine: bool
) -> dict[str, Any]:
    """Return category error and pose errors."""
    answers = recognizer.recognize_batch(images, refine=refine)
    poses = np.array([answer.pose.to_vector() for answer in answers])
    azimuth = np.abs(AXIS["azimuth"].difference(poses[:, INDEX["azimuth"]], truth[:, 0]))
    elevation = np.abs(poses[:, INDEX["elevation"]] - truth[:, 1])
    wrong = [answer.category != label for answer, label in zip(answers, labels, strict=True)]
    return {
        "azimuth_median_deg": float(np.median(azimuth)),
        "azimuth_within_10": float((azimuth <= 10).mean()),
        "elevation_mean_deg": float(elevation.mean()),
        "error_rate": float(np.mean(wrong)),
    }


if __name__ == "__main__":
    main()
