"""Letterboxing and resizing as tensor operations that a graph can hold, for images of any size.

`Preprocessing.images` does this with OpenCV, one image at a time. Here the same is two products
with matrices that are computed from the height and the width: out = A_y image A_x^T, plus the
padding's share times its colour. Enlarging repeats OpenCV's fixed-point steps, and gives the same
pixels; shrinking sums floats in another order, so that a pixel at the border between two gray
levels may, now and then, be rounded to the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

# OpenCV leaves out pixels of which less than this lies in a cell.
_SLIVER = 1e-3
# Weights of enlarging are multiples of 1 / 2048.
_ONE = 2048


def letterboxed(images: torch.Tensor, size: int) -> torch.Tensor:
    """Pad images to squares with the median colour of their border, and resize them.

    Args:
        images: (N, H, W) float32, whole numbers from 0 to 255.
        size: S.

    Returns:
        (N, S, S) float32, whole numbers.
    """
    side = torch.sym_max(images.shape[1], images.shape[2])

    def shrunk(images: torch.Tensor) -> torch.Tensor:
        return _shrunk(images, size)

    def enlarged(images: torch.Tensor) -> torch.Tensor:
        return _enlarged(images, size)

    return _either(side >= size, shrunk, enlarged, images)


def _either(
    condition: bool | torch.SymBool,
    yes: Callable[[torch.Tensor], torch.Tensor],
    no: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
) -> torch.Tensor:
    """Return yes(images) or no(images); a graph of unknown sizes holds both and runs one."""
    if isinstance(condition, bool):
        return (yes if condition else no)(images)
    return torch.cond(condition, yes, no, (images,))


def _padding(images: torch.Tensor) -> tuple[int, int, int]:
    """Return the side of the square, and where in it the image begins: row, column."""
    height, width = images.shape[1:]
    side = torch.sym_max(height, width)
    return side, (side - height) // 2, (side - width) // 2


def _shrunk(images: torch.Tensor, size: int) -> torch.Tensor:
    """Average over the cells of the result, as INTER_AREA does."""
    side, top, left = _padding(images)
    rows = _shares(images.shape[1], side, top, size)
    columns = _shares(images.shape[2], side, left, size)
    # Rows of both matrices add up to what of each cell is not padding.
    padding = 1 - rows.sum(1)[:, None] * columns.sum(1)
    colour = _border_median(images)[:, None, None]
    values = rows @ images @ columns.T + padding * colour
    # Halves are rounded to even, but upwards where images are halved.
    halved = torch.full((), side, device=images.device) == 2 * size
    return torch.where(halved, (values + 0.5).floor(), values.round()).clamp(0, 255)


def _shares(length: int, side: int, start: int, size: int) -> torch.Tensor:
    """Return (S, length): the share of each cell of the result that each pixel fills."""
    step = torch.full((), side, dtype=torch.float64) / size
    cell = torch.arange(size, dtype=torch.float64)[:, None] * step
    pixel = torch.arange(length, dtype=torch.float64) + start
    overlap = torch.minimum(cell + step, pixel + 1) - torch.maximum(cell, pixel)
    return (torch.where(overlap > _SLIVER, overlap, 0.0) / step).float()


def _enlarged(images: torch.Tensor, size: int) -> torch.Tensor:
    """Interpolate linearly, as INTER_LINEAR does: all numbers are whole, and small enough."""
    side, top, left = _padding(images)
    colour = _border_median(images)[:, None, None]
    columns = _interpolation(images.shape[2], side, left, size)
    across = images @ columns.T + (_ONE - columns.sum(1)) * colour
    across, beyond = (across / 16).floor(), colour * (_ONE / 16)
    first, weight = _neighbours(side, size)
    height = images.shape[1]
    total = torch.zeros_like(across[:, :1])
    for row, share in ((first, _ONE - weight), (first + 1, weight)):
        row = torch.clamp(row, 0, side - 1) - top
        inside = ((row >= 0) & (row < height))[:, None]
        values = torch.where(inside, across[:, row.clamp(0, height - 1)], beyond)
        total = total + (values.double() * share[:, None] / 65536).floor()
    return ((total + 2) / 4).floor().float().clamp(0, 255)


def _neighbours(side: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return, for each pixel of the result, the pixel before it (S,) and the next one's weight.

    The first may be -1, and the next one the side: both stand for the pixel at the border.
    """
    step = torch.full((), side, dtype=torch.float64) / size
    place = ((torch.arange(size, dtype=torch.float64) + 0.5) * step - 0.5).float()
    first = place.floor()
    return first.long(), ((place - first) * _ONE).round().double()


def _interpolation(length: int, side: int, start: int, size: int) -> torch.Tensor:
    """Return (S, length): the weight of each pixel of the image, in units of 1 / 2048."""
    first, weight = _neighbours(side, size)
    pixel = torch.arange(length) + start
    before = torch.where(pixel == first.clamp(0, side - 1)[:, None], _ONE - weight[:, None], 0.0)
    after = torch.where(pixel == (first + 1).clamp(0, side - 1)[:, None], weight[:, None], 0.0)
    return (before + after).float()


def _border_median(images: torch.Tensor) -> torch.Tensor:
    """Return (N,): the median of the border of each image, corners counted twice, rounded."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = torch.cat(sides, dim=1).sort(dim=1).values
    halves = border.view(border.shape[0], 2, images.shape[1] + images.shape[2])
    return ((halves[:, 0, -1] + halves[:, 1, 0]) / 2).round()
