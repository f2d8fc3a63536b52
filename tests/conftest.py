"""What tests of several units share: the command line, small sets, a small model."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from objrec.cli.main import main

SCRIPTS = Path(__file__).parent.parent / "scripts"


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys) -> Callable[..., Ran]:
    """Run ``objrec WORDS…`` in this process, through the same `main` as the installed command."""

    def run(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Load scripts/NAME.py as a module; scripts may import each other."""

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(SCRIPTS)
            return importlib.import_module(name)

    return load


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A labelled folder with train/ and test/: boxes and crosses, turned, 8 azimuths each."""
    root = tmp_path_factory.mktemp("sets") / "photos"
    draw_set(root / "train", instances=(0, 1, 2))
    draw_set(root / "test", instances=(3,))
    return root


def draw_set(folder: Path, instances: tuple[int, ...]) -> None:
    rows = []
    for category in ("box", "cross"):
        for instance in instances:
            for azimuth in range(0, 360, 45):
                name = f"{category}-{instance}-{azimuth:03d}.png"
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / name), drawn(category, instance, azimuth))
                rows.append((name, category, instance, azimuth))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "category", "instance", "azimuth"), *rows])


def drawn(category: str, instance: int, azimuth: int) -> np.ndarray:
    """Draw a turned box or cross with one dark arm, 32 x 32, gray."""
    pixels = np.full((32, 32), 200, np.uint8)
    angle, length = np.deg2rad(azimuth), 9 + instance
    directions = (0, 1, 2, 3) if category == "cross" else (0.5, 1.5, 2.5, 3.5)
    ends = [angle + turn * np.pi / 2 for turn in directions]
    points = [(int(16 + length * np.cos(a)), int(16 - length * np.sin(a))) for a in ends]
    if category == "box":
        cv2.fillPoly(pixels, [np.array(points)], 120)
    else:
        for point in points:
            cv2.line(pixels, (16, 16), point, 90, 3)
    cv2.line(pixels, (16, 16), points[0], 10, 3)
    return pixels


@pytest.fixture(scope="session")
def small_model(photos, tmp_path_factory) -> Path:
    """A model folder trained on `photos` for one pass: it answers, but knows next to nothing."""
    folder = tmp_path_factory.mktemp("models") / "small"
    words = ["train", photos, "--out", folder, "--epochs", 1, "--batch-size", 16]
    assert main([*map(str, words), "--azimuth-step", "90", "--device", "cpu"]) == 0
    return folder
