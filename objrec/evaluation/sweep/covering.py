"""Changes that cover a part of an image: its middle, or what surrounds it.

As all changes: one seed an image says what is random, and all cameras are covered alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

MIDDLE = 0.75  # side of the image's middle in sides of the image: most objects fill about that
_CELLS = 16  # the texture of what hides an object has so many random grays along a side
_SHAPES = 40  # random shapes round an object; what they leave uncovered a last one covers
_SHAPE_SIZES = (0.08, 0.35)  # their half axes, in sides of the image


def occlude(images: torch.Tensor, share: float, seeds: Sequence[int]) -> torch.Tensor:
    """Hide a share of the image's middle behind a textured square.

    Studies of occlusion hide 20 to 40, 40 to 60 or 60 to 80 % of the object (Kortylewski et al.,
    Compositional Convolutional Neural Networks, IJCV 2021; Wang et al., NeMo, ICLR 2021). Those
    levels need masks of the objects. Without them, the share is one of the image's *middle*: the
    square of 3/4 of the side round its centre. The hiding square has that share of its area
    (sides rounded to whole pixels), lies at random within it, and shows what 16 x 16 squares of
    random gray over the whole image have there; place and texture are the same in all cameras.
    """
    side = images.shape[-1]
    middle = round(MIDDLE * side)
    start, patch = (side - middle) // 2, round(math.sqrt(share) * middle)
    hidden, textures = [], []
    for seed in seeds:
        generator = generator_of(seed)
        place = torch.rand(2, generator=generator)
        top, left = (start + (place * (middle - patch)).round().int()).tolist()
        mask = torch.zeros(1, 1, side, side, dtype=torch.bool)
        mask[..., top : top + patch, left : left + patch] = True
        hidden.append(mask)
        textures.append(torch.rand(1, _CELLS, _CELLS, generator=generator))
    texture = interpolate(stacked(textures, images), size=(side, side), mode="nearest-exact")
    return torch.where(torch.stack(hidden).to(images.device), texture[:, None], images)


def clutter(images: torch.Tensor, share: float, seeds: Sequence[int]) -> torch.Tensor:
    """Cover a share of what surrounds the image's middle with textured rectangles and ellipses.

    Without masks of the objects their own outlines cannot be kept: the *surroundings* are all that
    lies outside the middle, the square of 3/4 of the side round the image's centre, in which
    nothing changes. So an object that fills more than that is hidden where it reaches beyond, and
    the background next to a smaller one stays plain. The shapes have random places, sizes and
    textures (squares of random gray, as of `occlude`, some plain and some strong), the same in all
    cameras. They are laid one behind another, a larger share showing more of them, and the last
    one is cut off where the share is reached: it is exact to a pixel.
    """
    side = images.shape[-1]
    middle = round(MIDDLE * side)
    start = (side - middle) // 2
    around = np.ones((side, side), dtype=bool)
    around[start : start + middle, start : start + middle] = False
    count = round(share * int(around.sum()))
    covered, shown = [], []
    for seed in seeds:
        order, grays = _shapes(side, generator_of(seed))
        # From the first shape to the last, each from its top row down.
        order[~around] = _SHAPES + 1
        mask = np.zeros(side * side, dtype=bool)
        mask[np.argsort(order.ravel(), kind="stable")[:count]] = True
        covered.append(torch.from_numpy(mask.reshape(1, 1, side, side)))
        shown.append(grays[None, None])
    mask = torch.stack(covered).to(images.device)
    return torch.where(mask, stacked(shown, images), images)


def _shapes(side: int, generator: torch.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """Return which of the shapes is in front at each pixel, (S, S) int, and its gray, (S, S)."""
    drawn = torch.rand(_SHAPES, 6, generator=generator).double().numpy()
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side
    low, high = _SHAPE_SIZES
    order = np.full((side, side), _SHAPES)
    for number, (top, left, height, width, kind, _) in reversed(list(enumerate(drawn))):
        down = (rows - top) / (low + (high - low) * height)
        right = (columns - left) / (low + (high - low) * width)
        inside = (np.abs(down) < 1) & (np.abs(right) < 1)
        order[inside if kind < 0.5 else down**2 + right**2 < 1] = number
    cells = torch.rand(_SHAPES + 1, 1, _CELLS, _CELLS, generator=generator)
    strength = torch.tensor([*drawn[:, 5], 1.0]).float()[:, None, None, None]
    # Toward one gray of the shape: the first of its cells.
    cells = cells[..., :1, :1] + strength * (cells - cells[..., :1, :1])
    textures = interpolate(cells, size=(side, side), mode="nearest-exact")[:, 0]
    return order, textures.gather(0, torch.from_numpy(order)[None])[0]


def generator_of(seed: int) -> torch.Generator:
    """Return what draws on the CPU, the same for a seed everywhere."""
    return torch.Generator().manual_seed(int(seed))


def stacked(drawn: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Stack what was drawn on the CPU, where a seed means the same for every device."""
    return torch.stack(drawn).to(like)
