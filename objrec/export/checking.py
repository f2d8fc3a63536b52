"""Whether an exported file says what the recogniser says: asked on images of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from objrec.errors import ModelError
from objrec.export.files import Answering
from objrec.export.graph import Graph
from objrec.recognizer import Recognizer

TOLERANCE, RELATIVE = 1e-4, 1e-5
# Of pixels that resizing may round to the next gray level.
_ROUNDED = 0.01


@dataclass(frozen=True)
class Difference:
    """How far a file is from the recogniser, over the images that both were asked about.

    Attributes:
        images: How many they were.
        energy: The largest difference of an energy, over all answers.
        mean_energy: The mean difference.
        category: Share of images with another category.
        pixels: Share of the pixels that are resized to another gray level (the next one).
    """

    images: int
    energy: float
    mean_energy: float
    category: float
    pixels: float


def made_images(recognizer: Recognizer, size: tuple[int, int] | None) -> list[np.ndarray]:
    """Return uint8 batches (B, V, H, W) or (B, V, H, W, 3) of noise and of ramps.

    Args:
        recognizer: Whose images.
        size: H and W; None: the model's own, larger and smaller, high and wide, batches of 1 to 3.
    """
    side, random = recognizer.preprocessing.size, np.random.default_rng(0)
    sizes = [(side, side), (side + 9, 2 * side), (2 * side, side), (side // 2, side // 3)]
    batches = []
    for number, (height, width) in enumerate([size] * 3 if size else sizes):
        shape = (number % 3 + 1, recognizer.preprocessing.cameras, height, width)
        shape += (3,) * recognizer.preprocessing.colour
        ramp = np.linspace(0, 200, height)[:, None] + np.linspace(0, 50, width)
        ramp = ramp[..., None] if recognizer.preprocessing.colour else ramp
        batches.append((random.uniform(0, 1, shape) * (ramp + 5)).astype(np.uint8))
    return batches


@torch.inference_mode()
def difference(
    recognizer: Recognizer, graph: Graph, answers: Answering, batches: Sequence[np.ndarray]
) -> Difference:
    """Ask a file and the recogniser about the same images.

    The recogniser is handed the pixels as the graph resizes them, and how far these are from its
    own is counted apart: the next gray level may move an energy by more than the tolerance.
    """
    gaps, wrong, pixels = [], [], []
    for images in batches:
        squares = graph.squares(torch.from_numpy(images)).to(torch.uint8)
        own = torch.stack([recognizer.preprocessing.images(sample) for sample in images])
        energies = recognizer.see(squares).energies.values.cpu().numpy()
        found = answers(images)
        gaps.append(np.abs(found["landscape"] - energies).reshape(-1))
        wrong.append(_wrong(energies.min(axis=2), found["category"]))
        pixels.append((squares != own).float().mean().item())
    gap, other = np.concatenate(gaps), np.concatenate(wrong)
    return Difference(
        len(other), float(gap.max()), float(gap.mean()), float(other.mean()), max(pixels)
    )


def _wrong(energies: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Return (B,): whether a category is not one of lowest energy, ties aside."""
    chosen = np.take_along_axis(energies, category[:, None], axis=1)[:, 0]
    return chosen > energies.min(axis=1) + TOLERANCE


def refuse_different(found: Difference, scale: float, place: str) -> None:
    """Make sure that a file is what it was made of.

    Args:
        found: From `difference`.
        scale: The largest energy there is.
        place: The file.

    Raises:
        ModelError: Energies, categories or resized pixels differ.
    """
    allowed = TOLERANCE + RELATIVE * scale
    if not found.energy <= allowed or found.category or found.pixels > _ROUNDED:
        raise ModelError(
            f"{place}: the exported graph differs from the model (energies by {found.energy:.2g}, "
            f"{found.category:.0%} of categories, {found.pixels:.1%} of pixels) and was not "
            "written; use other versions of torch, onnx and onnxruntime"
        )
