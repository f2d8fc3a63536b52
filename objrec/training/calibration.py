"""What must not be fitted on training objects: beta and the threshold for 'unknown'.

Energies of objects that a model was trained on are lower than those of new ones. So both are
fitted on the answers of leave-one-object-out models about the objects each did not see.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from objrec.saving import Calibration

FALSE_ALARM_RATE = 0.05


@dataclass(frozen=True)
class HeldOut:
    """The answers of one fold's model about the objects it did not see.

    Attributes:
        energies: (N, K) lowest energy of each category.
        labels: (N,).
        objects: Number of objects held out.
    """

    energies: torch.Tensor
    labels: torch.Tensor
    objects: int

    @property
    def error_rate(self) -> float:
        """Share of images whose lowest energy is of another category."""
        return float((self.energies.argmin(dim=1) != self.labels).float().mean())


def calibrate(folds: list[HeldOut], false_alarm_rate: float = FALSE_ALARM_RATE) -> Calibration:
    """Fit beta and the threshold on all held-out answers together.

    Args:
        folds: One entry a fold.
        false_alarm_rate: Share of the held-out images that may be called unknown.
    """
    energies = torch.cat([fold.energies for fold in folds])
    labels = torch.cat([fold.labels for fold in folds])
    lowest = energies.amin(dim=1)
    threshold = float(torch.quantile(lowest, 1 - false_alarm_rate))
    return Calibration(
        beta=fit_beta(energies, labels),
        threshold=threshold,
        false_alarm_rate=float((lowest > threshold).float().mean()),
        error_rate=float((energies.argmin(dim=1) != labels).float().mean()),
        folds=len(folds),
        objects=sum(fold.objects for fold in folds),
    )


def fit_beta(energies: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the beta at which the Gibbs probabilities are most likely, within [0.001, 1000].

    The negative log likelihood is convex in beta; its slope is bisected on a logarithmic scale.

    Args:
        energies: (N, K) lowest energy of each category.
        labels: (N,).
    """
    energies = energies.double()
    low, high = torch.tensor(1e-3).double().log(), torch.tensor(1e3).double().log()
    for _ in range(60):
        middle = ((low + high) / 2).requires_grad_()
        loss = cross_entropy(-middle.exp() * energies, labels)
        (slope,) = torch.autograd.grad(loss, middle)
        low, high = (low, middle.detach()) if slope > 0 else (middle.detach(), high)
    return float(((low + high) / 2).exp())
