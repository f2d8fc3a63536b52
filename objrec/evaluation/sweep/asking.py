"""What one model answers to the same images, unchanged and after every change and amount.

Every image is read once, and memory is bounded: a chunk of images is held, and of the answers a few
numbers each. Nothing is measured here; `sweep` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from objrec.errors import DataError
from objrec.evaluation.sweep.changes import Change
from objrec.pose import INDEX
from objrec.preprocessing import load_images

_CHUNK = 256  # images held in memory at once

Setting = tuple[Change, float] | None
"""A change and an amount that is not its neutral one; None: the unchanged images."""


def settings_of(changes: Iterable[Change]) -> list[Setting]:
    """Return the unchanged images, which all changes share, and every change at every amount."""
    return [None, *((c, a) for c in changes for a in c.amounts if a != c.neutral)]


class Answers(NamedTuple):
    """What a model said in one setting.

    Attributes:
        wrong: (N,) bool, the category.
        poses: (N, A) answered, stored units, NaN where not answered; background has none.
        azimuths: (N,) given the true category; NaN where none is labelled or answered.
    """

    wrong: np.ndarray
    poses: np.ndarray
    azimuths: np.ndarray


@dataclass(frozen=True)
class Asking:
    """Asks one model about the images of a set.

    Attributes:
        recognizer: A `Recognizer`.
        dataset: A `Dataset`.
        changes: What to do to its images.
        seed: From which, and its position in the set, each image has its own.
        batch_size: Images recognised at once.
        on_recognised: Called with the number of images after every batch.
        excluded: Further categories without a meaningful azimuth.
    """

    recognizer: Any
    dataset: Any
    changes: tuple[Change, ...]
    seed: int
    batch_size: int
    on_recognised: Callable[[int], None]
    excluded: tuple[str, ...] = ()

    def answers(self, chosen: np.ndarray) -> tuple[np.ndarray, dict[Setting, Answers]]:
        """Recognise the images at these positions.

        Returns:
            The positions of those that could be read, (N,), and setting → answers.

        Raises:
            DataError: None of them can be read.
        """
        read: list[np.ndarray] = []
        parts: dict[Setting, list[Answers]] = {s: [] for s in settings_of(self.changes)}
        for start in range(0, len(chosen), _CHUNK):
            images, indices = self._loaded(chosen[start : start + _CHUNK])
            for first in range(0, len(indices), self.batch_size):
                batch = slice(first, first + self.batch_size)
                read.append(indices[batch])
                shown = images[batch].to(self.recognizer.device)
                for setting, collected in parts.items():
                    collected.append(self._answer(shown, indices[batch], setting))
                    self.on_recognised(len(shown))
        if not read:
            raise DataError(
                f"{self.dataset.root}: none of the {len(chosen)} images chosen can be read; "
                "check the set"
            )
        joined = {s: Answers(*map(np.concatenate, zip(*p, strict=True))) for s, p in parts.items()}
        return np.concatenate(read), joined

    def labels(self, indices: np.ndarray) -> np.ndarray:
        """Return the true categories as the model numbers them, (N,); -1 for background."""
        places = [self._place.get(name, -1) for name in self.dataset.categories]
        return np.array(places)[self.dataset.labels[indices]]

    def true_azimuths(self, indices: np.ndarray) -> np.ndarray:
        """Return the azimuths by which the model can be judged, (N,); NaN where there is none.

        Symmetric categories and background have none, nor has a model that answers no azimuth.
        """
        dataset, recognizer = self.dataset, self.recognizer
        symmetric = (*dataset.frame.symmetric, *recognizer.frame.symmetric, *self.excluded)
        skipped = (*symmetric, *recognizer.background)
        names = np.array(dataset.categories)[dataset.labels[indices]]
        judged = ~np.isin(names, skipped) & ("azimuth" in recognizer.axes)
        return np.where(judged, dataset.poses[indices, INDEX["azimuth"]], np.nan)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.recognizer.categories)}

    def _loaded(self, part: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Return the images of a chunk that can be read, and their positions."""
        try:
            batch, _ = load_images(self.dataset.subset(part), self.recognizer.preprocessing)
        except DataError:  # there is none in this chunk
            return torch.empty(0), part[:0]
        return batch.images, part[batch.index.numpy()]

    def _answer(self, images: torch.Tensor, indices: np.ndarray, setting: Setting) -> Answers:
        recognizer, labels = self.recognizer, self.labels(indices)
        if setting is not None:
            change, amount = setting
            seeds = (indices + self.seed * len(self.dataset)).tolist()
            images = change.changed(images, amount, seeds)
        seen = recognizer.see(images)
        found = recognizer.recognitions(seen, refine=self._responds(setting), hypotheses=1)
        # 'Unknown' is the right answer to background, if the model was taught any.
        said = [
            -1 if recognizer.background and r.unknown else self._place[r.category] for r in found
        ]
        poses = np.stack([r.pose.to_vector() for r in found])
        poses[labels < 0] = np.nan
        return Answers(labels != np.array(said), poses, self._azimuths(seen, labels, indices))

    def _responds(self, setting: Setting) -> bool:
        """Whether answered poses are measured in this setting, and are to leave the grid."""
        moved = (c.axis for c in self.changes) if setting is None else (setting[0].axis,)
        return any(axis in self.recognizer.axes for axis in moved)

    def _azimuths(self, seen: Any, labels: np.ndarray, indices: np.ndarray) -> np.ndarray:
        unlabelled = np.isnan(self.true_azimuths(indices))
        if unlabelled.all():
            return np.full(len(labels), np.nan)
        poses = self.recognizer.poses(seen, torch.from_numpy(labels.clip(0)))
        azimuths = poses[:, INDEX["azimuth"]].cpu().numpy().astype(float)
        return np.where(unlabelled, np.nan, azimuths)
