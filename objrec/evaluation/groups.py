"""Error by factor and by object: which images a recogniser gets wrong.

Works on `Outcomes`, the answers beside the truth; reads no image. Views are in `viewpoints`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from objrec.evaluation.metrics import Bootstrap
from objrec.pose import AXES, AXIS, INDEX

MOST_VALUES = 36  # more distinct numbers than this are put into bins
MOST_NAMES = 200  # a factor with more names than this says nothing in a table


@dataclass(frozen=True)
class Outcomes:
    """What was shown and what was answered, one entry an image.

    Attributes:
        categories: Names that `labels` and `predicted` index.
        labels: (N,) true category.
        predicted: (N,) answered category.
        poses: (N, A) answered pose in stored units, NaN where not answered.
        given: (N, A) best pose given the true category, likewise; background has none.
        true_poses: (N, A) labelled pose in stored units, NaN where not observed.
        objects: (N,) "category/instance".
        factors: Name → (N,) text, "" where not known; without ``instance``.
    """

    categories: tuple[str, ...]
    labels: np.ndarray
    predicted: np.ndarray
    poses: np.ndarray
    given: np.ndarray
    true_poses: np.ndarray
    objects: np.ndarray
    factors: dict[str, np.ndarray]

    @property
    def wrong(self) -> np.ndarray:
        """(N,) bool: the answered category is not the true one."""
        return self.labels != self.predicted

    def observed(self, axis: str) -> bool:
        """Whether any image has a label on this pose axis."""
        return bool((~np.isnan(self.true_poses[:, INDEX[axis]])).any())


@dataclass(frozen=True)
class Bins:
    """Numbers sorted into groups.

    Attributes:
        values: The group's number, or the middle of its bin, ascending.
        ranges: (low, high) of each bin, low inclusive; None when every group is one number.
        index: (N,) the group of each number; -1 for NaN.
    """

    values: list[float]
    ranges: list[tuple[float, float]] | None
    index: np.ndarray


def binned(numbers: np.ndarray, *, degrees: bool = False) -> Bins:
    """Group numbers by value, or in bins where there are more than `MOST_VALUES` of them.

    Args:
        numbers: (N,) with NaN for 'not known'.
        degrees: Use bins of 10 degrees instead of ten equal ones.
    """
    numbers = np.round(numbers.astype(float), 6)
    known = ~np.isnan(numbers)
    index = np.full(len(numbers), -1)
    values, index[known] = np.unique(numbers[known], return_inverse=True)
    if len(values) <= MOST_VALUES:
        return Bins(values.tolist(), None, index)
    low, high = values[0], values[-1]
    if degrees:
        edges = np.arange(np.floor(low / 10) * 10, high + 10 + 1e-9, 10.0)
    else:
        edges = np.linspace(low, high, 11)
    place = np.clip(np.searchsorted(edges, numbers[known], side="right") - 1, 0, len(edges) - 2)
    used, index[known] = np.unique(place, return_inverse=True)
    ranges = [(float(edges[i]), float(edges[i + 1])) for i in used]
    return Bins([round((a + b) / 2, 6) for a, b in ranges], ranges, index)


def axis_numbers(outcomes: Outcomes, axis: str) -> np.ndarray:
    """Return the labelled values of an axis in the units people use, scale as a ratio."""
    stored = AXIS[axis].wrapped(outcomes.true_poses[:, INDEX[axis]])
    return np.exp(stored) if axis == "scale" else stored


@dataclass(frozen=True)
class Measures:
    """What is measured in each group of images.

    Attributes:
        outcomes: The answers beside the truth.
        azimuth_errors: (N,) degrees, given the true category; NaN where there is none.
        bootstrap: How to make intervals.
    """

    outcomes: Outcomes
    azimuth_errors: np.ndarray
    bootstrap: Bootstrap

    def row(self, inside: np.ndarray, *, interval: bool = True) -> dict[str, Any]:
        """Return the figures of a group.

        Args:
            inside: (N,) bool, at least one image.
            interval: Whether to draw one; over a single object it would say nothing.
        """
        outcomes = self.outcomes
        wrong = outcomes.wrong[inside]
        row: dict[str, Any] = {
            "errors": int(wrong.sum()),
            "count": len(wrong),
            "error_rate": float(wrong.mean()),
        }
        if interval:
            drawn = self.bootstrap.interval(
                wrong, outcomes.objects[inside], outcomes.labels[inside]
            )
            row["error_rate_ci"] = list(drawn)
        return row | {"azimuth_error_deg": median_known(self.azimuth_errors[inside])}


def median_known(values: np.ndarray) -> float | None:
    """Return the median of what is not NaN; None if all is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def error_by_factor(measures: Measures) -> dict[str, list[dict[str, Any]]]:
    """Return, for each pose axis and factor, a row for each of its values.

    ``instance`` rows name objects ("cup/3"): instance 3 of one category has nothing in common
    with instance 3 of another. A factor of one value is kept (it says what was shown); one
    whose every image has its own value is not.

    Returns:
        Factor → rows of ``value`` (a number or text), ``errors``, ``count``, ``error_rate`` with
        ``error_rate_ci`` (not of single objects), ``azimuth_error_deg``, and ``range`` where
        numbers were put into bins.
    """
    table, outcomes = {}, measures.outcomes
    for axis in AXES:
        if outcomes.observed(axis):
            numbers = axis_numbers(outcomes, axis)
            table[axis] = _number_rows(measures, numbers, degrees=AXIS[axis].unit == "deg")
    for name, texts in {**outcomes.factors, "instance": outcomes.objects}.items():
        known = texts[texts != ""]
        distinct = len(np.unique(known))
        if distinct == 0 or (distinct == len(known) and distinct > 1):
            continue
        numbers = None if name == "instance" else _as_numbers(texts)
        if numbers is not None:
            table[name] = _number_rows(measures, numbers)
        elif name == "instance" or distinct <= MOST_NAMES:
            table[name] = _text_rows(measures, texts, interval=name != "instance")
    return table


def _as_numbers(texts: np.ndarray) -> np.ndarray | None:
    """Read a factor as numbers; None unless every known value is a finite one."""
    try:
        numbers = np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return None
    return None if np.isinf(numbers).any() or np.isnan(numbers[texts != ""]).any() else numbers


def _number_rows(measures: Measures, numbers: np.ndarray, *, degrees: bool = False) -> list[dict]:
    bins = binned(numbers, degrees=degrees)
    rows = _rows(measures, bins.values, bins.index)
    if bins.ranges:
        for row, (low, high) in zip(rows, bins.ranges, strict=True):
            row["range"] = [low, high]
    return rows


def _text_rows(measures: Measures, texts: np.ndarray, *, interval: bool) -> list[dict]:
    names = sorted(set(texts[texts != ""].tolist()))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place.get(text, -1) for text in texts.tolist()])
    return _rows(measures, names, index, interval=interval)


def _rows(
    measures: Measures, values: list, index: np.ndarray, *, interval: bool = True
) -> list[dict]:
    return [
        {"value": value, **measures.row(index == i, interval=interval)}
        for i, value in enumerate(values)
    ]


def taken_for(outcomes: Outcomes, images: np.ndarray) -> str | None:
    """Return the category most often answered wrongly among images; None if all are right.

    Args:
        outcomes: The answers.
        images: A mask or an index of the images to look at.
    """
    labels, predicted = outcomes.labels[images], outcomes.predicted[images]
    votes = np.bincount(predicted[labels != predicted], minlength=len(outcomes.categories))
    return outcomes.categories[int(votes.argmax())] if votes.any() else None


def error_by_object(measures: Measures) -> list[dict[str, Any]]:
    """Return a row for each object, worst first: its errors and what it was mostly taken for."""
    outcomes = measures.outcomes
    names, index, counts = np.unique(outcomes.objects, return_inverse=True, return_counts=True)
    images = np.split(np.argsort(index, kind="stable"), np.cumsum(counts)[:-1])
    rows = [
        _object_row(measures, name, mine) for name, mine in zip(names.tolist(), images, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["error_rate"], row["object"]))


def _object_row(measures: Measures, name: str, images: np.ndarray) -> dict[str, Any]:
    outcomes = measures.outcomes
    errors = int((outcomes.labels[images] != outcomes.predicted[images]).sum())
    return {
        "object": name,
        "category": outcomes.categories[outcomes.labels[images[0]]],
        "errors": errors,
        "count": len(images),
        "error_rate": errors / len(images),
        "azimuth_error_deg": median_known(measures.azimuth_errors[images]),
        "seen_as": taken_for(outcomes, images),
    }
