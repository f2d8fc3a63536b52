"""Changes of test images, step by step, to find how far an image can change until it is misread.

Each `Change` takes images and an amount; at its neutral amount it leaves them as they are. All
cameras of a sample are changed alike, and what a change moves out of view is filled from the
border. Directions are those of `pose`: roll is counter-clockwise as seen, shift_x to the right,
shift_y down. What is random (noise, the place and texture of what hides or surrounds an object)
comes from one seed an image, whatever the amount: a larger amount is more of the same change, and
the result depends on neither the batch nor the model. This module reads no image and asks no
model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine

from objrec.evaluation.sweep.covering import clutter, generator_of, occlude, stacked

_REACH = 4.0  # a blur's kernel ends so many sigmas from its middle

Apply = Callable[[torch.Tensor, float, Sequence[int]], torch.Tensor]
"""(images (B, V, C, S, S) float in [0, 1], amount, B seeds) → changed images, likewise."""


@dataclass(frozen=True)
class Change:
    """One way to change images, and the amounts at which to look.

    Attributes:
        name: Its key.
        title: What it does, in words, as in "error of objects turned in the plane".
        unit: Unit of the amounts.
        axis: The pose axis that the change moves, or None. Amounts are then in the units of `Pose`.
        neutral: The amount that changes nothing.
        amounts: Default amounts, in order, with the neutral one.
        apply: The change itself, on floats.
    """

    name: str
    title: str
    unit: str
    axis: str | None
    neutral: float
    amounts: tuple[float, ...]
    apply: Apply

    def __post_init__(self) -> None:
        if self.neutral not in self.amounts:
            raise ValueError(f"{self.name}: the amounts must contain the neutral {self.neutral}")

    def changed(
        self, images: torch.Tensor, amount: float | Sequence[float], seeds: Sequence[int]
    ) -> torch.Tensor:
        """Return changed images.

        Args:
            images: (B, V, C, S, S) uint8.
            amount: In the change's unit; a sequence has one for each image (see `amounts_between`).
            seeds: One number an image, from which all that is random is drawn.

        Returns:
            (B, V, C, S, S) uint8, rounded, on the images' device.

        Raises:
            ValueError: The images are not uint8 of that shape, or there is not one seed an image,
                or not one amount.
        """
        if images.dtype != torch.uint8 or images.ndim != 5 or len(seeds) != len(images):
            raise ValueError(
                "images must be uint8 (B, V, C, S, S) with B seeds, not "
                f"{images.dtype} {tuple(images.shape)} with {len(seeds)}"
            )
        if np.ndim(amount):
            one_by_one = zip(images.split(1), amount, seeds, strict=True)
            return torch.cat([self.changed(image, one, [seed]) for image, one, seed in one_by_one])
        found = self.apply(images.float() / 255, amount, seeds)
        return (found.clamp(0, 1) * 255).round().to(torch.uint8)


def amounts_between(low: float, high: float, seeds: Sequence[int]) -> list[float]:
    """Draw an amount for each image evenly between two.

    So ``CHANGES["occlude"].changed(images, amounts_between(0.6, 0.8, seeds), seeds)`` hides
    60 to 80 % of every image's middle.

    Args:
        low: The smallest amount.
        high: The largest.
        seeds: One number an image. Where and how an image is changed does not depend on its amount.
    """
    # A stream of its own, since the change draws from the seed itself.
    return [float(np.random.default_rng([seed, 1]).uniform(low, high)) for seed in seeds]


def roll(images: torch.Tensor, degrees: float, seeds: Sequence[int]) -> torch.Tensor:
    """Turn about the image's middle, counter-clockwise as seen."""
    return _warped(images, roll=degrees)


def scale(images: torch.Tensor, ratio: float, seeds: Sequence[int]) -> torch.Tensor:
    """Enlarge about the image's middle."""
    return _warped(images, ratio=ratio)


def shift_x(images: torch.Tensor, fraction: float, seeds: Sequence[int]) -> torch.Tensor:
    """Move to the right, by a fraction of the side."""
    return _warped(images, right=fraction)


def shift_y(images: torch.Tensor, fraction: float, seeds: Sequence[int]) -> torch.Tensor:
    """Move down, by a fraction of the side."""
    return _warped(images, down=fraction)


def blur(images: torch.Tensor, percent: float, seeds: Sequence[int]) -> torch.Tensor:
    """Convolve with a Gaussian whose sigma is a percentage of the side, whatever the size."""
    sigma = percent / 100 * images.shape[-1]
    if sigma <= 0:
        return images
    size = kernel_size(sigma)
    flat = images.flatten(1, 2)
    return gaussian_blur2d(flat, (size, size), (sigma, sigma), "replicate").view_as(images)


def kernel_size(sigma: float) -> int:
    """Return the odd side in pixels of a blur's kernel: it reaches 4 sigma each way."""
    return 2 * math.ceil(_REACH * sigma) + 1


def darken(images: torch.Tensor, light: float, seeds: Sequence[int]) -> torch.Tensor:
    """Leave a share of the light."""
    return images * light


def noise(images: torch.Tensor, deviation: float, seeds: Sequence[int]) -> torch.Tensor:
    """Add Gaussian noise to every pixel of every camera; black is 0 and white 1."""
    drawn = [torch.randn(images.shape[1:], generator=generator_of(seed)) for seed in seeds]
    return images + deviation * stacked(drawn, images)


def _warped(
    images: torch.Tensor,
    *,
    roll: float = 0.0,
    ratio: float = 1.0,
    right: float = 0.0,
    down: float = 0.0,
) -> torch.Tensor:
    b, v, c, h, w = images.shape
    centre = images.new_tensor([[(w - 1) / 2, (h - 1) / 2]])
    zoom = images.new_full((1, 2), ratio)
    # Counter-clockwise as seen; kornia's get_affine_matrix2d would turn the other way.
    matrix = get_rotation_matrix2d(centre, images.new_tensor([roll]), zoom)
    matrix[:, 0, 2] += right * w
    matrix[:, 1, 2] += down * h
    warped = warp_affine(
        images.reshape(b, v * c, h, w),
        matrix.expand(b, -1, -1),
        (h, w),
        padding_mode="border",
        align_corners=True,
    )
    return warped.view_as(images)


_ROLLS = (-40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0)
_SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5)
_SHIFTS = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
_SIGMAS = (0.0, 1.0, 2.0, 3.0, 4.5, 6.0)
_LIGHTS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
_DEVIATIONS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2)
_SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # the ends and middles of the three levels
_COVERED = (0.0, 0.25, 0.5, 0.75, 1.0)

CHANGES: dict[str, Change] = {
    change.name: change
    for change in (
        Change("roll", "turned in the plane", "deg", "roll", 0.0, _ROLLS, roll),
        Change("scale", "made larger or smaller", "ratio", "scale", 1.0, _SCALES, scale),
        Change("shift_x", "moved to the right", "side", "shift_x", 0.0, _SHIFTS, shift_x),
        Change("shift_y", "moved down", "side", "shift_y", 0.0, _SHIFTS, shift_y),
        Change("blur", "blurred", "sigma in % of the side", None, 0.0, _SIGMAS, blur),
        Change("darken", "darkened", "share of the light", None, 1.0, _LIGHTS, darken),
        Change("noise", "with noise", "deviation, white = 1", None, 0.0, _DEVIATIONS, noise),
        Change("occlude", "partly hidden", "share of the middle", None, 0.0, _SHARES, occlude),
        Change(
            "clutter", "amid clutter", "share of the surroundings", None, 0.0, _COVERED, clutter
        ),
    )
}
