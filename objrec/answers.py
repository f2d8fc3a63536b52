"""Which answers are right: labels become right, forbidden and wrong parts of (category, pose).

One rule covers fully observed, partly observed, relative and latent pose (LeCun & Huang 2005: the
desired answer, the "forbidden sphere" around it, and the incorrect answers outside):

    right      the labelled category, at every grid pose that agrees with each observed axis
               within the tolerance; an axis that was not observed agrees with everything
    forbidden  the labelled category, at poses within a ring beyond that: neither pulled nor pushed
    wrong      everything else

Nothing here looks at energies; the losses do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from objrec.errors import SettingsError
from objrec.options import Settings, option
from objrec.pose import INDEX, PoseGrid


@dataclass(frozen=True)
class AnswerSettings(Settings):
    """How near a pose must be to its label to be right."""

    tolerance: float = option(
        0.5, "right poses lie within this many grid steps of the label", minimum=0.0, maximum=10.0
    )
    ring: float = option(
        1.0, "poses this many grid steps beyond are neither pulled nor pushed", minimum=0.0
    )

    def check(self) -> None:
        """Refuse a tolerance that would leave some labels without a right answer."""
        if self.tolerance < 0.5:
            raise SettingsError(
                f"settings: tolerance {self.tolerance} leaves labels between grid poses without a "
                "right answer; use 0.5 or more"
            )


@dataclass(frozen=True)
class Answers:
    """The parts of the answer space for each sample.

    Attributes:
        right: (B, K, P) bool, at least one per sample.
        forbidden: (B, K, P) bool, disjoint from `right`.
    """

    right: torch.Tensor
    forbidden: torch.Tensor

    @property
    def wrong(self) -> torch.Tensor:
        """(B, K, P) bool: neither right nor forbidden."""
        return ~(self.right | self.forbidden)

    def category_only(self) -> Answers:
        """Return the coarser question: the right category at any pose, against all others."""
        right = self.right.any(dim=2, keepdim=True).expand_as(self.right)
        return Answers(right, torch.zeros_like(right))

    def pose_only(self) -> Answers:
        """Return the finer question: the right poses against the wrong ones of their category."""
        others = ~self.right.any(dim=2, keepdim=True)
        return Answers(self.right, self.forbidden | others)


def answer_set(
    labels: torch.Tensor,
    poses: torch.Tensor,
    grid: PoseGrid,
    categories: int,
    settings: AnswerSettings | None = None,
) -> Answers:
    """Divide all answers into right, forbidden and wrong.

    Args:
        labels: (B,) category indices.
        poses: (B, A) stored units, NaN where not observed; axes the grid does not search are
            ignored.
        grid: The poses that are searched.
        categories: K.
        settings: Tolerance and ring in grid steps.

    Raises:
        ValueError: A label is not in [0, K).
    """
    settings = settings or AnswerSettings()
    # On a GPU the check would wait for the device in every step; `one_hot` checks there.
    on_cpu = labels.device.type == "cpu" and len(labels) > 0
    if on_cpu and not (int(labels.min()) >= 0 and int(labels.max()) < categories):
        raise ValueError(f"labels must lie in [0, {categories})")
    distance = grid_distance(poses, grid)
    agrees = distance <= settings.tolerance + _ROUNDING
    near = distance <= settings.tolerance + settings.ring + _ROUNDING
    is_category = torch.nn.functional.one_hot(labels, categories).bool()[:, :, None]
    right = is_category & agrees[:, None, :]
    return Answers(right, is_category & near[:, None, :] & ~right)


# A label half way between two grid values agrees with both, whatever float rounding says.
_ROUNDING = 1e-4


def grid_distance(poses: torch.Tensor, grid: PoseGrid) -> torch.Tensor:
    """Return (B, P): the largest distance over the observed axes, in grid steps.

    Args:
        poses: (B, A) stored units, NaN where not observed.
        grid: The poses to measure to.
    """
    per_axis = [_axis_distance(poses[:, INDEX[name]], grid, name) for name in grid.axes]
    distance = torch.zeros(len(poses), *grid.shape, device=poses.device)
    for i, steps in enumerate(per_axis):
        shape = [len(poses)] + [1] * len(grid.shape)
        shape[i + 1] = grid.shape[i]
        distance = torch.maximum(distance, steps.view(shape))
    return distance.reshape(len(poses), grid.size)


def _axis_distance(values: torch.Tensor, grid: PoseGrid, name: str) -> torch.Tensor:
    n = len(grid.space.values[name])
    position = grid.positions(name, values)[:, None]
    steps = (position - torch.arange(n, device=values.device)).abs()
    if grid.wraps(name):
        steps = torch.minimum(steps, n - steps)
    return torch.nan_to_num(steps, nan=0.0).float()
