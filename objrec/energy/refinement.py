"""Continuous pose between grid points, for the few best hypotheses.

Each hypothesis starts at its grid minimum. Parabolas through the grid energies, one per axis,
propose a pose; then stencils of half, a quarter, ... of a grid step propose others. A proposal is
taken only where the energy, computed by the same warps, is truly lower: refinement never makes a
hypothesis worse, and needs no gradient of the sampling, which has kinks at grid points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.minima import neighbours, parabola_vertex
from objrec.pose import INDEX, PoseGrid

PairedEnergy = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(image indices (Q,), categories (Q,), poses (Q, A)) → energies (Q,)."""


def refine(
    hypotheses: Hypotheses,
    energies: Energies,
    paired_energy: PairedEnergy,
    axes: tuple[str, ...],
    rounds: int = 1,
) -> Hypotheses:
    """Lower the energy of each hypothesis by moving its pose off the grid.

    Args:
        hypotheses: Grid minima of `energies`.
        energies: What they were read from.
        paired_energy: The energy of single answers.
        axes: The axes to move along; those with a single grid value stay.
        rounds: Stencil rounds after the parabola; each halves the step.

    Returns:
        The hypotheses in their order, each of lower or equal energy, within one grid step of its
        start and inside the grid's range.
    """
    *_, last = refinement_path(hypotheses, energies, paired_energy, axes, rounds)
    return last


def refinement_path(
    hypotheses: Hypotheses,
    energies: Energies,
    paired_energy: PairedEnergy,
    axes: tuple[str, ...],
    rounds: int = 1,
) -> Iterator[Hypotheses]:
    """Yield the hypotheses on their way off the grid; arguments as for `refine`.

    Yields:
        The hypotheses as they are given; after the parabola; and after each stencil round. They
        keep their order, and the energy of none rises. Without an axis to move along, the first
        alone.
    """
    yield hypotheses
    grid = energies.grid
    axes = tuple(name for name in axes if len(grid.space.values[name]) > 1)
    if not axes:
        return
    search = _Search(hypotheses, grid, axes, paired_energy)
    search.propose(search.pose + _parabola_offset(hypotheses, energies, axes) * search.step)
    yield search.moved(hypotheses)
    for round_number in range(rounds):
        search.stencil(0.5 ** (round_number + 1))
        yield search.moved(hypotheses)


class _Search:
    """The state of all hypotheses at once: their poses, energies, steps and bounds."""

    def __init__(
        self, start: Hypotheses, grid: PoseGrid, axes: tuple[str, ...], energy: PairedEnergy
    ) -> None:
        count = start.energy.shape[1]
        device = start.energy.device
        self.image = torch.arange(len(start.energy), device=device).repeat_interleave(count)
        self.category = start.category.flatten()
        self.pose = start.pose.flatten(0, 1).clone()
        self.energy = start.energy.flatten().clone()
        self.axes, self._paired = axes, energy
        self.step = torch.zeros_like(self.pose)
        lower, upper = self.pose.clone(), self.pose.clone()
        for name in axes:
            i = INDEX[name]
            steps = grid.steps(name).to(device)
            self.step[:, i] = steps[grid.nearest(name, self.pose[:, i])]
            lower[:, i] -= self.step[:, i]
            upper[:, i] += self.step[:, i]
            if not grid.wraps(name):
                values = grid.space.values[name]
                lower[:, i].clamp_(min=values[0])
                upper[:, i].clamp_(max=values[-1])
        self._lower, self._upper = lower, upper

    def moved(self, start: Hypotheses) -> Hypotheses:
        """Return the hypotheses that the search began with, where they are now."""
        shape = start.energy.shape
        return replace(start, energy=self.energy.view(shape), pose=self.pose.view(*shape, -1))

    def propose(self, poses: torch.Tensor) -> None:
        """Move to the proposed poses (Q, A) wherever that lowers the energy."""
        poses = torch.minimum(torch.maximum(poses, self._lower), self._upper)
        energy = self._evaluated(poses)
        better = energy < self.energy
        self.pose = torch.where(better[:, None], poses, self.pose)
        self.energy = torch.where(better, energy, self.energy)

    def stencil(self, fraction: float) -> None:
        """Fit a parabola per axis at +- a fraction of the grid step, and propose its vertex."""
        move = torch.zeros_like(self.pose)
        for name in self.axes:
            offset = torch.zeros_like(self.pose)
            offset[:, INDEX[name]] = fraction * self.step[:, INDEX[name]]
            before, after = self._evaluated(self.pose - offset), self._evaluated(self.pose + offset)
            move += offset * parabola_vertex(before, self.energy, after)[:, None]
        self.propose(self.pose + move)

    def _evaluated(self, poses: torch.Tensor) -> torch.Tensor:
        energy = self._paired(self.image, self.category, poses)
        return torch.where(torch.isfinite(self.energy), energy, self.energy)


def _parabola_offset(
    hypotheses: Hypotheses, energies: Energies, axes: tuple[str, ...]
) -> torch.Tensor:
    """Return (Q, A): the vertices of parabolas through the grid energies, in grid steps."""
    grid = energies.grid
    surfaces = energies.surfaces()
    where = _cells(hypotheses, grid)
    offset = torch.zeros_like(hypotheses.pose.flatten(0, 1))
    for name in axes:
        dim = grid.axes.index(name) + 2
        before, after = neighbours(surfaces, dim, grid.wraps(name))
        offset[:, INDEX[name]] = parabola_vertex(before[where], surfaces[where], after[where])
    return offset


def _cells(hypotheses: Hypotheses, grid: PoseGrid) -> tuple[torch.Tensor, ...]:
    count = hypotheses.energy.shape[1]
    image = torch.arange(len(hypotheses.energy), device=hypotheses.energy.device)
    pose = hypotheses.pose.flatten(0, 1)
    cells = [grid.nearest(name, pose[:, INDEX[name]]) for name in grid.axes]
    return (image.repeat_interleave(count), hypotheses.category.flatten(), *cells)
