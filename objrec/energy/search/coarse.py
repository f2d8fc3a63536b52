"""Search from coarse to fine: every category at few poses, then the fine grid round the best.

The energies of what is found are those of the exhaustive search. That nothing better is missed is
likely, not certain: see docs/performance.md.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from objrec.energy.energies import Hypotheses
from objrec.energy.minima import parabola_vertex
from objrec.energy.model import EnergyModel
from objrec.energy.search.cells import Cells, box, repeated
from objrec.energy.search.found import Found, joined
from objrec.energy.search.table import Table
from objrec.pose import INDEX

CANDIDATES = 16
_LEAST = 6  # candidates kept to the end
_ROUNDS = 4  # moves on the finest level
_PAIRS = 512  # answers warped at once
_IMAGES = 128  # images at once


class _Beam(NamedTuple):
    """Candidates, best first: energies (B, n), categories (B, n), cells (B, n, a)."""

    energy: torch.Tensor
    category: torch.Tensor
    cells: torch.Tensor

    def sorted(self, count: int) -> _Beam:
        energy, order = self.energy.topk(min(count, self.energy.shape[1]), largest=False)
        wide = order[:, :, None].expand(-1, -1, self.cells.shape[2])
        return _Beam(energy, self.category.gather(1, order), self.cells.gather(1, wide))


class CoarseToFine:
    """A search that ranks answers by estimates, and compares only the best exactly.

    Args:
        model: Its own poses are searched.
        memory: Bytes: half of them at most for the table of compressed references, which are
            warped once. Some 64 MB are needed to work with, whatever the memory.
        candidates: How many answers are compared exactly; twice as many where the table leaves
            out poses, to which they are then followed.

    Raises:
        SettingsError: The memory is too small for the fewest poses of each category.
    """

    @torch.no_grad()
    def __init__(self, model: EnergyModel, memory: int, candidates: int = CANDIDATES) -> None:
        self.model = model
        self._ops = model.operators()
        self._grid = model.space.grid()
        self._cells = Cells(self._grid, self._ops.azimuth.device)
        self.table = Table(model, self._ops, memory // 2)
        self.candidates = candidates * (1 if max(self.table.steps, default=1) == 1 else 2)
        each = self.table.image_bytes(2 * self.candidates)
        self._images = max(1, min(_IMAGES, memory // 8 // each))

    @torch.no_grad()
    def __call__(self, features: torch.Tensor, count: int = 3, refined: bool = True) -> Found:
        """Return the best distinct answers; arguments as for `Exhaustive`.

        The lowest energies of categories are estimates, but for those whose answers were
        compared.
        """
        return joined([self._some(part, count, refined) for part in features.split(self._images)])

    def _some(self, features: torch.Tensor, count: int, refined: bool) -> Found:
        lowest, beam = self._compared(features)
        step = torch.tensor(self.table.steps, dtype=torch.long, device=features.device)
        kept, finer = self.candidates, bool((step > 1).any())
        while (step > 1).any():
            step = (step + 1) // 2
            kept = max(kept // 3, count + 1, _LEAST)
            beam = self._distinct(beam).sorted(kept)
            beam = self._moved(features, beam, step, lowest)
        if finer:
            beam = self._settled(features, self._distinct(beam).sorted(_LEAST), lowest)
        beam = self._distinct(beam, reach=1).sorted(count)
        lowest.clamp_(min=beam.energy[:, :1])
        found = self._hypotheses(features, beam, refined)
        return Found(lowest, found, self.model.nothing_fits(len(features)))

    def _compared(self, features: torch.Tensor) -> tuple[torch.Tensor, _Beam]:
        """Return estimates (B, K), put right where answers were compared, and those answers."""
        guess = self.table(features, 2 * self.candidates, self.candidates)
        kept = self._distinct(_Beam(guess.energy, guess.category, self.table.cells[guess.pose]))
        kept = kept.sorted(self.candidates + self.candidates // 2)
        wanted = kept.energy.isfinite()[:, :, None]
        energy = self._evaluated(features, kept.category, kept.cells[:, :, None], wanted)[:, :, 0]
        scale = self.model.distance.scale()
        known = wanted[:, :, 0]
        gap = (energy - scale * kept.energy).masked_fill(~known, 0).sum(1) / known.sum(1)
        lowest = scale * guess.lowest + gap[:, None]
        lowest.scatter_(1, kept.category, torch.inf)
        lowest.scatter_reduce_(1, kept.category, energy, "amin")
        return lowest, _Beam(energy, kept.category, kept.cells)

    def _distinct(self, beam: _Beam, reach: int = 0) -> _Beam:
        """Rule out (+inf) answers that are not more than some steps from a better one."""
        beam = beam.sorted(beam.energy.shape[1])
        again = repeated(self._cells, beam.category, beam.cells, reach)
        return beam._replace(energy=beam.energy.masked_fill(again, torch.inf))

    def _moved(
        self,
        features: torch.Tensor,
        beam: _Beam,
        step: torch.Tensor,
        lowest: torch.Tensor,
        whole: bool = False,
    ) -> _Beam:
        """Move every candidate to the best of itself and its neighbours a step away."""
        moves = box(self._grid.axes, whole).to(step.device) * step
        cells, inside = self._cells.moved(beam.cells[:, :, None], moves)
        inside &= beam.energy.isfinite()[:, :, None]
        energy = self._evaluated(features, beam.category, cells, inside)
        energy = torch.cat([beam.energy[:, :, None], energy], dim=2)
        cells = torch.cat([beam.cells[:, :, None], cells], dim=2)
        energy, best = energy.min(dim=2)
        wide = best[:, :, None, None].expand(-1, -1, 1, cells.shape[3])
        lowest.scatter_reduce_(1, beam.category, energy, "amin")
        return _Beam(energy, beam.category, cells.gather(2, wide)[:, :, 0])

    def _settled(self, features: torch.Tensor, beam: _Beam, lowest: torch.Tensor) -> _Beam:
        one = torch.ones_like(self._cells.shape)
        for _ in range(_ROUNDS):
            before = beam
            beam = self._moved(features, beam, one, lowest, whole=True)
            if torch.equal(before.cells, beam.cells):
                break
        return beam

    def _evaluated(
        self,
        features: torch.Tensor,
        category: torch.Tensor,
        cells: torch.Tensor,
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        """Return energies (B, n, m) of cells (B, n, m, a), +inf where they are not wanted."""
        energy = features.new_full(wanted.shape, torch.inf)
        image, candidate, _ = wanted.nonzero(as_tuple=True)
        asked = category[image, candidate]
        pose = self._cells.flat(cells[wanted])
        order = (asked * self._grid.size + pose).argsort()
        found = energy.new_empty(len(order))
        for part in order.split(_PAIRS):
            found[part] = self._energy_at(features[image[part]], asked[part], pose[part])
        energy[wanted] = found
        return energy

    def _energy_at(
        self, features: torch.Tensor, category: torch.Tensor, pose: torch.Tensor
    ) -> torch.Tensor:
        maps, coverage = self.model.references.cells(self._ops, category, pose)
        return self.model.paired(features, maps, coverage).amin(dim=1)

    def _hypotheses(self, features: torch.Tensor, beam: _Beam, refined: bool) -> Hypotheses:
        model, grid = self.model, self._grid
        pose = grid.poses.to(features.device)[self._cells.flat(beam.cells)]
        axes = model.references.continuous_axes(model.space) if refined else ()
        for name in axes:
            pose[..., INDEX[name]] += self._off_the_grid(features, beam, name)
        return Hypotheses(beam.energy, beam.category, pose, model.categories, grid.axes)

    def _off_the_grid(self, features: torch.Tensor, beam: _Beam, name: str) -> torch.Tensor:
        axis = self._grid.axes.index(name)
        moves = torch.zeros(2, len(self._grid.axes), dtype=torch.long, device=features.device)
        moves[0, axis], moves[1, axis] = -1, 1
        cells, inside = self._cells.moved(beam.cells[:, :, None], moves)
        inside &= beam.energy.isfinite()[:, :, None]
        before, after = self._evaluated(features, beam.category, cells, inside).unbind(2)
        gaps = self._grid.gaps(name).to(features)[beam.cells[:, :, axis]]
        return parabola_vertex(before, beam.energy, after, gaps.unbind(-1))
