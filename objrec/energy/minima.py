"""Local minima of energy surfaces on a pose grid, and parabolas through them."""

from __future__ import annotations

import torch


def local_minima(surfaces: torch.Tensor, wraps: list[bool]) -> torch.Tensor:
    """Mark the cells that are not higher than any neighbour, diagonal ones included.

    Args:
        surfaces: (B, K, n1, ..., na).
        wraps: For each of the a axes, whether its ends are neighbours.

    Returns:
        Bool, of the same shape; every surface has at least one marked cell.
    """
    lowest = surfaces
    for axis, around in enumerate(wraps):
        before, after = neighbours(lowest, axis + 2, around)
        lowest = torch.minimum(torch.minimum(lowest, before), after)
    return surfaces <= lowest


def neighbours(values: torch.Tensor, dim: int, around: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the values one step before and after along a dimension; +inf beyond an end."""
    if values.shape[dim] == 1:
        beyond = torch.full_like(values, torch.inf)
        return beyond, beyond
    before, after = values.roll(1, dim), values.roll(-1, dim)
    if not around:
        before.select(dim, 0).fill_(torch.inf)
        after.select(dim, -1).fill_(torch.inf)
    return before, after


def parabola_vertex(
    before: torch.Tensor, middle: torch.Tensor, after: torch.Tensor
) -> torch.Tensor:
    """Return where a parabola through three equally spaced values is lowest.

    Returns:
        In steps from the middle, clamped to [-1, 1]; 0 where a value is infinite or the three do
        not curve upwards.
    """
    curvature = before + after - 2 * middle
    usable = torch.isfinite(curvature) & (curvature > 1e-12)
    slope = torch.where(usable, before - after, torch.zeros_like(middle))
    vertex = slope / (2 * torch.where(usable, curvature, torch.ones_like(middle)))
    return vertex.clamp(-1, 1)
