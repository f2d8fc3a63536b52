"""Error by the number of images of one object whose energies are added.

The groups of images are the same for every number and every model: of each, the first n are added.
Classifiers add log-probabilities, that is, negated logits: no temperature changes which sum is
highest. Where their probabilities are added it does, so that is measured with and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from objrec.energy.model import EnergyModel
from objrec.energy.references import PlanarReferences
from objrec.energy.several import Shifted, ruled_out, searched
from objrec.errors import DataError
from objrec.evaluation.image_groups import checked_counts, choose_groups
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.run import Progress, load_chunk
from objrec.pose import AXES

COUNTS = (1, 2, 3, 5, 8)
GROUPS = 300
_AT_ONCE = 256  # images recognised at once

KNOWN, UNKNOWN = "relative poses known", "relative poses unknown"
LOGARITHMS, LIKELIHOODS = "log-probabilities added", "probabilities added"
CALIBRATED = "calibrated probabilities added"

Changed = Callable[[torch.Tensor, np.ndarray], torch.Tensor]
"""(uint8 images (B, V, C, S, S), their positions in the set (B,)) → images to show instead."""


def several_errors(
    recognizer: Any,
    dataset: Any,
    counts: Sequence[int] = COUNTS,
    groups: int = GROUPS,
    seed: int = 0,
    changed: Changed | None = None,
    *,
    chosen: np.ndarray | None = None,
    bootstrap: Bootstrap | None = None,
    on_progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure a recogniser that is shown several images of an object at once.

    Args:
        recognizer: A `Recognizer` of any kind.
        dataset: A `Dataset`; its categories are matched with the model's by name.
        counts: How many images.
        groups: How many groups of images to draw, see `choose_groups`.
        seed: Of the draw.
        changed: What to do to the images first, for example to hide a part of each.
        chosen: (G, n) positions in the set, in place of groups drawn here.
        bootstrap: How to make intervals, over objects.
        on_progress: Called with (images done, images in all).

    Returns:
        A row for each way to add: ``how``, ``counts``, and as many of ``error_rate`` and
        ``error_rate_ci``; ``groups`` and ``objects`` counted. Groups with an image that cannot be
        read are left out. An energy model adds energies with relative poses as labelled (not where
        no axis is labelled, or planar references would have to be turned) and with none; a
        classifier adds log-probabilities, probabilities, and, if it is calibrated, those.

    Raises:
        DataError: No object has so many images, or none can be read.
        SettingsError: A number is too small.
    """
    counts = checked_counts(counts)
    if chosen is None:
        chosen = choose_groups(dataset, counts[-1], groups, seed, recognizer.categories)
    asking = _Asking(recognizer, dataset, counts, chosen, changed)
    rows, scores = asking.scores(on_progress)
    labels = asking.labels[chosen[rows, 0]]
    objects = np.asarray(dataset.objects)[chosen[rows, 0]]
    draws = bootstrap or Bootstrap(seed=seed)
    return [
        {
            "how": how,
            "counts": list(counts),
            "groups": len(rows),
            "objects": len(np.unique(objects)),
            "error_rate": [float(w.mean()) for w in wrong],
            "error_rate_ci": [list(draws.interval(w, objects, labels)) for w in wrong],
        }
        for how, wrong in ((h, [s.argmin(1) != labels for s in t]) for h, t in scores.items())
    ]


def several(
    recognizers: Sequence[tuple[str, Any]],
    dataset: Any,
    counts: Sequence[int] = COUNTS,
    *,
    groups: int = GROUPS,
    bootstrap: Bootstrap | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure models that are shown the same groups of images.

    Args:
        recognizers: Names and recognisers; objects that not all know are passed over.
        dataset: A `Dataset`.
        counts: How many images.
        groups: How many groups of images to draw.
        bootstrap: How to make intervals, over objects.
        seed: Of the draw.
        on_progress: Called with (images done, images in all), over all models.

    Returns:
        ``counts``, ``groups`` drawn, and ``rows`` as `several_errors` says, each with the ``model``
        and its ``kind``.

    Raises:
        DataError: No object has so many images, or a model can read none.
        SettingsError: A number is too small.
    """
    counts = checked_counts(counts)
    shared = set.intersection(*(set(r.categories) for _, r in recognizers))
    chosen = choose_groups(dataset, counts[-1], groups, seed, sorted(shared))
    rows = []
    for number, (name, recognizer) in enumerate(recognizers):

        def progress(done: int, total: int, number: int = number) -> None:
            if on_progress:
                on_progress(number * total + done, len(recognizers) * total)

        found = several_errors(
            recognizer, dataset, counts, chosen=chosen, bootstrap=bootstrap, on_progress=progress
        )
        rows += [{"model": name, "kind": recognizer.kind, **row} for row in found]
    return {
        "counts": list(counts),
        "groups": len(chosen),
        "rows": [{k: v for k, v in row.items() if k != "counts"} for row in rows],
    }


@dataclass(frozen=True)
class _Asking:
    """Asks one model about groups of images.

    Attributes:
        recognizer: A `Recognizer`.
        dataset: A `Dataset`.
        counts: Ascending.
        chosen: (G, n) positions in the set.
        changed: What to do to the images first.
    """

    recognizer: Any
    dataset: Any
    counts: tuple[int, ...]
    chosen: np.ndarray
    changed: Changed | None

    @cached_property
    def labels(self) -> np.ndarray:
        """The category of every image of the set, as the model numbers them."""
        place = {name: i for i, name in enumerate(self.recognizer.categories)}
        return np.array([place.get(c, -1) for c in self.dataset.categories])[self.dataset.labels]

    def scores(
        self, on_progress: Progress | None
    ) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        """Return which groups could be read, and way → for each count (G, K), lowest best."""
        kept, parts = [], []
        step = max(1, _AT_ONCE // self.chosen.shape[1])
        for start in range(0, len(self.chosen), step):
            rows, images = self._loaded(np.arange(len(self.chosen))[start : start + step])
            if len(rows):
                kept.append(rows)
                parts.append(self._added(rows, images))
            if on_progress:
                done = min(start + step, len(self.chosen)) * self.chosen.shape[1]
                on_progress(done, self.chosen.size)
        if not kept:
            raise DataError(f"{self.dataset.root}: no group of images can be read; check the set")
        joined = {
            how: [np.concatenate([part[how][i] for part in parts]) for i in range(len(self.counts))]
            for how in parts[0]
        }
        return np.concatenate(kept), joined

    def _loaded(self, rows: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
        """Return the groups all of whose images can be read, and their images one by one."""
        size = self.chosen.shape[1]
        positions = self.chosen[rows].flatten()
        images, read, _ = load_chunk(self.dataset.subset(positions), self.recognizer.preprocessing)
        whole = np.isin(np.arange(len(positions)), read).reshape(-1, size).all(axis=1)
        wanted = np.isin(read // size, np.flatnonzero(whole))
        if not wanted.any():
            return rows[:0], torch.empty(0)
        images = images[torch.from_numpy(wanted)].to(self.recognizer.device)
        if self.changed is not None:
            images = self.changed(images, positions[read[wanted]])
        return rows[whole], images

    @torch.inference_mode()
    def _added(self, rows: np.ndarray, images: torch.Tensor) -> dict[str, list[np.ndarray]]:
        size, seen = self.chosen.shape[1], self.recognizer.see(images)
        each = seen.energies.per_category().unflatten(0, (-1, size))
        if not isinstance(self.recognizer.network, EnergyModel):
            return self._of_classifier(each)
        found = {}
        if self._shifts is not None:
            shifts = torch.from_numpy(self._shifts[rows]).flatten(0, 1)
            moved = self._shifted.energies(seen.features, seen.energies, shifts).values
            moved = moved.unflatten(0, (-1, size))
            within = searched(seen.energies.grid, shifts).unflatten(0, (-1, size))
            found[KNOWN] = [
                ruled_out(moved[:, :n].mean(1), within[:, :n].all(1)).amin(2).float().cpu().numpy()
                for n in self.counts
            ]
        return found | {UNKNOWN: self._for_each_count(each, lambda part: part.mean(1))}

    def _of_classifier(self, each: torch.Tensor) -> dict[str, list[np.ndarray]]:
        betas, calibration = {LIKELIHOODS: 1.0}, self.recognizer.calibration
        if calibration is not None:
            betas[CALIBRATED] = calibration.beta
        added = {
            how: self._for_each_count(torch.softmax(-beta * each, 2), lambda part: -part.mean(1))
            for how, beta in betas.items()
        }
        return {LOGARITHMS: self._for_each_count(each, lambda part: part.mean(1))} | added

    def _for_each_count(
        self, values: torch.Tensor, added: Callable[[torch.Tensor], torch.Tensor]
    ) -> list[np.ndarray]:
        return [added(values[:, :count]).float().cpu().numpy() for count in self.counts]

    @cached_property
    def _shifted(self) -> Shifted:
        return Shifted(self.recognizer.network)

    @cached_property
    def _shifts(self) -> np.ndarray | None:
        """(G, n, A): how far the pose of each image is from that of the first, as labelled."""
        if isinstance(self.recognizer.network.references, PlanarReferences):
            return None
        poses = np.asarray(self.dataset.poses, dtype=float)[self.chosen]
        shifts = poses - poses[:, :1]
        labelled = ~np.isnan(shifts).any(axis=(0, 1))
        used = labelled & np.isin(AXES, self.recognizer.axes)
        return np.where(used, shifts, 0.0) if used.any() else None
