"""Azimuth labels that are right only up to one unknown offset per object.

The offset is one more latent variable, shared by all images of an object. Before there is a model,
the objects of a category are turned to one another by their images alone
(`objrec.datasets.alignment`). Once the model has learned something, an offset is the one that
minimises the sum of the energies of its object's images at the shifted labels, and estimates and
weights take turns, epoch by epoch.

Convention: a mirror image of a view labelled a is labelled -a, and belongs to a mirrored object
with an offset of its own. So nobody needs to know where an object's front is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch

from objrec.answers import AnswerSettings, answer_set
from objrec.datasets.alignment import align_objects
from objrec.energy.energies import Energies
from objrec.energy.minima import parabola_vertex
from objrec.energy.model import EnergyModel
from objrec.mirroring import mirrored_images
from objrec.pose import INDEX
from objrec.training.data import TrainingData

AZIMUTH = INDEX["azimuth"]
# An offset rests on at most so many views of its object, spread over all that are labelled.
MOST_VIEWS = 96
_BATCH = 256


@dataclass
class RelativeAzimuth:
    """The offsets of all objects of a training set.

    It begins with offsets found in the images.

    Attributes:
        data: The set.
        model: Its extractor's stem must not be in training.
        answers: The tolerance that decides which grid poses a shifted label agrees with.
        offsets: (2, objects) degrees to add to the labels; the second row is that of mirror
            images. NaN for objects without azimuth labels.
    """

    data: TrainingData
    model: EnergyModel
    answers: AnswerSettings

    def __post_init__(self) -> None:
        count = len(self.data.object_names)
        self.offsets = torch.full((2, count), torch.nan, device=self.data.device)
        for label in range(len(self.data.categories)):
            self._align(label)

    def applied(
        self, poses: torch.Tensor, index: torch.Tensor, mirrored: torch.Tensor
    ) -> torch.Tensor:
        """Return poses (B, A) with the current estimates as azimuth.

        Args:
            poses: (B, A), as augmented.
            index: (B,) which images they are.
            mirrored: (B,) bool, which of them are mirror images.
        """
        poses = poses.clone()
        labels = self.data.poses[index, AZIMUTH]
        offsets = self.offsets[mirrored.long(), self.data.objects[index]]
        poses[:, AZIMUTH] = (torch.where(mirrored, -labels, labels) + offsets) % 360
        return poses

    @torch.no_grad()
    def estimate(self, model: EnergyModel | None = None) -> None:
        """Set every offset to the one of lowest summed energy.

        Candidates are half a grid step apart; a parabola through the best and its neighbours
        goes between them. Where no azimuth is labelled there is nothing to estimate.

        Args:
            model: In evaluation mode, with the stem of this one's; this one if left out.
        """
        if not self._batches:
            return
        model = model or self.model
        warped = model.prepare()
        count = max(36, 2 * len(model.space.values["azimuth"]))
        candidates = 360.0 / count * torch.arange(count, device=self.data.device)
        for mirror in (False, True):
            totals = torch.zeros(self.offsets.shape[1], count, device=self.data.device)
            for index, inputs in zip(self._batches, self._inputs(mirror), strict=True):
                energies = model.energies(model.extractor.head(inputs), warped)
                for j, offset in enumerate(candidates):
                    poses = self.data.poses[index].clone()
                    labels = -poses[:, AZIMUTH] if mirror else poses[:, AZIMUTH]
                    poses[:, AZIMUTH] = (labels + offset) % 360
                    lowest = self._lowest(energies, index, poses)
                    totals[:, j].index_add_(0, self.data.objects[index], lowest)
            self.offsets[int(mirror)] = self._minimiser(totals, candidates)

    def _align(self, label: int) -> None:
        """Set the offsets of a category's objects, and of their mirror images, by looks alone."""
        usable = (self.data.labels == label) & ~self.data.poses[:, AZIMUTH].isnan()
        index = usable.nonzero()[:, 0]
        if not len(index):
            return
        images, poses = self.data.images_at(index).cpu(), self.data.poses[index].cpu()
        objects, count = self.data.objects[index].cpu(), self.offsets.shape[1]
        turned = poses.clone()
        turned[:, AZIMUTH] = -poses[:, AZIMUTH]
        found = align_objects(
            torch.cat([images, mirrored_images(images)]),
            torch.cat([poses, turned]),
            torch.cat([objects, objects + count]),
        )
        for number, offset in found.items():
            self.offsets[number // count, number % count] = offset

    def by_object(self) -> dict[str, float]:
        """Return the offset of each object by its name; objects without labels are left out."""
        values = self.offsets[0].tolist()
        named = zip(self.data.object_names, values, strict=True)
        return {name: round(value, 2) for name, value in named if value == value}

    def _lowest(self, energies: Energies, index: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
        """Return (B,): the lowest energy among the answers that agree with the poses."""
        categories = len(energies.categories)
        labels = self.data.labels[index]
        right = answer_set(labels, poses, energies.grid, categories, self.answers).right
        return energies.values.masked_fill(~right, torch.inf).flatten(1).amin(1)

    def _minimiser(self, totals: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        count = len(candidates)
        best = totals.argmin(dim=1, keepdim=True)
        around = [totals.gather(1, (best + d) % count)[:, 0] for d in (-1, 0, 1)]
        offsets = candidates[best[:, 0]] + 360.0 / count * parabola_vertex(*around)
        known = torch.zeros(len(totals), dtype=torch.bool, device=totals.device)
        known[self.data.objects[torch.cat(self._batches)]] = True
        return torch.where(known, offsets % 360, torch.full_like(offsets, torch.nan))

    @cached_property
    def _batches(self) -> list[torch.Tensor]:
        """The images that estimates rest on: labelled, of a category, a number of each object."""
        usable = ~self.data.poses[:, AZIMUTH].isnan()
        usable &= self.data.labels < len(self.data.categories)
        chosen = []
        for number in self.data.objects[usable].unique():
            views = (usable & (self.data.objects == number)).nonzero()[:, 0]
            spread = torch.linspace(0, len(views) - 1, min(len(views), MOST_VIEWS))
            chosen.append(views[spread.round().long().to(views.device)])
        return list(torch.cat(chosen).split(_BATCH)) if chosen else []

    def _inputs(self, mirror: bool) -> Iterable[torch.Tensor]:
        """Return what the extractor's head takes of these images.

        A frozen stem is run once, and its output kept: it is the slow part, and never changes.
        """
        if not self.model.extractor.frozen:
            return (self._stem_output(index, mirror) for index in self._batches)
        return self._frozen[int(mirror)]

    @cached_property
    def _frozen(self) -> list[list[torch.Tensor]]:
        return [
            [self._stem_output(index, mirror).half().float() for index in self._batches]
            for mirror in (False, True)
        ]

    def _stem_output(self, index: torch.Tensor, mirror: bool) -> torch.Tensor:
        images = self.data.images_at(index)
        images = mirrored_images(images) if mirror else images
        return self.model.extractor.stem(self.data.preprocessing.normalised(images))
