"""What a search keeps of the energies of all answers: the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.model import EnergyModel
from objrec.pose import AXES, PoseSpace


@dataclass(frozen=True)
class Found:
    """The best answers to a batch of images, in place of `Energies` of all.

    Attributes:
        lowest: (B, K) the lowest energy of each category over the poses that were looked at.
        hypotheses: The best distinct answers.
        nothing: (B,) the energy of "nothing fits", from a model that knows background.
    """

    lowest: torch.Tensor
    hypotheses: Hypotheses
    nothing: torch.Tensor | None = None

    def per_category(self) -> Energies:
        """Return the lowest energy of each category as energies of one pose."""
        grid = PoseSpace({}).grid()
        return Energies(self.lowest[:, :, None], self.hypotheses.categories, grid, self.nothing)


class Best:
    """The best hypotheses so far, of B images.

    Args:
        features: (B, C, h, w); their device and type are those of the energies.
        count: N.
    """

    def __init__(self, features: torch.Tensor, count: int) -> None:
        shape = (len(features), count)
        self.energy = features.new_full(shape, torch.inf)
        self.category = torch.zeros(shape, dtype=torch.long, device=features.device)
        self.pose = features.new_zeros(*shape, len(AXES))

    def enter(self, rows: torch.Tensor, found: Hypotheses) -> None:
        """Take hypotheses (n, N') where they are better than what is kept.

        Args:
            rows: (n,) which images they are about.
            found: The hypotheses, their categories among all of the model.
        """
        energy = torch.cat([self.energy[rows], found.energy], dim=1)
        energy, order = energy.topk(self.energy.shape[1], dim=1, largest=False)
        self.energy[rows] = energy
        self.category[rows] = torch.cat([self.category[rows], found.category], dim=1).gather(
            1, order
        )
        pose = torch.cat([self.pose[rows], found.pose], dim=1)
        self.pose[rows] = pose.gather(1, order[:, :, None].expand(-1, -1, pose.shape[2]))

    def hypotheses(self, model: EnergyModel) -> Hypotheses:
        """Return what is kept, best first."""
        return Hypotheses(self.energy, self.category, self.pose, model.categories, model.axes)


def joined(parts: Sequence[Found]) -> Found:
    """Return what was found about several batches as one."""
    first, found = parts[0], [part.hypotheses for part in parts]
    nothing = None if first.nothing is None else torch.cat([p.nothing for p in parts])
    hypotheses = replace(
        first.hypotheses,
        energy=torch.cat([h.energy for h in found]),
        category=torch.cat([h.category for h in found]),
        pose=torch.cat([h.pose for h in found]),
    )
    return Found(torch.cat([part.lowest for part in parts]), hypotheses, nothing)
