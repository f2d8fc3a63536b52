"""The invariance sweep: error and pose of several models as images are changed step by step.

All models see the same images, changed alike, so their curves can be compared point by point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from objrec.datasets.frame import RELATIVE
from objrec.errors import DataError, SettingsError
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import best_offset
from objrec.evaluation.sweep.asking import Answers, Asking, Setting, settings_of
from objrec.evaluation.sweep.changes import CHANGES, Change
from objrec.evaluation.sweep.subset import even_subset
from objrec.pose import AXIS, INDEX

IMAGES = 300


def sweep(
    recognizers: Sequence[tuple[str, Any]],
    dataset: Any,
    *,
    images: int | None = IMAGES,
    bootstrap: Bootstrap | None = None,
    seed: int = 0,
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
    changes: Iterable[Change] = tuple(CHANGES.values()),
    exclude_pose: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Measure models on changed images.

    Changes act on the square image that a model takes. Images of categories that not every model
    knows, and those that cannot be read, are left out.

    Args:
        recognizers: Names and recognisers of any kinds; they may differ in the size of images.
        dataset: A `Dataset`; its categories are matched with the models' by name.
        images: How many of its images to take, see `even_subset`; None for all.
        bootstrap: How to make intervals.
        seed: Of the choice of images, and of what is random in the changes.
        batch_size: Images recognised at once.
        on_progress: Called with (images recognised, images to recognise), over all models and
            amounts, after every batch.
        changes: What to do to the images.
        exclude_pose: Further categories without a meaningful azimuth.

    Returns:
        ``images`` and ``objects`` counted, and ``changes``: rows of ``name``, ``title``, ``unit``,
        ``axis``, ``neutral``, ``amounts`` and ``models``. Each of these has a row of ``model``,
        ``kind`` and lists as long as ``amounts``:

        - ``error_rate``, ``error_rate_ci``: of the category; 'unknown' is right for background.
        - ``response``, ``response_ci``: the answered pose on ``axis`` minus that of the unchanged
          image, median over images, in the units of the amounts (scale: the ratio of the two).
          None for models that do not answer the axis.
        - ``azimuth_error_deg``: median error of the azimuth given the true category, without
          symmetric categories; where its zero is arbitrary (relative azimuths), after the offsets
          that suit the unchanged images best. None without azimuths.

    Raises:
        DataError: No image is of a category known to all, a model takes another number of cameras,
            or no image can be read.
        SettingsError: A number is too small.
    """
    if batch_size < 1 or (images is not None and images < 1):
        raise SettingsError("sweep: images and batch size must be at least 1; raise them")
    changes, bootstrap = tuple(changes), bootstrap or Bootstrap()
    background = {name for _, recognizer in recognizers for name in recognizer.background}
    known = _known_to_all(recognizers, dataset)
    chosen = even_subset(dataset, known, images, seed, background)
    each = len(chosen) * len(settings_of(changes))
    progress = _Progress(each * len(recognizers), on_progress)
    measured = []
    for number, (name, recognizer) in enumerate(recognizers, 1):
        asking = Asking(recognizer, dataset, changes, seed, batch_size, progress.add, exclude_pose)
        chosen, answers = asking.answers(chosen)  # of those chosen, the ones that can be read
        progress.add(number * each - progress.done)
        measured.append(_Measured(name, asking, chosen, answers, bootstrap))
    return {
        "images": len(chosen),
        "objects": len(np.unique(np.asarray(dataset.objects)[chosen])),
        "changes": [_facts(c) | {"models": [m.row(c) for m in measured]} for c in changes],
    }


def _facts(change: Change) -> dict[str, Any]:
    names = ("name", "title", "unit", "axis", "neutral")
    return {name: getattr(change, name) for name in names} | {"amounts": list(change.amounts)}


def _known_to_all(recognizers: Sequence[tuple[str, Any]], dataset: Any) -> np.ndarray:
    """Return the positions of images whose category every model knows; check the cameras."""
    known = np.ones(len(dataset.categories), dtype=bool)
    for name, recognizer in recognizers:
        preprocessing = recognizer.preprocessing
        if dataset.cameras != preprocessing.cameras:
            wrong = preprocessing.wrong_cameras(dataset.cameras)
            raise DataError(f"{dataset.root}: {wrong} (model {name})")
        names = (*recognizer.categories, *recognizer.background)
        known &= np.array([category in names for category in dataset.categories], dtype=bool)
    found = np.flatnonzero(known[dataset.labels])
    if not len(found):
        raise DataError(
            f"{dataset.root}: no image is of a category known to every model; categories are "
            "matched by name; leave out the models that know others"
        )
    return found


@dataclass
class _Progress:
    """Counts the images recognised."""

    total: int
    report: Callable[[int, int], None] | None
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        if self.report is not None and count:
            self.report(self.done, self.total)


@dataclass(frozen=True)
class _Measured:
    """One model's answers to the images at positions `indices`, (N,), in every setting."""

    name: str
    asking: Asking
    indices: np.ndarray
    answers: dict[Setting, Answers]
    bootstrap: Bootstrap

    def row(self, change: Change) -> dict[str, Any]:
        """Return the model's figures for one change."""
        settings = [None if a == change.neutral else (change, a) for a in change.amounts]
        found = [self.answers[setting] for setting in settings]
        return {
            "model": self.name,
            "kind": self.asking.recognizer.kind,
            "error_rate": [float(answers.wrong.mean()) for answers in found],
            "error_rate_ci": [
                list(self.bootstrap.interval(answers.wrong, self.objects, self.labels))
                for answers in found
            ],
            **self._responses(change.axis, found),
            "azimuth_error_deg": self._azimuth_errors(found),
        }

    @property
    def objects(self) -> np.ndarray:
        return np.asarray(self.asking.dataset.objects)[self.indices]

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(self.asking.dataset.labels)[self.indices]

    def _responses(self, axis: str | None, found: list[Answers]) -> dict[str, Any]:
        """Return how far the answered pose moved on an axis, against the unchanged images."""
        shown = self.asking.labels(self.indices) >= 0
        if axis not in self.asking.recognizer.axes or not shown.any():
            return {"response": None, "response_ci": None}
        unchanged = self.answers[None].poses[:, INDEX[axis]]
        medians, intervals = [], []
        for answers in found:
            moved = AXIS[axis].difference(answers.poses[:, INDEX[axis]], unchanged)[shown]
            objects, labels = self.objects[shown], self.labels[shown]
            medians.append(_in_units(axis, float(np.median(moved))))
            ends = median_interval(self.bootstrap, moved, objects, labels)
            intervals.append([_in_units(axis, end) for end in ends])
        return {"response": medians, "response_ci": intervals}

    def _azimuth_errors(self, found: list[Answers]) -> list[float] | None:
        true = self.asking.true_azimuths(self.indices)
        labelled = ~np.isnan(true)
        if not labelled.any():
            return None
        axis, dataset = AXIS["azimuth"], self.asking.dataset
        away = [axis.difference(answers.azimuths, true)[labelled] for answers in found]
        unchanged = axis.difference(self.answers[None].azimuths, true)[labelled]
        offsets = np.zeros(len(unchanged))
        if dataset.frame.kind("azimuth") == RELATIVE:
            offsets = _offsets(unchanged, self.objects[labelled])
        elif self.asking.recognizer.frame.kind("azimuth") == RELATIVE:
            offsets = _offsets(unchanged, self.labels[labelled])
        return [float(np.median(np.abs(axis.difference(d, offsets)))) for d in away]


def _in_units(axis: str, stored: float) -> float:
    return float(np.exp(stored)) if axis == "scale" else stored


def _offsets(differences: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the offset of each image, (N,): the one that suits the images of its group best."""
    offsets = np.empty(len(differences))
    for group in np.unique(groups):
        offsets[groups == group] = best_offset(differences[groups == group])
    return offsets


def median_interval(
    bootstrap: Bootstrap, values: np.ndarray, objects: np.ndarray, strata: np.ndarray
) -> tuple[float, float]:
    """Return the percentile interval of the median over images, by drawing objects again.

    Args:
        bootstrap: How many draws, their seed, and the level.
        values: (N,) numbers, one an image, at least one.
        objects: (N,) the object each image shows.
        strata: (N,) the category of each object, see `Bootstrap.interval`.
    """
    order = np.argsort(values)
    medians = np.empty(bootstrap.resamples)
    for part, times in bootstrap.draws(objects, strata).weights(order):
        medians[part] = _medians(values[order], times)
    low, high = bootstrap.percentiles(medians)
    return low, high


def _medians(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the median of ascending values (N,), each taken so many times, (draws, N)."""
    below = times.cumsum(axis=1)
    twice = 2 * below
    total = below[:, -1:]
    return (values[(twice < total).sum(axis=1)] + values[(twice <= total).sum(axis=1)]) / 2
