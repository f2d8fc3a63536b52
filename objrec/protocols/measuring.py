"""What a trained model answers to the test images of its part, and its figures over all seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from objrec.datasets import Dataset
from objrec.evaluation.comparison import two_sided_p_value
from objrec.evaluation.groups import Outcomes
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import axis_figures
from objrec.evaluation.run import run
from objrec.pose import INDEX, PoseSpace
from objrec.preprocessing import Batch, load_images
from objrec.protocols.matching import Stage
from objrec.recognizer import Recognizer

Progress = Callable[[int, int], None]
_BATCH = 64
_POSE_FIGURES = (
    *("median_error_deg", "mean_error_deg", "median_error", "mean_error"),
    *("acc10", "acc30", "opposite"),
)


def familiar_errors(folders: Sequence[Path], test: Dataset, device: str) -> Iterator[Stage]:
    """Yield the error of each kept stage of a model on the images of familiar views.

    Args:
        folders: epochs/NNN of a run, in order.
        test: The test images of familiar views.
        device: Where to recognise.
    """
    batch: Batch | None = None
    for folder in folders:
        recognizer = Recognizer.load(folder, device)
        if batch is None:  # the same for all: only the weights differ between stages
            batch, _ = load_images(test, recognizer.preprocessing)
        yield Stage(int(folder.name), _error(recognizer, batch, test))


def _error(recognizer: Recognizer, batch: Batch, test: Dataset) -> float:
    place = {name: i for i, name in enumerate(recognizer.categories)}
    labels = torch.tensor([place.get(name, -1) for name in test.categories])[batch.labels]
    found = [
        recognizer.see(images).energies.per_category().argmin(dim=1).cpu()
        for images in batch.images.split(_BATCH)
    ]
    return float((torch.cat(found) != labels).float().mean())


class Asked(NamedTuple):
    """Which model is asked: the number of its part in the plan, its kind and its seed."""

    part: int
    kind: str
    seed: int


@dataclass(frozen=True)
class Measured:
    """The answers of one trained model to all test images that could be read.

    Attributes:
        seed: Of its training.
        epoch: After how many epochs it was taken.
        parameters: Trained ones.
        axes: The pose axes it answers.
        indices: (N,) positions in the test set.
        outcomes: Its answers beside the truth.
    """

    seed: int
    epoch: int
    parameters: int
    axes: tuple[str, ...]
    indices: np.ndarray
    outcomes: Outcomes


def measure(
    folder: Path,
    test: Dataset,
    seed: int,
    space: PoseSpace | None,
    device: str,
    on_progress: Progress | None,
) -> Measured:
    """Recognise the test set with a model.

    Args:
        folder: The model.
        test: All test images.
        seed: To note.
        space: The poses to search instead of those trained on, by models that search.
        device: Where to recognise.
        on_progress: Called with (images done, images in all).
    """
    recognizer = Recognizer.load(folder, device)
    if space is not None and recognizer.kind == "energy":
        recognizer = recognizer.searching(space)
    done = run(recognizer, test, _BATCH, on_progress)
    epoch = int(recognizer.training["facts"]["epochs"])
    return Measured(
        seed, epoch, recognizer.parameters, recognizer.axes, done.indices, done.outcomes
    )


def joined(runs: Sequence[Measured], sizes: Sequence[int]) -> Measured:
    """Return the answers of several models, each to its own test set, as if of one.

    Args:
        runs: Models of one kind and seed, which know the same categories.
        sizes: The number of images in each test set. In the result, positions are those in these
            sets one after the other.

    Raises:
        ValueError: Their categories differ.
    """
    if len(runs) == 1:
        return runs[0]
    outcomes = [run.outcomes for run in runs]
    if len({one.categories for one in outcomes}) > 1:
        raise ValueError("models that know different categories cannot be measured as one")
    together = {
        name: np.concatenate([getattr(one, name) for one in outcomes])
        for name in ("labels", "predicted", "poses", "given", "true_poses", "objects")
    }
    starts = np.cumsum([0, *sizes[:-1]])
    return replace(
        runs[0],
        epoch=max(run.epoch for run in runs),
        indices=np.concatenate([start + r.indices for start, r in zip(starts, runs, strict=True)]),
        outcomes=Outcomes(categories=outcomes[0].categories, factors={}, **together),
    )


def row(
    model: str,
    views: str,
    runs: Sequence[Measured],
    shown: np.ndarray,
    symmetric: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return the figures of one kind of model on some views: means over its seeds.

    Args:
        model: 'energy', 'cnn', ….
        views: 'familiar', 'novel' or 'all'.
        runs: One a seed.
        shown: (N test,) bool, the images of these views.
        symmetric: Categories left out of pose figures.
        bootstrap: Draws objects; an image counts with its share of seeds that erred.
    """
    parts = [(run, np.flatnonzero(shown[run.indices])) for run in runs]
    first, images = parts[0]
    wrong = np.mean([run.outcomes.wrong[at] for run, at in parts], axis=0)
    objects, labels = first.outcomes.objects[images], first.outcomes.labels[images]
    return {
        "model": model,
        "views": views,
        "error_rate": float(wrong.mean()),
        "ci": list(bootstrap.interval(wrong, objects, labels)),
        "error_rates": [float(run.outcomes.wrong[at].mean()) for run, at in parts],
        "seeds": [run.seed for run in runs],
        "epochs": [run.epoch for run in runs],
        "images": len(images),
        "objects": len(np.unique(objects)),
        "parameters": first.parameters,
        "pose": _poses(parts, "poses", symmetric, bootstrap),
        "pose_given": _poses(parts, "given", symmetric, bootstrap),
    }


def _poses(
    parts: Sequence[tuple[Measured, np.ndarray]],
    which: str,
    symmetric: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, dict[str, float]]:
    """Return axis → figures, each the mean over seeds; `which` names the poses of `Outcomes`."""
    table = {}
    for axis in parts[0][0].axes:
        found = [_axis(run, at, axis, which, symmetric, bootstrap) for run, at in parts]
        if all(figures["count"] for figures in found):
            table[axis] = {
                name: float(np.mean([figures[name] for figures in found]))
                for name in (*_POSE_FIGURES, "acc30_aligned")
                if name in found[0]
            }
    return table


def _axis(
    run: Measured,
    at: np.ndarray,
    axis: str,
    which: str,
    symmetric: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    outcomes = run.outcomes
    excluded = [i for i, name in enumerate(outcomes.categories) if name in symmetric]
    at = at[~np.isin(outcomes.labels[at], excluded)]
    figures = axis_figures(
        axis,
        getattr(outcomes, which)[at, INDEX[axis]],
        outcomes.true_poses[at, INDEX[axis]],
        outcomes.labels[at],
        outcomes.objects[at],
        bootstrap,
    )
    if "aligned" in figures:
        figures["acc30_aligned"] = figures["aligned"]["acc30"]
    return figures


def difference(
    runs: Sequence[Measured],
    others: Sequence[Measured],
    shown: np.ndarray,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return how much higher the error of `others` is: paired, over the same drawn objects."""

    def wrong(measured: Sequence[Measured]) -> np.ndarray:
        return np.mean(
            [run.outcomes.wrong[np.flatnonzero(shown[run.indices])] for run in measured], axis=0
        )

    images = np.flatnonzero(shown[runs[0].indices])
    outcomes = runs[0].outcomes
    apart, objects, labels = wrong(others) - wrong(runs), outcomes.objects, outcomes.labels
    drawn = bootstrap.means(apart, objects[images], labels[images])
    return {
        "difference": float(apart.mean()),
        "ci": list(bootstrap.interval(apart, objects[images], labels[images])),
        "p_value": two_sided_p_value(drawn),
    }
