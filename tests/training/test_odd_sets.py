"""Training on sets that hold next to nothing: numbers stay finite, and a model comes out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from objrec import Recognizer, open_dataset, train
from objrec.training import Recipe


def written(folder: Path, images: list[tuple[str, np.ndarray]]) -> Path:
    """Write a folder with a subfolder a category."""
    for number, (category, pixels) in enumerate(images):
        (folder / category).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / category / f"{number}.png"), pixels)
    return folder


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)


def flat(value: int) -> np.ndarray:
    return np.full((16, 16), value, np.uint8)


SETS = {
    "a category with one image": [("cup", noise(0)), *[("pot", noise(n)) for n in range(1, 5)]],
    "one image of each": [("cup", noise(0)), ("pot", noise(1))],
    "black and white": [("cup", flat(0)), ("pot", flat(255)), ("pot", flat(255))],
    "all gray": [("cup", flat(128)), ("cup", flat(128)), ("pot", flat(128))],
    "the same image in both": [("cup", noise(0)), ("pot", noise(0)), ("pot", noise(0))],
}


@pytest.mark.parametrize("images", SETS.values(), ids=SETS)
@pytest.mark.parametrize("kind", ["energy", "cnn"])
def test_numbers_stay_finite(images, kind, tmp_path):
    dataset = open_dataset(written(tmp_path / "set", images), purpose="train")
    # Two a batch: of three or five images, one is left for the last.
    recipe = Recipe(kind).replaced(epochs=2, batch_size=2, features="small", channels=4)
    for report in train(dataset, tmp_path / "model", recipe, device="cpu"):
        assert np.isfinite([report.loss, report.error_rate, report.feature_variance]).all()
    recognizer = Recognizer.load(tmp_path / "model", "cpu")
    assert all(torch.isfinite(t.float()).all() for t in recognizer.network.state_dict().values())
    for _, pixels in images:
        answer = recognizer.recognize(pixels)
        assert np.isfinite(list(answer.energies.values())).all()
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)
