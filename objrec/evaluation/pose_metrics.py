"""Pose errors: the short way round the circle, as labelled and after the best single offset.

Pure functions of numpy arrays in stored units (degrees; scale as a log ratio; shifts as a share
of the image side). A label that is right only up to a constant, as those of turntables are, makes
a perfect recogniser look wrong: azimuth errors are therefore also given *aligned*, after the one
offset per category (or per object, where labels are right only within one) that suits it best. The
offset is fitted to the very images it is judged on: aligned figures are a best case, and
flattering where a group has few images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from objrec.evaluation.metrics import Bootstrap
from objrec.pose import AXIS, Axis

OPPOSITE = 30.0  # degrees from exactly opposite that still count as opposite
HISTOGRAM_STEP = 10.0  # degrees
_ROUNDING = 1e-4  # an error of exactly 30 degrees is within 30, whatever float32 made of it


def absolute_errors(axis: Axis, answered: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return |answered - true| by the shortest way round; NaN where either is not known."""
    return np.abs(axis.difference(answered, true))


def best_offset(differences: np.ndarray, period: float = 360.0) -> float:
    """Return the offset that leaves the smallest mean absolute difference on a circle.

    It is the circular median. The mean distance is piecewise linear in the offset and bends
    upwards only at the differences themselves, so one of them is a minimiser: sorted, with
    running sums, all of them are tried in N log N.

    Args:
        differences: (N,) answered minus true, at least one, any winding.
        period: Length of the circle.

    Returns:
        The offset in [-period/2, period/2); of equal ones the first in ascending order.
    """
    points = np.sort(np.asarray(differences, float) % period)
    n = len(points)
    doubled = np.concatenate([points, points + period])
    running = np.concatenate([[0.0], np.cumsum(doubled)])
    start = np.arange(n)
    half = np.searchsorted(doubled, points + period / 2, side="right")
    ahead = running[half] - running[start] - (half - start) * points
    beyond = (n - (half - start)) * (period + points) - (running[start + n] - running[half])
    best = points[np.argmin(np.round(ahead + beyond, 9))]
    return float((best + period / 2) % period - period / 2)


def aligned_errors(
    axis: Axis, answered: np.ndarray, true: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, dict[Any, float]]:
    """Return the errors after the best offset of each group, and the offsets.

    Args:
        axis: A periodic axis.
        answered: (N,) stored units, no NaN.
        true: (N,) likewise.
        groups: (N,) what shares an offset: the true category of each image, or its object.

    Returns:
        (N,) absolute errors, and group → offset, which has been subtracted from the answer.
    """
    differences = axis.difference(answered, true)
    errors, offsets = np.empty(len(differences)), {}
    for group in np.unique(groups):
        inside = groups == group
        offsets[group.item()] = offset = best_offset(differences[inside], axis.period)
        errors[inside] = np.abs(axis.difference(differences[inside], offset))
    return errors, offsets


def axis_figures(
    name: str,
    answered: np.ndarray,
    true: np.ndarray,
    categories: np.ndarray,
    objects: np.ndarray,
    bootstrap: Bootstrap,
    aligned_by: str = "category",
) -> dict[str, Any]:
    """Measure one axis over the images where both pose and answer are known.

    Args:
        name: The axis.
        answered: (N,) stored units, NaN where not answered.
        true: (N,) stored units, NaN where not observed.
        categories: (N,) true category of each image.
        objects: (N,) the object each image shows.
        bootstrap: How to make intervals.
        aligned_by: What has one offset in the aligned figures, 'category' or 'object'.

    Returns:
        ``count`` alone if there is no such image; else the figures of `error_figures`, and for
        azimuth also ``opposite``, ``histogram`` and ``aligned``.
    """
    axis = AXIS[name]
    errors = absolute_errors(axis, answered, true)
    known = ~np.isnan(errors)
    if not known.any():
        return {"count": 0}
    errors, objects, categories = errors[known], objects[known], categories[known]
    figures = error_figures(axis, errors, objects, categories, bootstrap)
    if name == "azimuth":
        figures["opposite"] = float((errors >= 180 - OPPOSITE - _ROUNDING).mean())
        figures["histogram"] = histogram(errors)
        groups = categories if aligned_by == "category" else objects
        moved, offsets = aligned_errors(axis, answered[known], true[known], groups)
        aligned = error_figures(axis, moved, objects, categories, bootstrap)
        aligned["histogram"] = histogram(moved)
        figures["aligned"] = {"per": aligned_by, **aligned, "offsets": offsets}
    return figures


def error_figures(
    axis: Axis,
    errors: np.ndarray,
    objects: np.ndarray,
    categories: np.ndarray,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Summarise absolute errors: median, mean with interval, and for angles two accuracies.

    ``acc10`` and ``acc30`` are the shares of errors of at most 10 and 30 degrees.
    """
    in_degrees = axis.unit == "deg"
    suffix = "_deg" if in_degrees else ""
    figures: dict[str, Any] = {
        "count": len(errors),
        "unit": axis.unit,
        f"median_error{suffix}": float(np.median(errors)),
        f"mean_error{suffix}": float(errors.mean()),
        f"mean_error{suffix}_ci": list(bootstrap.interval(errors, objects, categories)),
    }
    if in_degrees:
        near = {limit: within(errors, limit) for limit in (10, 30)}
        figures |= {f"acc{limit}": float(hits.mean()) for limit, hits in near.items()}
        figures["acc30_ci"] = list(bootstrap.interval(near[30], objects, categories))
    return figures


def within(errors: np.ndarray, limit: float) -> np.ndarray:
    """Return which errors are at most `limit` degrees; NaN is not."""
    return errors <= limit + _ROUNDING


def histogram(errors: np.ndarray) -> dict[str, Any]:
    """Count angular errors in steps of 10 degrees from 0 to 180; a step includes its lower end."""
    edges = np.arange(0.0, 180.0 + HISTOGRAM_STEP, HISTOGRAM_STEP)
    counts, _ = np.histogram(np.clip(errors + _ROUNDING, 0, 180), edges)
    return {"step_deg": HISTOGRAM_STEP, "counts": counts.tolist()}
