"""What a training step minimises: the energy model's losses, or the classifiers' cross-entropies.

Both take a batch and return a loss per image and the predicted category, so that one loop trains
either under the same budget.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn.functional import cross_entropy

from objrec.answers import AnswerSettings, answer_set
from objrec.energy.classifier import Classifier
from objrec.energy.model import EnergyModel
from objrec.losses import LossSettings, loss_terms
from objrec.pose import INDEX
from objrec.warping import Operators


@dataclass(frozen=True)
class StepResult:
    """What one step computed.

    Attributes:
        terms: Name → (B,), differentiable; the loss is their sum.
        predicted: (B,) category indices.
        maps: The warped references (K, M, P, C, h, w), for `collapse_indicators`; None for a
            classifier.
    """

    terms: dict[str, torch.Tensor]
    predicted: torch.Tensor
    maps: torch.Tensor | None


class EnergyObjective:
    """The total loss of `losses` over the answer sets of `answers`."""

    def __init__(
        self, model: EnergyModel, loss: LossSettings, answers: AnswerSettings, operators: Operators
    ) -> None:
        self.model, self.loss, self.answers, self.operators = model, loss, answers, operators

    def __call__(
        self, features: torch.Tensor, labels: torch.Tensor, poses: torch.Tensor
    ) -> StepResult:
        """Compute the loss of one batch.

        Args:
            features: (B, C, h, w).
            labels: (B,).
            poses: (B, A) stored units, NaN where not observed.
        """
        warped = self.model.warp(self.operators)
        # Under mixed precision the warps' products were in half precision, what follows is not.
        warped = replace(warped, maps=warped.maps.to(features.dtype))
        energies = self.model.energies(features, warped)
        values, lowest = energies.values, energies.per_category()
        if energies.nothing is not None:
            values = with_nothing(values, energies.nothing)
            lowest = torch.cat([lowest, energies.nothing[:, None]], dim=1)
        answers = answer_set(labels, poses, energies.grid, values.shape[1], self.answers)
        terms = loss_terms(values, answers, self.loss)
        return StepResult(terms, lowest.argmin(dim=1), warped.maps)


# Energy of the poses that "nothing fits" does not have; exp(-this) is 0 in every precision.
_NO_ANSWER = 1e4


def with_nothing(values: torch.Tensor, nothing: torch.Tensor) -> torch.Tensor:
    """Add the answer "nothing fits" as one more category, with a single pose.

    Args:
        values: (B, K, P).
        nothing: (B,) its energy.

    Returns:
        (B, K + 1, P): its free energy over poses, like its minimum, is `nothing`.
    """
    column = torch.full_like(values[:, :1], _NO_ANSWER)
    column[:, 0, 0] = nothing
    return torch.cat([values, column], dim=1)


class ClassifierObjective:
    """Cross-entropy of the category, plus that of each pose axis where it was observed."""

    def __init__(self, model: Classifier) -> None:
        self.model = model
        self.grid = model.space.grid()

    def __call__(
        self, features: torch.Tensor, labels: torch.Tensor, poses: torch.Tensor
    ) -> StepResult:
        """Compute the loss of one batch; arguments as for `EnergyObjective`."""
        logits, heads = self.model.logits(features)
        logits = logits.float()
        terms = {"category": cross_entropy(logits, labels, reduction="none")}
        for name, axis_logits in heads.items():
            values = poses[:, INDEX[name]]
            observed = ~values.isnan()
            target = self.grid.nearest(name, torch.nan_to_num(values))
            loss = cross_entropy(axis_logits.float(), target, reduction="none")
            terms[name] = torch.where(observed, loss, torch.zeros_like(loss))
        return StepResult(terms, logits.argmax(dim=1), None)


@torch.no_grad()
def collapse_indicators(features: torch.Tensor, maps: torch.Tensor | None) -> tuple[float, float]:
    """Return how far a model is from collapse.

    Args:
        features: (B, C, h, w).
        maps: (K, M, P, C, h, w) warped references; None for classifiers.

    Returns:
        The smallest squared distance between two categories' maps at the same pose, relative to
        their mean squared norm (0: references have merged; 0 for classifiers), and the variance
        of G over the batch.
    """
    variance = float(features.var(dim=0).mean())
    if maps is None or len(maps) < 2:
        return 0.0, variance
    apart = reference_distances(maps)
    others = apart + torch.diag(torch.full_like(apart[0], torch.inf))
    return float(others.min()), variance


@torch.no_grad()
def reference_distances(maps: torch.Tensor) -> torch.Tensor:
    """Return how far the categories' references are from each other.

    Args:
        maps: (K, M, P, C, h, w) warped references; each category's first is compared, at up to
            about 16 of the poses.

    Returns:
        (K, K): the squared distance between two categories' maps at the same pose, mean over
        poses, relative to the mean squared norm: 0 for equal maps, 2 for unrelated ones.
    """
    sample = maps[:, 0, :: max(1, maps.shape[2] // 16)].flatten(2).transpose(0, 1)
    squared = torch.cdist(sample, sample).square().mean(0)
    return squared / sample.square().sum(-1).mean().clamp(min=1e-12)
