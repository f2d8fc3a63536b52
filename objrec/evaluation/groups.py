"""Error by factor, by viewpoint and in the worst views: which images a recogniser gets wrong.

Works on `Outcomes`, the answers beside the truth; reads no image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from objrec.evaluation.metrics import error_by_group
from objrec.pose import AXES, AXIS, INDEX

MOST_VALUES = 36  # more distinct numbers than this are put into bins
MOST_NAMES = 200  # a factor with more names than this says nothing in a table
SECTOR = 30.0  # width in degrees of the azimuth sectors in which worst views are sought
FEWEST_IMAGES = 5  # fewer images of a category in a sector are an accident, not a weak view


@dataclass(frozen=True)
class Outcomes:
    """What was shown and what was answered, one entry an image.

    Attributes:
        categories: Names that `labels` and `predicted` index.
        labels: (N,) true category.
        predicted: (N,) answered category.
        poses: (N, A) answered pose in stored units, NaN where not answered.
        true_poses: (N, A) labelled pose in stored units, NaN where not observed.
        objects: (N,) "category/instance".
        factors: Name → (N,) text, "" where not known; without ``instance``.
    """

    categories: tuple[str, ...]
    labels: np.ndarray
    predicted: np.ndarray
    poses: np.ndarray
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


def _axis_numbers(outcomes: Outcomes, axis: str) -> np.ndarray:
    """Return the labelled values of an axis in the units people use, scale as a ratio."""
    stored = AXIS[axis].wrapped(outcomes.true_poses[:, INDEX[axis]])
    return np.exp(stored) if axis == "scale" else stored


def error_by_factor(outcomes: Outcomes) -> dict[str, list[dict[str, Any]]]:
    """Return, for each pose axis and factor, a row for each of its values.

    ``instance`` rows name objects ("cup/3"): instance 3 of one category has nothing in common
    with instance 3 of another. A factor of one value is kept (it says what was shown); one
    whose every image has its own value is not.

    Returns:
        Factor → rows of ``value`` (a number or text), ``errors``, ``count``, ``error_rate``, and
        ``range`` where numbers were put into bins.
    """
    table = {}
    for axis in AXES:
        if outcomes.observed(axis):
            numbers = _axis_numbers(outcomes, axis)
            table[axis] = _number_rows(outcomes, numbers, degrees=AXIS[axis].unit == "deg")
    for name, texts in {**outcomes.factors, "instance": outcomes.objects}.items():
        known = texts[texts != ""]
        distinct = len(np.unique(known))
        if distinct == 0 or (distinct == len(known) and distinct > 1):
            continue
        numbers = None if name == "instance" else _as_numbers(texts)
        if numbers is not None:
            table[name] = _number_rows(outcomes, numbers)
        elif name == "instance" or distinct <= MOST_NAMES:
            table[name] = _text_rows(outcomes, texts)
    return table


def _as_numbers(texts: np.ndarray) -> np.ndarray | None:
    """Read a factor as numbers; None unless every known value is a finite one."""
    try:
        numbers = np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return None
    return None if np.isinf(numbers).any() or np.isnan(numbers[texts != ""]).any() else numbers


def _number_rows(outcomes: Outcomes, numbers: np.ndarray, *, degrees: bool = False) -> list[dict]:
    bins = binned(numbers, degrees=degrees)
    rows = _rows(outcomes, bins.values, bins.index)
    if bins.ranges:
        for row, (low, high) in zip(rows, bins.ranges, strict=True):
            row["range"] = [low, high]
    return rows


def _text_rows(outcomes: Outcomes, texts: np.ndarray) -> list[dict]:
    names = sorted(set(texts[texts != ""].tolist()))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place.get(text, -1) for text in texts.tolist()])
    return _rows(outcomes, names, index)


def _rows(outcomes: Outcomes, values: list, index: np.ndarray) -> list[dict]:
    found = error_by_group(outcomes.wrong, index, len(values))
    return [
        {"value": value, "errors": int(e), "count": int(n), "error_rate": float(e / n)}
        for value, e, n in zip(values, found.errors, found.counts, strict=True)
    ]


def error_by_viewpoint(outcomes: Outcomes) -> dict[str, Any] | None:
    """Return error and count for each (elevation, azimuth), or None unless both are observed.

    Returns:
        ``azimuth`` and ``elevation`` (values or bin middles, ascending; with ``azimuth_ranges``
        or ``elevation_ranges`` where binned), and ``error_rate`` (None where there is no image)
        and ``count``, each a list of rows by elevation.
    """
    if not (outcomes.observed("azimuth") and outcomes.observed("elevation")):
        return None
    azimuth = binned(_axis_numbers(outcomes, "azimuth"), degrees=True)
    elevation = binned(_axis_numbers(outcomes, "elevation"), degrees=True)
    shape = (len(elevation.values), len(azimuth.values))
    both = (azimuth.index >= 0) & (elevation.index >= 0)
    index = np.where(both, elevation.index * shape[1] + azimuth.index, -1)
    found = error_by_group(outcomes.wrong, index, shape[0] * shape[1])
    rates = [None if np.isnan(r) else float(r) for r in found.rates]
    view: dict[str, Any] = {"azimuth": azimuth.values, "elevation": elevation.values}
    for name, bins in (("azimuth", azimuth), ("elevation", elevation)):
        if bins.ranges:
            view[f"{name}_ranges"] = [list(ends) for ends in bins.ranges]
    view["error_rate"] = [rates[i * shape[1] : (i + 1) * shape[1]] for i in range(shape[0])]
    view["count"] = found.counts.reshape(shape).tolist()
    return view


def worst_views(outcomes: Outcomes, most: int = 10) -> list[dict[str, Any]]:
    """Return the azimuth sectors in which a category is most often wrong, worst first.

    Sectors are 30 degrees wide and centred on multiples of 30, so that 'from the front' is one.
    The worst of many figures looks worse than it is: ``objects`` says how many objects it rests
    on.
    """
    azimuth = _axis_numbers(outcomes, "azimuth")
    sector = np.full(len(azimuth), -1)
    known = ~np.isnan(azimuth)
    sector[known] = np.floor(azimuth[known] / SECTOR + 0.5).astype(int) % int(360 / SECTOR)
    rows = []
    for label in range(len(outcomes.categories)):
        for place in np.unique(sector[known & (outcomes.labels == label)]):
            inside = (outcomes.labels == label) & (sector == place)
            if inside.sum() >= FEWEST_IMAGES and outcomes.wrong[inside].any():
                rows.append(_view_row(outcomes, inside, label, float(place * SECTOR)))
    return sorted(rows, key=lambda row: -row["error_rate"])[:most]


def _view_row(outcomes: Outcomes, inside: np.ndarray, label: int, middle: float) -> dict[str, Any]:
    errors, count = int((inside & outcomes.wrong).sum()), int(inside.sum())
    return {
        "category": outcomes.categories[label],
        "azimuth": [(middle - SECTOR / 2) % 360, (middle + SECTOR / 2) % 360],
        "seen_as": taken_for(outcomes, inside),
        "errors": errors,
        "count": count,
        "error_rate": errors / count,
        "objects": len(np.unique(outcomes.objects[inside])),
    }


def taken_for(outcomes: Outcomes, images: np.ndarray) -> str | None:
    """Return the category most often answered wrongly among images; None if all are right.

    Args:
        outcomes: The answers.
        images: A mask or an index of the images to look at.
    """
    labels, predicted = outcomes.labels[images], outcomes.predicted[images]
    votes = np.bincount(predicted[labels != predicted], minlength=len(outcomes.categories))
    return outcomes.categories[int(votes.argmax())] if votes.any() else None


def error_by_object(outcomes: Outcomes) -> list[dict[str, Any]]:
    """Return a row for each object, worst first: its error and what it was mostly taken for."""
    names, index, counts = np.unique(outcomes.objects, return_inverse=True, return_counts=True)
    images = np.split(np.argsort(index, kind="stable"), np.cumsum(counts)[:-1])
    rows = [
        _object_row(outcomes, name, mine) for name, mine in zip(names.tolist(), images, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["error_rate"], row["object"]))


def _object_row(outcomes: Outcomes, name: str, images: np.ndarray) -> dict[str, Any]:
    errors = int((outcomes.labels[images] != outcomes.predicted[images]).sum())
    return {
        "object": name,
        "category": outcomes.categories[outcomes.labels[images[0]]],
        "errors": errors,
        "count": len(images),
        "error_rate": errors / len(images),
        "seen_as": taken_for(outcomes, images),
    }
