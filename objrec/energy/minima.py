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
    before: torch.Tensor,
    middle: torch.Tensor,
    after: torch.Tensor,
    gaps: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return where a parabola through three values is lowest.

    Args:
        before: The first value.
        middle: The second.
        after: The third.
        gaps: How far the first and the last are from the middle, +inf where there is none; one
            step each, if not given.

    Returns:
        Where, seen from the middle, and not beyond the others; 0 where a value or a gap is
        infinite or the three do not curve upwards.
    """
    below, above = gaps or (torch.ones_like(middle), torch.ones_like(middle))
    falling, rising = (middle - before) / below, (after - middle) / above
    curvature = rising - falling
    vertex = -(falling * above + rising * below) / (2 * curvature)
    usable = torch.isfinite(vertex) & (curvature > 1e-12)
    vertex = torch.where(usable, vertex, torch.zeros_like(vertex))
    return torch.maximum(torch.minimum(vertex, above), -below)
