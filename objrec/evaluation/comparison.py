"""Models side by side on the same images, with paired tests over objects.

Two models that are shown the same objects fail on the same hard ones, so their intervals may
overlap although one is always better. What is tested is therefore the difference on each image,
and both models are given the same objects in every draw of the bootstrap. Nothing here runs a
model: it compares answers that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from objrec.errors import DataError
from objrec.evaluation.calibration import expected_calibration_error
from objrec.evaluation.groups import Outcomes
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import absolute_errors, error_figures
from objrec.evaluation.run import Run
from objrec.pose import AXIS, INDEX

_AZIMUTH = AXIS["azimuth"]


@dataclass(frozen=True)
class Candidate:
    """The answers of one model, ready to be compared.

    Attributes:
        model: What tables call it.
        kind: "energy", "cnn", "cnn-pose", or the kind of a baseline.
        outcomes: Its answers beside the truth, in the model's own order of categories.
        sources: N files, and indices within files, that tell which image is which.
        confidences: (N,) probability of the likeliest category, NaN for images of background,
            which have none; None if the model gives none.
        likeliest_right: (N,) bool, whether that category is the true one, be it answered or, in
            doubt, 'unknown'; goes with `confidences`.
        parameters: Number of trained parameters; None where that says nothing.
        images_per_second: Recognition of preprocessed images.
        azimuths: Whether its azimuths can be held against the labels; not if either is right only
            up to an unknown offset.
        notes: Sentences that a reader of its figures must know.
    """

    model: str
    kind: str
    outcomes: Outcomes
    sources: Sequence[str]
    confidences: np.ndarray | None = None
    likeliest_right: np.ndarray | None = None
    parameters: int | None = None
    images_per_second: float | None = None
    azimuths: bool = True
    notes: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """What `compare` returns: a plain row for each model, and sentences about what was compared."""

    rows: list[dict[str, Any]]
    notes: list[str]


def candidate(recognizer: Any, done: Run, *, azimuths: bool = True) -> Candidate:
    """Make a candidate of a recogniser and its run over a data set."""
    parameters = getattr(recognizer, "parameters", None)
    labels, names = done.outcomes.labels, np.array(done.outcomes.categories)
    probabilities = np.array([answer.probability for answer in done.answers])
    return Candidate(
        model=recognizer.name or recognizer.kind,
        kind=recognizer.kind,
        outcomes=done.outcomes,
        sources=done.sources,
        confidences=np.where(labels < len(recognizer.categories), probabilities, np.nan),
        likeliest_right=names[labels] == [answer.category for answer in done.answers],
        parameters=parameters if isinstance(parameters, int) else None,
        images_per_second=done.images / max(done.recognition_seconds, 1e-9),
        azimuths=azimuths,
    )


def compare(
    evaluated: Candidate,
    others: Sequence[Candidate],
    bootstrap: Bootstrap,
    *,
    exclude_pose: Iterable[str] = (),
) -> Comparison:
    """Compare models on the images that all of them answered.

    Images are matched by file and object, not by their place: models may have failed on different
    ones, and an image of a category that one model does not know is compared for none. Whether an
    answer is wrong each model says in its own categories, so their order plays no part.

    Args:
        evaluated: The model that the others are held against.
        others: The others, run on the same data set.
        bootstrap: How to draw the objects.
        exclude_pose: Categories without a meaningful azimuth.

    Returns:
        The evaluated model's row first. ``difference`` is the error rate less that of the
        evaluated model, ``difference_ci`` its interval, ``p_value`` as `two_sided_p_value` says;
        None where no category shows two objects, so that there is nothing to draw.

    Raises:
        DataError: The models have no image in common.
    """
    shared = _shared(evaluated, others)
    kept = [_restricted(c, places) for c, places in zip((evaluated, *others), shared, strict=True)]
    base = kept[0].outcomes
    draws = _Draws(bootstrap, base.objects, base.labels)
    has_azimuth = ~np.isin(np.array(base.categories)[base.labels], tuple(exclude_pose))
    rows = [
        {
            **_errors(one, draws),
            **_difference(one, kept[0] if number else None, draws),
            **_azimuths(one, has_azimuth, draws),
            "ece": _calibration(one),
            "images_per_second": one.images_per_second,
        }
        for number, one in enumerate(kept)
    ]
    return Comparison(rows, _notes((evaluated, *others), len(shared[0]), draws))


def two_sided_p_value(means: np.ndarray) -> float:
    """Return how surprising the differences would be if there were none.

    The share of resampled differences on the other side of zero, or on it, doubled: the largest
    level at which the percentile interval still holds zero (Efron & Tibshirani 1993, chapter 15).
    One is added to the count and to the number of resamples, so that it is never 0 (Davison &
    Hinkley 1997, chapter 4); it is at most 1.

    Args:
        means: (resamples,) resampled mean differences, from `Bootstrap.means`.
    """
    beyond = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(means) + 1))


@dataclass(frozen=True)
class _Draws:
    """A bootstrap and the objects it draws: the same for every model."""

    bootstrap: Bootstrap
    objects: np.ndarray
    labels: np.ndarray

    @property
    def varied(self) -> bool:
        """Whether some category shows two objects, so that draws differ."""
        _, first = np.unique(self.objects, return_index=True)
        return bool((np.bincount(self.labels[first]) > 1).any())

    def interval(self, values: np.ndarray) -> list[float]:
        return list(self.bootstrap.interval(values, self.objects, self.labels))


def _shared(evaluated: Candidate, others: Sequence[Candidate]) -> list[np.ndarray]:
    """Return, for each model, the places of the images that all models answered."""
    tables = [_places(one) for one in (evaluated, *others)]
    for table, other in zip(tables[1:], others, strict=True):
        if not table.keys() & tables[0].keys():
            raise DataError(
                f"{other.model}: answered none of the images that {evaluated.model} answered; "
                "compare models that know categories of this set"
            )
    images = [image for image in tables[0] if all(image in table for table in tables)]
    if not images:
        raise DataError(
            "comparison: no image was answered by all models; compare fewer models at once"
        )
    return [np.array([table[image] for image in images]) for table in tables]


def _places(one: Candidate) -> dict[tuple[str, str], int]:
    # A file that a set lists under two objects is two images.
    images = zip(one.sources, one.outcomes.objects.tolist(), strict=True)
    return {image: place for place, image in enumerate(images)}


def _restricted(one: Candidate, places: np.ndarray) -> Candidate:
    """Return the candidate with some of its images only, in this order."""
    whole = one.outcomes
    columns = ("labels", "predicted", "poses", "given", "true_poses", "objects")
    parts = {name: getattr(whole, name)[places] for name in columns}
    factors = {name: values[places] for name, values in whole.factors.items()}
    return replace(
        one,
        outcomes=replace(whole, **parts, factors=factors),
        sources=[one.sources[i] for i in places],
        confidences=_at(one.confidences, places),
        likeliest_right=_at(one.likeliest_right, places),
    )


def _at(values: np.ndarray | None, places: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[places]


def _errors(one: Candidate, draws: _Draws) -> dict[str, Any]:
    wrong = one.outcomes.wrong
    return {
        "model": one.model,
        "kind": one.kind,
        "parameters": one.parameters,
        "error_rate": float(wrong.mean()),
        "error_rate_ci": draws.interval(wrong),
    }


def _difference(one: Candidate, base: Candidate | None, draws: _Draws) -> dict[str, Any]:
    if base is None:
        return {"difference": None, "difference_ci": None, "p_value": None}
    worse = one.outcomes.wrong.astype(float) - base.outcomes.wrong
    means = draws.bootstrap.means(worse, draws.objects, draws.labels)
    return {
        "difference": float(worse.mean()),
        "difference_ci": draws.interval(worse),
        "p_value": two_sided_p_value(means) if draws.varied else None,
    }


def _azimuths(one: Candidate, measured: np.ndarray, draws: _Draws) -> dict[str, Any]:
    """Say how often the azimuth is within 30 degrees, over the images that have one."""
    column = INDEX["azimuth"]
    true, answered = one.outcomes.true_poses[:, column], one.outcomes.poses[:, column]
    measured = measured & ~np.isnan(true)
    if not one.azimuths or np.isnan(answered[measured]).all():
        return {"azimuth_acc30": None, "azimuth_acc30_ci": None}
    errors = absolute_errors(_AZIMUTH, answered[measured], true[measured])
    # No answer counts as the worst: passing over hard images must not pay.
    errors = np.where(np.isnan(errors), 180.0, errors)
    objects, labels = draws.objects[measured], draws.labels[measured]
    figures = error_figures(_AZIMUTH, errors, objects, labels, draws.bootstrap)
    return {"azimuth_acc30": figures["acc30"], "azimuth_acc30_ci": figures["acc30_ci"]}


def _calibration(one: Candidate) -> float | None:
    if one.confidences is None or one.likeliest_right is None:
        return None
    known = ~np.isnan(one.confidences)
    if not known.any():
        return None
    return expected_calibration_error(one.confidences[known], one.likeliest_right[known])


def _notes(candidates: Sequence[Candidate], compared: int, draws: _Draws) -> list[str]:
    notes, category = [], _categories(candidates)
    if compared < len(category):
        missing = [_missing(one, category) for one in candidates]
        notes.append(
            f"The comparison is over the {compared} images that every model answered, of "
            f"{len(category)}: {'; '.join(filter(None, missing))}."
        )
    first = candidates[0]
    for other in candidates[1:]:
        ours, theirs = first.outcomes.categories, other.outcomes.categories
        if set(ours) != set(theirs):
            notes.append(
                f"{other.model} and {first.model} know different categories ({len(theirs)} and "
                f"{len(ours)}): they choose among different answers."
            )
    if not draws.varied and len(candidates) > 1:
        notes.append("No category shows two objects, so there is no test of the differences.")
    return [*notes, *(note for one in candidates for note in one.notes)]


def _categories(candidates: Sequence[Candidate]) -> dict[tuple[str, str], str]:
    """Return the category of each image that any model answered."""
    found: dict[tuple[str, str], str] = {}
    for one in reversed(candidates):
        names = [one.outcomes.categories[label] for label in one.outcomes.labels]
        found |= {image: names[place] for image, place in _places(one).items()}
    return found


def _missing(one: Candidate, category: dict[tuple[str, str], str]) -> str:
    """Say how many images a model did not answer, and which categories it does not know."""
    left = category.keys() - _places(one).keys()
    unknown = {category[image] for image in left} - set(one.outcomes.categories)
    of = f" (it does not know {', '.join(sorted(unknown))})" if unknown else ""
    return f"{one.model} did not answer {len(left)}{of}" if left else ""
