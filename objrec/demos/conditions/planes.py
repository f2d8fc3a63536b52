"""Losses over the plane of two energies, and gradient descent on it, for `conditions`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from objrec.answers import Answers
from objrec.losses import LOSSES, LossSettings

BOX = 6
MARGIN = 2.0
PER_UNIT = 10  # grid values a unit of energy; gaps are then exact numbers of steps
STARTS = ((5.0, 1.0), (5.7, 4.0), (2.5, 0.5), (3.0, 3.0), (0.8, 1.4), (3.6, 4.4))
RATE = 0.05
SAME = 1e-12  # losses this near to the lowest are the lowest


@dataclass(frozen=True)
class Plane:
    """A loss on a grid of E_C (columns) and E_I (rows).

    Attributes:
        name: Of the loss.
        axis: (n,) the grid values of both energies, ascending from 0.
        loss: (n, n).
        pull: (n, n) dL/dE_C: how hard descent pulls the right answer's energy down.
        push: (n, n) -dL/dE_I: how hard it pushes the wrong answer's energy up.
    """

    name: str
    axis: torch.Tensor
    loss: torch.Tensor
    pull: torch.Tensor
    push: torch.Tensor

    @property
    def gap(self) -> torch.Tensor:
        """(n, n): E_I - E_C, in whole grid steps so that no rounding decides."""
        steps = torch.arange(len(self.axis))
        return steps[:, None] - steps[None, :]

    def minimisers(self) -> torch.Tensor:
        """Return (n, n) bool: where the loss is at its lowest."""
        return self.loss <= self.loss.min() + SAME

    def margin(self) -> float:
        """Return the smallest gap E_I - E_C among the minimisers.

        The condition holds for exactly the gaps below it: only there are all minimisers inside.
        """
        return float(self.gap[self.minimisers()].min()) / PER_UNIT

    def profile(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gaps, and the lowest loss that the box offers at each; (2n - 1,) both."""
        n = len(self.axis)
        gaps = torch.arange(1 - n, n)
        lowest = torch.stack([self.loss[self.gap == g].min() for g in gaps])
        return gaps / PER_UNIT, lowest


def loss_of(name: str, points: torch.Tensor, settings: LossSettings) -> torch.Tensor:
    """Return a loss of the library at points of the plane.

    Args:
        name: Of the loss.
        points: (B, 2) the energies E_C of a right and E_I of a wrong answer.
        settings: Its constants.

    Returns:
        (B,).
    """
    right = torch.tensor([True, False])[None, :, None].expand(len(points), 2, 1)
    answers = Answers(right, torch.zeros_like(right))
    return LOSSES[name](points[:, :, None], answers, settings)


def gradient_of(name: str, points: torch.Tensor, settings: LossSettings) -> torch.Tensor:
    """Return (B, 2): the derivatives by E_C and E_I at (B, 2) points."""
    points = points.detach().requires_grad_()
    loss = loss_of(name, points, settings).sum()
    (gradient,) = torch.autograd.grad(loss, points, materialize_grads=True)
    return gradient


def plane_of(name: str, box: int = BOX, margin: float = MARGIN) -> Plane:
    """Compute a loss and its gradient on the grid over [0, box] x [0, box]."""
    settings = LossSettings(soft=False, margin=margin)
    axis = torch.linspace(0, box, box * PER_UNIT + 1, dtype=torch.float64)
    wrong, right = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([right.flatten(), wrong.flatten()], dim=1)
    loss = loss_of(name, points, settings).view_as(right)
    gradient = gradient_of(name, points, settings)
    pull, push = gradient[:, 0].view_as(right), -gradient[:, 1].view_as(right)
    return Plane(name, axis, loss, pull, push)


def descend(name: str, steps: int) -> torch.Tensor:
    """Follow gradient descent on the two energies from each start, kept inside the box.

    Returns:
        (steps + 1, starts, 2).
    """
    settings = LossSettings(soft=False, margin=MARGIN)
    points = torch.tensor(STARTS, dtype=torch.float64)
    path = [points]
    for _ in range(steps):
        points = (points - RATE * gradient_of(name, points, settings)).clamp(0, BOX)
        path.append(points)
    return torch.stack(path)
