"""A small set whose category and pose can be learned: balls in space, seen from known sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, pixel_unshuffle

from objrec.datasets import Dataset, open_dataset
from objrec.datasets.norb.reading import write_norb
from objrec.training import Recipe

# Balls of each category in the object's frame, seen from the front: x right, y down, z away, then
# radius and gray. Left and right are alike, and the front (z < 0) is like no other side.
BALLS = {
    "duck": ((0, 0.2, 0, 0.5, 90), (0, -0.3, -0.5, 0.28, 60), (0, -0.3, -0.8, 0.14, 250)),
    "plane": ((-0.6, 0, 0, 0.22, 230), (0.6, 0, 0, 0.22, 230), (0, 0, -0.6, 0.25, 20),
              (0, -0.1, 0, 0.2, 200), (0, -0.4, 0.6, 0.2, 140)),
    "tree": ((0, 0.5, 0, 0.18, 40), (0, 0.1, 0, 0.18, 40), (0, -0.4, 0, 0.45, 210),
             (0, 0.4, -0.4, 0.2, 10)),
}  # fmt: skip
SIDE = 32


def toy(category: str, instance: int, azimuth: float, elevation: float) -> np.ndarray:
    """Draw one view by the turns that `objrec.warping` states, nearer balls over farther ones."""
    image = np.full((4 * SIDE, 4 * SIDE), 128, np.uint8)
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    balls = []
    for x, y, z, radius, gray in BALLS[category]:
        x, z = x * np.cos(a) + z * np.sin(a), -x * np.sin(a) + z * np.cos(a)
        z, y = z * np.cos(e) + y * np.sin(e), -z * np.sin(e) + y * np.cos(e)
        balls.append((z, x, y, radius * (1 + 0.06 * (instance - 1)), gray))
    for _, x, y, radius, gray in sorted(balls, reverse=True):
        centre = (int(SIDE * (2 + 1.7 * x)), int(SIDE * (2 + 1.7 * y)))
        cv2.circle(image, centre, int(1.7 * SIDE * radius), gray, cv2.FILLED)
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def write_toys(
    folder: Path, name: str, instances: list[int], azimuths: list[int], elevations: list[int]
) -> None:
    """Write NORB files with views from all azimuths (in tens of degrees) and elevation indices."""
    images, labels, info = [], [], []
    for label, category in enumerate(BALLS):
        for instance in instances:
            for e in elevations:
                for a in azimuths:
                    images.append(toy(category, instance, 10 * a, 30 + 5 * e)[None])
                    labels.append(label)
                    info.append((instance, e, a, 0))
    write_norb(folder, name, np.stack(images), np.array(labels), np.array(info))


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> Path:
    """Three categories; training: three objects, every 30 degrees; test: another, in between."""
    root = tmp_path_factory.mktemp("sets") / "balls"
    root.mkdir()
    entries = {"name": "balls", "categories": list(BALLS), "front_azimuth": 0}
    (root / "set.json").write_text(json.dumps(entries))
    write_toys(root, "balls-training", [0, 1, 2], list(range(0, 36, 3)), [0, 5])
    write_toys(root, "balls-testing", [3], list(range(1, 36, 3)), [0, 5])
    return root


@pytest.fixture(scope="session")
def few(toys) -> Dataset:
    """36 of the training views: six azimuths of two objects a category."""
    dataset = open_dataset(toys)
    even = dataset.poses[:, 0] % 60 == 0
    return dataset.subset(even & (dataset.factors["instance"] < "2") & (dataset.poses[:, 1] == 30))


@pytest.fixture(scope="session")
def small_set(toys, tmp_path_factory) -> Path:
    """The views of `few` as files of their own, for commands."""
    root = tmp_path_factory.mktemp("sets") / "few"
    root.mkdir()
    (root / "set.json").write_text((toys / "set.json").read_text())
    write_toys(root, "balls-training", [0, 1], list(range(0, 36, 6)), [0])
    return root


@pytest.fixture
def quick() -> Callable[..., Recipe]:
    """Make a recipe that trains in well under a second on `few`, with changes."""

    def make(**changes: object) -> Recipe:
        settings = {"features": "small", "epochs": 3, "batch_size": 12, "azimuth_step": 60.0}
        settings["channels"] = 12
        return Recipe().replaced(**{**settings, **changes})

    return make


class TinyBackbone(nn.Module):
    """Stands for a published network: 128 px images to a 4 x 4 map, frozen."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        weight = torch.randn(6, 4, 1, 1, generator=generator)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = pixel_unshuffle(avg_pool2d(images.mean(2), 16), 2)
        return conv2d(patches, self.weight).relu()


@pytest.fixture
def backbone(monkeypatch) -> type[TinyBackbone]:
    """Let every backbone of ImageNet be a `TinyBackbone`."""
    monkeypatch.setattr("objrec.energy.pretrained.load_backbone", lambda *_: TinyBackbone())
    return TinyBackbone
