"""Azimuth labels that are right only up to one unknown offset per object.

The offset is one more latent variable, shared by all images of an object: it is the one that
minimises the sum of their energies at the shifted labels. Before the first estimate the azimuth
is treated as latent; then estimates and weights take turns, epoch by epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from objrec.answers import AnswerSettings, answer_set
from objrec.energy.minima import parabola_vertex
from objrec.energy.model import EnergyModel
from objrec.pose import INDEX
from objrec.training.data import TrainingData

AZIMUTH = INDEX["azimuth"]


@dataclass
class RelativeAzimuth:
    """The offsets of all objects of a training set.

    Attributes:
        labels: (N,) azimuth as labelled, degrees.
        objects: (N,) object numbers.
        offsets: (objects,) degrees to add to the labels; NaN before the first estimate.
    """

    labels: torch.Tensor
    objects: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def of(cls, data: TrainingData) -> RelativeAzimuth:
        """Start with every offset unknown."""
        count = int(data.objects.max()) + 1
        unknown = torch.full((count,), torch.nan, device=data.poses.device)
        return cls(data.poses[:, AZIMUTH].clone(), data.objects, unknown)

    def applied(self, poses: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return poses (B, A) of the images `index` with the current estimates as azimuth."""
        poses = poses.clone()
        poses[:, AZIMUTH] = (self.labels[index] + self.offsets[self.objects[index]]) % 360
        return poses

    @torch.no_grad()
    def estimate(
        self, model: EnergyModel, data: TrainingData, answers: AnswerSettings, batch_size: int = 256
    ) -> None:
        """Set every offset to the one of lowest summed energy.

        Candidates are half a grid step apart; a parabola through the best and its neighbours
        goes between them. Objects without any azimuth label keep an unknown offset.

        Args:
            model: In evaluation mode.
            data: The set the labels belong to.
            answers: The tolerance that decides which grid poses a shifted label agrees with.
            batch_size: Images at once.
        """
        warped = model.prepare()
        count = max(36, 2 * len(model.space.values["azimuth"]))
        step = 360.0 / count
        candidates = step * torch.arange(count, device=data.device)
        total = torch.zeros(len(self.offsets), len(candidates), device=candidates.device)
        labelled = (~self.labels.isnan()).nonzero()[:, 0]
        for index in labelled.split(batch_size):
            images = data.preprocessing.normalised(data.images_at(index))
            energies = model.energies(model.extractor(images), warped)
            for j, offset in enumerate(candidates):
                poses = data.poses[index].clone()
                poses[:, AZIMUTH] = (self.labels[index] + offset) % 360
                right = answer_set(
                    data.labels[index], poses, energies.grid, len(model.categories), answers
                ).right
                lowest = energies.values.masked_fill(~right, torch.inf).flatten(1).amin(1)
                total[:, j].index_add_(0, self.objects[index], lowest)
        best = total.argmin(dim=1, keepdim=True)
        around = [total.gather(1, (best + d) % len(candidates))[:, 0] for d in (-1, 0, 1)]
        offsets = candidates[best[:, 0]] + step * parabola_vertex(*around)
        known = torch.zeros(len(self.offsets), dtype=torch.bool, device=offsets.device)
        known[self.objects[labelled]] = True
        self.offsets = torch.where(known, offsets % 360, torch.full_like(offsets, torch.nan))
