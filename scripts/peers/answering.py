"""What all ways of answering share: a peer, its answers, and what they are measured by."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from objrec import Recognizer
from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.pose import AXIS, INDEX, VIEW_AXES

WITHIN = 30.0  # degrees of azimuth


class Answered(NamedTuple):
    """Answers to B images.

    Attributes:
        category: (B,) int64, as the recogniser counts them; -1 where none is given.
        pose: (B, A) stored units, NaN where not answered.
    """

    category: torch.Tensor
    pose: torch.Tensor


@dataclass(frozen=True)
class Peer:
    """A way of answering.

    Attributes:
        name: What tables call it.
        answer: (B, V, C, S, S) uint8, preprocessed → answers.
        speed: 'fast', 'slow' or 'slowest': on how many images it is measured.
        batch: How many images it takes at once; 1 where it can take no more.
        held: Bytes that it must hold beside the feature extractor.
        setup: Seconds before the first answer, the model itself being loaded.
    """

    name: str
    answer: Callable[[torch.Tensor], Answered]
    speed: str = "fast"
    batch: int = 64
    held: int = 0
    setup: float = 0.0


def frozen(network: EnergyModel) -> EnergyModel:
    """Return a copy that takes no gradients for its weights: those for the pose cost less so.

    Raises:
        SystemExit: Its references are no volumes, or it searches more than azimuth and elevation.
    """
    if not isinstance(getattr(network, "references", None), VolumeReferences):
        raise SystemExit("--model: peers turn volumes; use a model with volume references")
    if set(network.space.axes) != set(VIEW_AXES):
        raise SystemExit("--model: peers search azimuth and elevation; use a model that does")
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def features_of(recognizer: Recognizer, images: torch.Tensor) -> torch.Tensor:
    """Return (B, C, h, w) = G(X) of preprocessed images, fit for gradients with regard to poses."""
    return recognizer.network.extractor(recognizer.preprocessing.normalised(images))


def elevations_of(network: EnergyModel) -> tuple[float, float]:
    """Return the lowest and the highest elevation that the model searches."""
    values = network.space.values["elevation"]
    return values[0], values[-1]


def evenly(labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Draw images so that the categories take turns: any first few are as even as can be.

    Args:
        labels: (N,) category of each image.
        count: How many at most.
        seed: Seed of the draw.

    Returns:
        Distinct indices, in the order of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        inside = order[labels[order] == label]
        turn[inside] = np.arange(len(inside))
    return np.lexsort((labels, turn))[:count]


def figures(
    answered: Answered, labels: np.ndarray, poses: np.ndarray, symmetric: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Measure answers; poses only where the category is right and not symmetric.

    Args:
        answered: The answers to B images.
        labels: (B,) true categories.
        poses: (B, A) true poses, NaN where not known.
        symmetric: Categories that look alike from every side.

    Returns:
        ``images``, ``error_rate``, ``pose_images``, ``azimuth_median``, ``azimuth_within_30``,
        ``elevation_mean``: degrees and shares, None where there is nothing to measure.
    """
    found, given = answered.category.numpy(), answered.pose.numpy().astype(float)
    right = (found == labels) & ~np.isin(labels, symmetric)
    errors = {}
    for name in VIEW_AXES:
        gaps = np.abs(AXIS[name].difference(given[:, INDEX[name]], poses[:, INDEX[name]]))
        errors[name] = gaps[right & ~np.isnan(gaps)]
    azimuth, elevation = errors["azimuth"], errors["elevation"]
    return {
        "images": len(labels),
        "error_rate": float((found != labels).mean()),
        "pose_images": len(azimuth),
        "azimuth_median": float(np.median(azimuth)) if len(azimuth) else None,
        "azimuth_within_30": float((azimuth <= WITHIN + 1e-4).mean()) if len(azimuth) else None,
        "elevation_mean": float(elevation.mean()) if len(elevation) else None,
    }
