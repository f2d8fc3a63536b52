"""Exhaustive search in blocks: every answer is looked at, and only the best are kept.

The result is that of `EnergyModel.energies` and `hypotheses`. Warping a block costs as much as
comparing some 300 images with it, so many images should be asked about at once, unless all blocks
fit into the memory given, where they are warped once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from objrec.energy.distance import Compare
from objrec.energy.energies import Energies
from objrec.energy.model import EnergyModel
from objrec.energy.search.blocks import (
    WARPED,
    Block,
    answer_bytes,
    blocks,
    cells_held,
    compared,
)
from objrec.energy.search.found import Best, Found, joined

_VALUES = 4  # the share of the memory that energies may take, and what is made of them: a quarter


class Exhaustive:
    """A search that looks at every answer.

    Args:
        model: Its own poses are searched.
        memory: Bytes for warped references and energies. Blocks of references are kept between
            calls where all of them fit in.
        keep: Whether they may be kept.
    """

    @torch.no_grad()
    def __init__(self, model: EnergyModel, memory: int, keep: bool = True) -> None:
        self.model, self.memory = model, memory
        self._ops = model.operators()
        held = answer_bytes(model)
        answers = len(model.categories) * model.space.size * model.references.models
        self.keeps = keep and answers * held <= memory * 3 // 4
        shape, most = model.space.shape, max(1, min(WARPED, memory // 4) // held)
        self._blocks = list(blocks(len(model.categories), model.references.models, shape, most))
        self._kept = [self._compared(block) for block in self._blocks] if self.keeps else None

    @torch.no_grad()
    def __call__(self, features: torch.Tensor, count: int = 3, refined: bool = True) -> Found:
        """Return the best distinct answers; arguments as for `EnergyModel.hypotheses`.

        Args:
            features: (B, C, h, w); the more at once, the less each costs.
            count: N.
            refined: Whether poses leave the grid.
        """
        width = max(b.categories.stop - b.categories.start for b in self._blocks)
        answers = width * self.model.space.size * self.model.references.models
        row = 4 * answers * features.element_size()
        most = self._blocks[0].poses.stop * width * cells_held(self.model)
        row = max(row, most * features.element_size())
        images = max(1, self.memory // _VALUES // row)
        return joined([self._some(part, count, refined) for part in features.split(images)])

    def _some(self, features: torch.Tensor, count: int, refined: bool) -> Found:
        model, grid = self.model, self.model.space.grid()
        between = model.references.continuous_axes(model.space) if refined else ()
        best = Best(features, count)
        lowest = features.new_empty(len(features), len(model.categories))
        for categories, values in self._values(features):
            lowest[:, categories] = low = values.amin(dim=2)
            # What is not better than the worst that is kept has no minimum to give.
            rows = (low < best.energy[:, -1:]).any(dim=1).nonzero()[:, 0]
            if len(rows):
                surfaces = Energies(values[rows], model.categories[categories], grid)
                found = surfaces.hypotheses(count, between=between)
                best.enter(rows, replace(found, category=found.category + categories.start))
        return Found(lowest, best.hypotheses(model), model.nothing_fits(len(features)))

    def _values(self, features: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield categories, and the energies (B, K', P) of all their poses."""
        image = self.model.distance.image(features)
        poses, models = self.model.space.size, self.model.references.models
        for number, block in enumerate(self._blocks):
            width = block.categories.stop - block.categories.start
            compare = self._kept[number] if self._kept else self._compared(block)
            found = compare.answers(image).view(len(features), width, models, -1)
            found = found.amin(dim=2) if models > 1 else found[:, :, 0]
            if found.shape[2] == poses:
                yield block.categories, found
                continue
            if block.poses.start == 0:
                values = found.new_empty(len(features), width, poses)
            values[:, :, block.poses] = found
            if block.poses.stop == poses:
                yield block.categories, values

    def _compared(self, block: Block) -> Compare:
        chosen = dict(zip(self.model.axes, block.ranges, strict=True))
        return compared(self.model, self._ops, block.categories, chosen)
