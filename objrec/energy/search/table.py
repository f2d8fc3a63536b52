"""A table of compressed references: cheap estimates of the energies of very many answers.

Warped references resemble each other, so a few principal components (of the references
themselves, not centred) hold nearly all of their length. In those, ranking all answers to an
image takes a twentieth of the product with whole maps. The estimates only choose what is then
compared exactly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from objrec.energy.model import EnergyModel
from objrec.energy.references import Chosen
from objrec.energy.search.blocks import WARPED, answer_bytes, blocks
from objrec.errors import SettingsError
from objrec.pose import PoseGrid
from objrec.warping import Operators

SPACING = {
    "azimuth": 10.0,
    "elevation": 5.0,
    "roll": 10.0,
    "scale": 0.15,
    "shift_x": 0.05,
    "shift_y": 0.05,
}
"""How far apart, in stored units, the poses of the table are, at most about."""

RESOLUTION = {
    "azimuth": 20.0,
    "elevation": 20.0,
    "roll": 20.0,
    "scale": 0.2,
    "shift_x": 0.1,
    "shift_y": 0.1,
}
"""What changes energies about as much on each axis: where memory is short, the axis that is finest
in these units is coarsened first."""

COMPONENTS = (64, 96, 128, 192, 256)
"""The least of them is taken beyond which references have no more than `LEFT_OUT`."""

LEFT_OUT = 0.02
_SAMPLE, _PART, _SEED = 4096, 512, 0
_HELD = torch.float16  # of vectors of length 1, about: off by less than what compression leaves out
_ROWS = 2048  # answers of one product: its energies stay in the processor's cache
_RUN = 32  # neighbours in the table of which only the best counts at first


class Estimates(NamedTuple):
    """The best answers by estimate.

    Attributes:
        lowest: (B, K) of each category.
        energy: (B, n) of the best answers, in no order.
        category: (B, n).
        pose: (B, n) rows of `Table.cells`.
    """

    lowest: torch.Tensor
    energy: torch.Tensor
    category: torch.Tensor
    pose: torch.Tensor


class Table:
    """Compressed references of all categories at some poses of a grid.

    Args:
        model: Its own poses are meant.
        ops: Of these poses.
        memory: Bytes, at most.

    Raises:
        SettingsError: That is too little.

    Attributes:
        steps: On each axis, every how many-th value is in the table.
        cells: (P', a) the poses in the table, as cells of the grid.
    """

    def __init__(self, model: EnergyModel, ops: Operators, memory: int) -> None:
        self.model, grid = model, model.space.grid()
        device = ops.azimuth.device
        self._basis, self._length = _basis(model, ops)
        each = model.references.models * (self._basis.shape[1] + 1) * _HELD.itemsize
        self.steps = coarse_steps(grid, len(model.categories) * each, memory)
        chosen = coarse_places(grid, self.steps)
        places = [torch.tensor(own, device=device) for own in chosen.values()]
        poses = math.prod(map(len, places))
        self.cells = torch.zeros(poses, len(places), dtype=torch.long, device=device)
        for axis, mesh in enumerate(torch.meshgrid(*places, indexing="ij") if places else ()):
            self.cells[:, axis] = mesh.flatten()
        self._rows = self._compressed(ops, chosen)
        self._run = max(n for n in range(1, _RUN + 1) if poses % n == 0)

    def _compressed(self, ops: Operators, chosen: Chosen) -> torch.Tensor:
        """Return (K M P', d + 1): the references' components, and their offsets."""
        model, poses, m = self.model, len(self.cells), self.model.references.models
        rows = self._basis.new_empty(
            len(model.categories), m, poses, self._basis.shape[1] + 1, dtype=_HELD
        )
        axes = [list(own) for own in chosen.values()]
        for block in blocks(
            len(model.categories), m, tuple(map(len, axes)), max(1, WARPED // answer_bytes(model))
        ):
            ranges = zip(chosen.items(), block.ranges, strict=True)
            own = {name: [places[i] for i in run] for (name, places), run in ranges}
            vectors, offsets = _linear(model, *model.references.part(ops, block.categories, own))
            target = rows[block.categories, :, block.poses]
            target[..., :-1] = (vectors @ self._basis / self._length).view(*target.shape[:3], -1)
            target[..., -1] = offsets.view(target.shape[:3]) / self._length
        return rows.flatten(0, 2)

    def image_bytes(self, runs: int) -> int:
        """Return the bytes that the best runs of one image take on their way."""
        numbers = runs * self._run * self._rows.shape[1] + len(self._rows) // self._run
        return numbers * self._basis.element_size()

    def __call__(self, features: torch.Tensor, runs: int, count: int) -> Estimates:
        """Return the best answers by estimate.

        Args:
            features: (B, C, h, w).
            runs: How many runs of neighbours are looked into.
            count: How many answers are wanted; and one of each run comes besides.
        """
        g = self.model.distance.direction(features) @ -self._basis
        g = torch.cat([g, torch.ones_like(g[:, :1])], dim=1) * self._length
        width, models = self._run, self.model.references.models
        best = g.new_empty(len(self._rows) // width, len(g))
        block = max(1, _ROWS // width) * width
        # Images vary fastest: a minimum over the neighbours then takes a tenth of the product.
        for first in range(0, len(self._rows), block):
            rows = self._rows[first : first + block].to(g.dtype)
            values = (rows @ g.T).view(-1, width, len(g))
            torch.amin(values, dim=1, out=best[first // width : (first + block) // width])
        best = best.T.contiguous()
        lowest = best.view(len(g), len(self.model.categories), -1).amin(dim=2)
        run = best.topk(min(runs, best.shape[1]), largest=False).indices
        rows = run[:, :, None] * width + torch.arange(width, device=run.device)
        found = torch.einsum("brwd,bd->brw", self._rows[rows].to(g.dtype), g)
        energy, at = found.min(dim=2)
        row = rows.gather(2, at[:, :, None])[:, :, 0]
        more, which = found.flatten(1).topk(min(count, found[0].numel()), largest=False)
        row = torch.cat([row, rows.flatten(1).gather(1, which)], dim=1)
        poses = len(self.cells)
        return Estimates(
            lowest, torch.cat([energy, more], dim=1), row // (poses * models), row % poses
        )


def _linear(
    model: EnergyModel, maps: torch.Tensor, coverage: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    coverage = coverage.expand(*maps.shape[:2], -1, -1, -1, -1).flatten(0, 2)
    return model.distance.linear(maps.flatten(0, 2), coverage)


def _basis(model: EnergyModel, ops: Operators) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (D, d): the principal components of some references, and their mean length."""
    generator = torch.Generator().manual_seed(_SEED)
    device, poses = ops.azimuth.device, model.space.size
    count = min(_SAMPLE, len(model.categories) * poses)
    category = torch.randint(len(model.categories), (count,), generator=generator).to(device)
    pose = torch.randint(poses, (count,), generator=generator).to(device)
    parts = []
    for some in torch.arange(count, device=device).split(_PART):
        maps, coverage = model.references.cells(ops, category[some], pose[some])
        coverage = coverage.repeat_interleave(maps.shape[1], dim=0)
        parts.append(model.distance.linear(maps.flatten(0, 1), coverage)[0])
    vectors = torch.cat(parts)
    most = min(*vectors.shape, COMPONENTS[-1])
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(_SEED)
        _, lengths, basis = torch.svd_lowrank(vectors, q=most, niter=2)
    left = 1 - lengths.square().cumsum(0) / vectors.square().sum()
    for components in COMPONENTS:
        if components >= most or left[components - 1] <= LEFT_OUT:
            break
    return basis[:, : min(components, most)].contiguous(), vectors.norm(dim=1).mean()


def coarse_places(grid: PoseGrid, steps: list[int]) -> dict[str, list[int]]:
    """Return which values of each axis are in a coarse grid: every n-th, and the ends."""
    places = {}
    for name, step in zip(grid.axes, steps, strict=True):
        count = len(grid.space.values[name])
        own = list(range(0, count, step))
        if not grid.wraps(name) and own[-1] != count - 1:
            own.append(count - 1)
        places[name] = own
    return places


def coarse_steps(grid: PoseGrid, each: int, memory: int) -> list[int]:
    """Return how many fine steps a step of the coarse grid is, on each axis.

    Args:
        grid: The fine grid.
        each: Bytes that one pose takes.
        memory: Bytes, at most.

    Raises:
        SettingsError: Not even two values of each axis fit in.
    """
    steps = []
    for name in grid.axes:
        own = grid.steps(name).max().item()
        steps.append(max(1, math.floor(SPACING[name] / own + 1e-3)) if own else 1)
    fineness = [
        grid.steps(name).max().item() / RESOLUTION[name] if count > 1 else 0.0
        for name, count in zip(grid.axes, grid.shape, strict=True)
    ]
    while True:
        counts = [len(own) for own in coarse_places(grid, steps).values()]
        if math.prod(counts) * each <= memory:
            return steps
        able = [axis for axis, count in enumerate(counts) if count > 2]
        if not able:
            raise SettingsError("search: the memory holds too few poses; give more")
        finest = min(able, key=lambda axis: (steps[axis] * fineness[axis], -counts[axis]))
        steps[finest] *= 2
