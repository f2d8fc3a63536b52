"""What stands on the features in an exported graph: references or a classifier, as constants.

Each head gives the energies of all answers, and the pose of the best one. Nothing is turned any
more, so poses are those of the grid.
"""

from __future__ import annotations

import torch
from torch import nn

from objrec.energy.classifier import Classifier
from objrec.energy.model import EnergyModel
from objrec.pose import AXIS, INDEX, PoseGrid


class EnergyHead(nn.Module):
    """Features → energies of all answers, by the references as they were warped for the grid.

    Args:
        network: The model; its distance is shared.
    """

    def __init__(self, network: EnergyModel) -> None:
        super().__init__()
        with torch.no_grad():
            warped = network.prepare()
            nothing = network.nothing * network.distance.scale() if network.background else None
        self.distance = network.distance
        self.shape = warped.maps.shape[:3]
        coverage = warped.coverage.expand(*self.shape[:2], -1, -1, -1, -1)
        self.register_buffer("maps", warped.maps.flatten(0, 2))
        self.register_buffer("coverage", coverage.flatten(0, 2).contiguous())
        self.register_buffer("poses", pose_table(warped.grid))
        self.register_buffer("nothing", nothing)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return energies (B, K, P), and that of "nothing fits" (B,) or None."""
        k, m, p = self.shape
        values = self.distance(features, self.maps, self.coverage)
        values = values.view(-1, k, m, p).amin(dim=2)
        return values, None if self.nothing is None else self.nothing.expand(features.shape[0])

    def pose(self, features: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
        """Return (B, axes): the poses at grid positions (B,)."""
        return self.poses[best]


class ClassifierHead(nn.Module):
    """Features → negated logits as energies of one pose; the pose heads say which.

    Args:
        network: The model; its layers are shared.
    """

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network
        for name, values in network.space.values.items():
            table = as_users_see(name, torch.tensor(values, dtype=torch.float64)).float()
            self.register_buffer(f"{name}_values", table)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return energies (B, K, 1), and that of "nothing fits" (B,) or None."""
        energies = self.network.energies(features)
        return energies.values, energies.nothing

    def pose(self, features: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
        """Return (B, axes): on each axis the value that its head finds most likely."""
        heads = self.network.logits(features)[1]
        found = [
            getattr(self, f"{name}_values")[logits.argmax(dim=1)] for name, logits in heads.items()
        ]
        return torch.stack(found, dim=1)


def pose_table(grid: PoseGrid) -> torch.Tensor:
    """Return (P, axes) float32: the searched axes of a grid in the units that users see."""
    columns = [as_users_see(name, grid.poses[:, INDEX[name]].double()) for name in grid.axes]
    if not columns:
        return torch.zeros(grid.size, 0)
    return torch.stack(columns, dim=1).float()


def as_users_see(name: str, stored: torch.Tensor) -> torch.Tensor:
    """Bring values of an axis from stored units to those of `Pose`: scale is a ratio there."""
    wrapped = AXIS[name].wrapped(stored)
    return wrapped.exp() if name == "scale" else wrapped
