"""Cells of a pose grid, counted on each axis: neighbours, and which answers are distinct."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch

from objrec.pose import PLANE_AXES, VIEW_AXES, PoseGrid


class Cells:
    """The arithmetic of cells (..., a), one integer for each of the a axes of a grid.

    Args:
        grid: The poses.
        device: Where cells are.
    """

    def __init__(self, grid: PoseGrid, device: torch.device) -> None:
        self.axes, shape = grid.axes, grid.shape
        self.shape = torch.tensor(shape, dtype=torch.long, device=device)
        self.wraps = torch.tensor([grid.wraps(n) for n in grid.axes], device=device).bool()
        strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
        self.strides = torch.tensor(strides, dtype=torch.long, device=device)

    def flat(self, cells: torch.Tensor) -> torch.Tensor:
        """Return positions in the grid, (...)."""
        return (cells * self.strides).sum(dim=-1)

    def cells(self, flat: torch.Tensor) -> torch.Tensor:
        """Return the cells at positions in the grid, (..., a)."""
        return flat[..., None] // self.strides % self.shape

    def moved(
        self, cells: torch.Tensor, offsets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cells moved by offsets, and whether they are in the grid still."""
        moved = cells + offsets
        around = torch.where(self.wraps, moved % self.shape, moved)
        inside = ((around >= 0) & (around < self.shape)).all(dim=-1)
        return torch.minimum(around.clamp(min=0), self.shape - 1), inside

    def apart(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return the steps between cells on each axis, the shorter way round where one wraps."""
        gap = (one - other).abs()
        return torch.where(self.wraps, torch.minimum(gap, self.shape - gap), gap)


def box(axes: Sequence[str], whole: bool = False) -> torch.Tensor:
    """Return the moves (n, a) by one step at most on each axis, without none.

    Args:
        axes: The axes.
        whole: Whether views move together with in-plane axes too: 3^a moves instead of
            3^2 + 3^(a - 2).
    """
    groups = [tuple(axes)] if whole else [VIEW_AXES, PLANE_AXES]
    moves = [
        move
        for group in groups
        for move in product(*[(-1, 0, 1) if name in group else (0,) for name in axes])
        if any(move)
    ]
    return torch.tensor(moves, dtype=torch.long).view(len(moves), len(axes))


def repeated(
    cells: Cells,
    category: torch.Tensor,
    pose: torch.Tensor,
    reach: int,
) -> torch.Tensor:
    """Mark answers beside a better one of the same category.

    Args:
        cells: The grid.
        category: (B, N), best first.
        pose: (B, N, a) cells.
        reach: How many steps on every axis count as beside.

    Returns:
        (B, N) bool.
    """
    near = (cells.apart(pose[:, :, None], pose[:, None]) <= reach).all(dim=3)
    same = (category[:, :, None] == category[:, None]) & near
    return same.tril(diagonal=-1).any(dim=2)
