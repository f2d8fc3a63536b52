"""Baselines trained on the training split on request: what a model should be better than.

Nearest neighbour and a support vector machine see the pixels, prepared as for the recogniser;
retrieval sees the recogniser's features. The test split is used for nothing but answering.
Background is left out: a baseline cannot say that nothing is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from objrec.datasets.frame import RELATIVE
from objrec.errors import DataError, SettingsError
from objrec.evaluation.baselines.models import (
    Baseline,
    Views,
    fit_nearest,
    fit_retrieval,
    fit_svm,
    spread,
)
from objrec.evaluation.comparison import Candidate
from objrec.evaluation.groups import Outcomes
from objrec.evaluation.run import Progress
from objrec.preprocessing import Preprocessing, load_images

MOST_VIEWS = 25_000  # training views to learn from: all those of small NORB
MOST_BYTES = 2**30  # memory for their pixels
_CHUNK = 512  # test images in memory at once

BASELINES: dict[str, tuple[str, Callable[[Views, Any, int], Baseline]]] = {
    "nearest": ("nearest neighbour", fit_nearest),
    "svm": ("RBF SVM", fit_svm),
    "retrieval": ("retrieval", fit_retrieval),
}
"""Kind → what tables call it, and how it is fitted."""


@dataclass(frozen=True)
class _Steps:
    """Progress over several loops, of which this one begins after `start` images."""

    tell: Progress | None
    total: int
    start: int = 0

    def __call__(self, done: int, _: int = 0) -> None:
        if self.tell is not None:
            self.tell(self.start + done, self.total)


@dataclass
class _Answered:
    """What a baseline has answered so far."""

    labels: list[np.ndarray] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    seconds: float = 0.0


def run_baselines(
    recognizer: Any,
    train_set: Any,
    test_set: Any,
    names: Iterable[str] = tuple(BASELINES),
    *,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> list[Candidate]:
    """Fit baselines to the training views of the recogniser's categories; run them on a set.

    Of more than `MOST_VIEWS` views (or than fit into `MOST_BYTES`) that many are drawn, as evenly
    over the objects as can be, and a note says so.

    Args:
        recognizer: A `Recognizer`: its preprocessing, categories and features are used.
        train_set: The training split; categories are matched by name.
        test_set: What to answer; images of a category that the training views do not show, of
            background, or unreadable are passed over.
        names: Keys of `BASELINES`.
        seed: Seed of all that is drawn.
        on_progress: Called with (images done, images in all); first the training views are read,
            then, after a pause for fitting, images are answered.

    Raises:
        DataError: The sets share images, the training views show fewer than two of the
            categories, the cameras differ, or there is no image to answer.
        SettingsError: There is no baseline of a name.
    """
    names = _checked(names)
    if set(train_set.sources) & set(test_set.sources):
        raise DataError(
            f"{test_set.root}: baselines would learn the images that they are tested on; "
            "use a set with a training and a test split"
        )
    picked, notes = _picked(recognizer, train_set, seed)
    known = _shown(recognizer, train_set, picked)
    asked = _of_categories(test_set, known)
    steps = _Steps(on_progress, len(picked) + len(asked))
    views = _views(train_set.subset(picked), known, recognizer.preprocessing, steps)
    fitted = {name: BASELINES[name][1](views, recognizer, seed) for name in names}
    after = replace(steps, start=len(picked))
    kept, answers = _run(fitted, test_set, asked, recognizer.preprocessing, after)
    relative = RELATIVE in [part.frame.kind("azimuth") for part in (train_set, test_set)]
    return [
        Candidate(
            model=BASELINES[name][0],
            kind=name,
            outcomes=_outcomes(known, test_set, kept, answers[name]),
            sources=[test_set.sources[i] for i in kept],
            images_per_second=len(kept) / max(answers[name].seconds, 1e-9),
            azimuths=not relative,
            # What is true of all of them is said once.
            notes=(*(notes if name == names[0] else ()), *fitted[name].notes),
        )
        for name in names
    ]


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in BASELINES:
            raise SettingsError(
                f"baselines: there is none called '{name}'; choose {' or '.join(BASELINES)}"
            )
    return names


def _of_categories(dataset: Any, names: Iterable[str]) -> np.ndarray:
    """Return the images of some categories that are no background."""
    wanted = set(names) - set(dataset.background)
    mask = np.array([name in wanted for name in dataset.categories], dtype=bool)
    return np.flatnonzero(mask[dataset.labels])


def _picked(recognizer: Any, train_set: Any, seed: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the views to learn from, and a note if they are not all."""
    usable = _of_categories(train_set, recognizer.categories)
    settings: Preprocessing = recognizer.preprocessing
    size = settings.cameras * settings.channels * settings.size**2
    objects = np.asarray(train_set.objects)[usable]
    most = min(MOST_VIEWS, max(1, MOST_BYTES // size))
    picked = usable[spread(objects, most, np.random.default_rng(seed))]
    if len(picked) == len(usable):
        return picked, ()
    return picked, (
        f"The baselines learned from {len(picked)} of {len(usable)} training views, drawn evenly "
        f"over the objects (seed {seed}).",
    )


def _shown(recognizer: Any, train_set: Any, picked: np.ndarray) -> tuple[str, ...]:
    """Return the categories that the training views show, in the recogniser's order."""
    present = {train_set.categories[label] for label in np.unique(train_set.labels[picked])}
    if len(present) < 2:
        raise DataError(
            f"{train_set.root}: its training images show {len(present)} of the model's categories; "
            "baselines need two at least to choose from"
        )
    return tuple(name for name in recognizer.categories if name in present)


def _views(
    part: Any, known: tuple[str, ...], settings: Preprocessing, on_progress: Progress
) -> Views:
    batch, _ = load_images(part, settings, on_progress)
    kept = batch.index.numpy()
    return Views(
        images=batch.images,
        labels=_labels(known, part, kept),
        poses=np.asarray(part.poses, dtype=float)[kept],
        objects=np.asarray(part.objects)[kept],
    )


def _labels(known: tuple[str, ...], dataset: Any, kept: np.ndarray) -> np.ndarray:
    """Return labels that index `known`, matched by name."""
    place = np.array([known.index(n) if n in known else -1 for n in dataset.categories])
    return place[dataset.labels[kept]]


def _run(
    fitted: dict[str, Baseline],
    test_set: Any,
    asked: np.ndarray,
    settings: Preprocessing,
    on_progress: _Steps,
) -> tuple[np.ndarray, dict[str, _Answered]]:
    """Let every baseline answer the images; each is read once.

    Returns:
        The images that could be read, and the answers of each baseline to them.
    """
    answers = {name: _Answered() for name in fitted}
    kept: list[np.ndarray] = []
    for start in range(0, len(asked), _CHUNK):
        part = asked[start : start + _CHUNK]
        try:
            batch, _ = load_images(test_set.subset(part), settings)
        except DataError:
            if test_set.cameras != settings.cameras:
                raise
            continue  # none of this chunk can be read
        kept.append(part[batch.index.numpy()])
        for name, baseline in fitted.items():
            _answer(baseline, batch.images, answers[name])
        on_progress(start + len(part))
    if not kept:
        raise DataError(f"{test_set.root}: there is no image that the baselines could answer")
    return np.concatenate(kept), answers


def _answer(baseline: Baseline, images: torch.Tensor, answered: _Answered) -> None:
    began = time.perf_counter()
    labels, poses = baseline.answer(images)
    answered.seconds += time.perf_counter() - began
    answered.labels.append(labels)
    answered.poses.append(poses)


def _outcomes(
    known: tuple[str, ...], test_set: Any, kept: np.ndarray, answered: _Answered
) -> Outcomes:
    poses = np.concatenate(answered.poses)
    factors = {name: np.asarray(v)[kept] for name, v in test_set.factors.items()}
    factors.pop("instance", None)
    return Outcomes(
        categories=known,
        labels=_labels(known, test_set, kept),
        predicted=np.concatenate(answered.labels),
        poses=poses,
        given=np.full_like(poses, np.nan),
        true_poses=np.asarray(test_set.poses, dtype=float)[kept],
        objects=np.asarray(test_set.objects)[kept],
        factors=factors,
    )
