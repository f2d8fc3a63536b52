"""Run a recogniser over a data set in chunks of bounded memory, and time it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from objrec.errors import DataError, Failure
from objrec.evaluation.groups import Outcomes
from objrec.pose import Pose
from objrec.preprocessing import Preprocessing, load_images

Progress = Callable[[int, int], None]
_CHUNK = 512  # images held in memory at once


class Answer(NamedTuple):
    """What is kept of a `Recognition`: the other hypotheses would fill the memory."""

    category: str
    pose: Pose
    energy: float
    probability: float
    unknown: bool | None


@dataclass(frozen=True)
class Run:
    """The answers to every image that could be read, in the order of the set.

    Attributes:
        outcomes: The answers as arrays, beside the truth.
        energies: (N, K) lowest energy of each category, in the model's order.
        answers: The same one by one, with the energy of each.
        indices: (N,) the position of each image in the set.
        sources: The file each image came from.
        failures: What could not be read.
        notes: Sentences about what was left out.
        seconds: Reading, preprocessing and recognition.
        recognition_seconds: Recognition alone.
    """

    outcomes: Outcomes
    energies: np.ndarray
    answers: list[Answer]
    indices: np.ndarray
    sources: list[str]
    failures: list[Failure]
    notes: list[str]
    seconds: float
    recognition_seconds: float

    @property
    def images(self) -> int:
        """Number of images recognised."""
        return len(self.answers)


@dataclass
class _Collected:
    """What a run collects on its way."""

    indices: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    energies: list[np.ndarray] = field(default_factory=list)
    given: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    recognition_seconds: float = 0.0


def run(
    recognizer: Any, dataset: Any, batch_size: int = 64, on_progress: Progress | None = None
) -> Run:
    """Recognise every image of a known category.

    Args:
        recognizer: A `Recognizer`.
        dataset: A `Dataset`; its categories are matched with the model's by name.
        batch_size: Images recognised at once.
        on_progress: Called with (images done, images in all).

    Raises:
        DataError: No image is of a known category, the cameras differ, or no image can be read.
    """
    indices, notes = _usable(recognizer, dataset)
    answered = _answered(recognizer, dataset, indices, batch_size, on_progress)
    failures = list({str(f): f for f in (*dataset.failures, *answered.failures)}.values())
    if not answered.answers:
        raise DataError(f"{dataset.root}: {_unread(failures)}")
    kept = np.array(answered.indices)
    return Run(
        outcomes=_outcomes(recognizer, dataset, kept, answered),
        energies=np.concatenate(answered.energies),
        answers=answered.answers,
        indices=kept,
        sources=[dataset.sources[i] for i in kept],
        failures=failures,
        notes=notes,
        seconds=answered.seconds,
        recognition_seconds=answered.recognition_seconds,
    )


def _usable(recognizer: Any, dataset: Any) -> tuple[np.ndarray, list[str]]:
    """Return the images whose category the model knows, and a note on the others.

    Raises:
        DataError: There are none, or they have another number of cameras than the model takes.
    """
    preprocessing = recognizer.preprocessing
    if dataset.cameras != preprocessing.cameras:
        raise DataError(f"{dataset.root}: {preprocessing.wrong_cameras(dataset.cameras)}")
    names = (*recognizer.categories, *recognizer.background)
    known = np.array([name in names for name in dataset.categories], dtype=bool)
    usable = known[dataset.labels]
    if not usable.any():
        ours, theirs = ", ".join(dataset.categories), ", ".join(recognizer.categories)
        raise DataError(
            f"{dataset.root}: no image is of a category known to the model; the set has "
            f"{ours or 'none'}, the model {theirs}; categories are matched by name"
        )
    if usable.all():
        return np.arange(len(usable)), []
    names = ", ".join(dataset.categories[i] for i in np.unique(dataset.labels[~usable]))
    left = int((~usable).sum())
    note = f"{left} images of categories the model does not know were left out: {names}."
    return np.flatnonzero(usable), [note]


def _answered(
    recognizer: Any,
    dataset: Any,
    indices: np.ndarray,
    batch_size: int,
    on_progress: Progress | None,
) -> _Collected:
    collected = _Collected()
    place = {name: i for i, name in enumerate(recognizer.categories)}
    places = np.array([place.get(name, -1) for name in dataset.categories])
    chunk = max(batch_size, _CHUNK // batch_size * batch_size)
    for start in range(0, len(indices), chunk):
        part = indices[start : start + chunk]
        began = time.perf_counter()
        images, read, failures = load_chunk(dataset.subset(part), recognizer.preprocessing)
        collected.seconds += time.perf_counter() - began
        collected.failures += failures
        if len(images) and not collected.indices:
            # Once and untimed: the first call builds what all later ones share.
            recognizer.recognitions(recognizer.see(images[:1]), hypotheses=1)
        collected.indices += part[read].tolist()
        labels = places[dataset.labels[part[read]]]
        for first in range(0, len(images), batch_size):
            batch = slice(first, first + batch_size)
            _recognise(recognizer, images[batch], labels[batch], collected)
            if on_progress:
                on_progress(min(start + first + batch_size, len(indices)), len(indices))
        if on_progress:
            on_progress(start + len(part), len(indices))
    return collected


def load_chunk(part: Any, preprocessing: Preprocessing) -> tuple[Any, np.ndarray, list[Failure]]:
    """Read a chunk; one in which no image can be read must not stop the run as a set would.

    Returns:
        The images, their places in the chunk, and failures for the rest.
    """
    try:
        batch, failures = load_images(part, preprocessing)
    except DataError:
        return (), np.arange(0), [_failure(part, i, preprocessing) for i in range(len(part))]
    return batch.images, batch.index.numpy(), list(failures)


def _failure(part: Any, index: int, preprocessing: Preprocessing) -> Failure:
    source = part.sources[index]
    try:
        preprocessing.images(part[index].images)
    except DataError as error:
        return Failure.of(source, error)
    return Failure(source, "could not be read the first time; evaluate again")


def _recognise(recognizer: Any, images: Any, labels: np.ndarray, collected: _Collected) -> None:
    """Recognise a batch, and ask for the poses given its true categories (-1: background)."""
    began = time.perf_counter()
    seen = recognizer.see(images)
    found = recognizer.recognitions(seen, hypotheses=1)
    took = time.perf_counter() - began
    collected.recognition_seconds += took
    collected.seconds += took
    collected.answers += [
        Answer(r.category, r.pose, r.energy, r.probabilities[r.category], r.unknown) for r in found
    ]
    collected.energies.append(np.array([list(r.energies.values()) for r in found]))
    # Not timed: nobody knows the true category of what is to be recognised.
    given = recognizer.poses(seen, torch.from_numpy(labels.clip(0))).cpu().numpy().astype(float)
    given[labels < 0] = np.nan
    collected.given.append(given)


def _unread(failures: list[Failure]) -> str:
    return f"none of its {len(failures)} images could be read; the first is {failures[0]}"


def _outcomes(recognizer: Any, dataset: Any, kept: np.ndarray, collected: _Collected) -> Outcomes:
    # All background is one category, and 'unknown' is the right answer to it.
    categories = (*recognizer.categories, *recognizer.background[:1])
    place = {name: i for i, name in enumerate(recognizer.categories)}
    nothing = len(place) if recognizer.background else None
    place |= dict.fromkeys(recognizer.background, nothing)
    names = [dataset.categories[label] for label in dataset.labels[kept]]
    factors = {name: np.asarray(v)[kept] for name, v in dataset.factors.items()}
    factors.pop("instance", None)
    answers = collected.answers
    return Outcomes(
        categories=categories,
        labels=np.array([place[name] for name in names]),
        predicted=np.array(
            [place[a.category] if nothing is None or not a.unknown else nothing for a in answers]
        ),
        poses=np.stack([a.pose.to_vector() for a in answers]),
        given=np.concatenate(collected.given),
        true_poses=np.asarray(dataset.poses, dtype=float)[kept],
        objects=np.asarray(dataset.objects)[kept],
        factors=factors,
    )
