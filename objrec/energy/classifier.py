"""The comparison partner: the same extractor under a softmax, with or without pose heads.

A softmax classifier is an energy model whose energies are its negated logits and whose pose space
has no axes. With pose heads it also classifies each axis over the grid values of a pose space,
whatever the category: the fair control for questions about pose.
"""

from __future__ import annotations

import torch
from torch import nn

from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.network import Network
from objrec.energy.settings import ModelSettings
from objrec.pose import AXES, INDEX, PoseSpace

HIDDEN = 128


class Classifier(Network):
    """Extractor → hidden layer → category logits (and one row of logits per pose axis).

    Arguments are those of `Network`: the heads answer the axes of the pose space, which is empty
    for a plain classifier; reference and distance settings are not used.
    """

    def build(self, settings: ModelSettings) -> None:
        """Make the hidden layer and the heads."""
        inputs = settings.channels * self.extractor.side**2
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(inputs),
            nn.ReLU(),
            nn.Linear(inputs, HIDDEN, bias=False),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(),
        )
        self.category_head = nn.Linear(HIDDEN, len(self.categories) + self.background)
        self.pose_heads = nn.ModuleDict(
            {name: nn.Linear(HIDDEN, len(values)) for name, values in self.space.values.items()}
        )

    def prepare(self) -> None:
        """Return None: nothing is shared between batches."""

    def logits(self, features: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return category logits (B, K), and logits (B, n) for each pose axis.

        With background, one more category logit, the last, says that nothing fits.
        """
        hidden = self.hidden(features)
        return self.category_head(hidden), {n: head(hidden) for n, head in self.pose_heads.items()}

    def energies(self, features: torch.Tensor, prepared: None = None) -> Energies:
        """Return the negated logits as energies over a single-pose grid, (B, K, 1)."""
        category, _ = self.logits(features)
        count = len(self.categories)
        nothing = -category[:, count] if self.background else None
        values = -category[:, :count, None]
        return Energies(values, self.categories, PoseSpace({}).grid(), nothing)

    def hypotheses(
        self, features: torch.Tensor, energies: Energies, count: int = 3, refined: bool = True
    ) -> Hypotheses:
        """Return categories by energy; all share the pose that the heads find most likely."""
        found = energies.hypotheses(count)
        pose = torch.zeros(len(features), len(AXES), device=features.device)
        heads = self.logits(features)[1] if self.axes else {}
        for name, logits in heads.items():
            values = torch.tensor(self.space.values[name], device=features.device)
            pose[:, INDEX[name]] = values[logits.argmax(dim=1)]
        pose = pose[:, None].expand(-1, found.energy.shape[1], -1)
        return Hypotheses(found.energy, found.category, pose, self.categories, self.axes)
