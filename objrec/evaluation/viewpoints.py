"""Error over the viewing sphere, and the worst views in words.

Works on `Measures`, the answers beside the truth; reads no image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from objrec.evaluation.groups import Bins, Measures, axis_numbers, binned, median_known, taken_for
from objrec.pose import AXIS

SECTOR = 30.0  # width in degrees of the azimuth sectors of sets whose azimuths are not in steps
FEWEST_IMAGES = 5  # fewer images of a category in a sector are an accident, not a weak view
_FEWEST_STEPS, _MOST_STEPS = 6, 36  # azimuths of a set in steps: each is a sector of its own


def cells(measures: Measures) -> tuple[Bins, Bins] | None:
    """Return the azimuths and elevations that divide the sphere; None unless both are labelled."""
    outcomes = measures.outcomes
    if not (outcomes.observed("azimuth") and outcomes.observed("elevation")):
        return None
    azimuth, elevation = (axis_numbers(outcomes, name) for name in ("azimuth", "elevation"))
    return binned(azimuth, degrees=True), binned(elevation, degrees=True)


def cell_of_images(measures: Measures) -> np.ndarray:
    """Return (N, 2): row (elevation) and column (azimuth) of each image's cell, -1 for none."""
    found = cells(measures)
    if found is None:
        return np.full((len(measures.outcomes.labels), 2), -1)
    azimuth, elevation = found
    return np.stack([elevation.index, azimuth.index], axis=1)


def error_by_viewpoint(measures: Measures) -> dict[str, Any] | None:
    """Return figures for each (elevation, azimuth), or None unless both are observed.

    Returns:
        ``azimuth`` and ``elevation`` (values or bin middles, ascending; with ``azimuth_ranges``
        or ``elevation_ranges`` where binned), and ``error_rate`` and ``azimuth_error_deg`` (None
        where there is no image) and ``count``, each a list of rows by elevation.
    """
    found = cells(measures)
    if found is None:
        return None
    azimuth, elevation = found
    wrong, errors = measures.outcomes.wrong, measures.azimuth_errors
    view: dict[str, Any] = {"azimuth": azimuth.values, "elevation": elevation.values}
    for name, bins in (("azimuth", azimuth), ("elevation", elevation)):
        if bins.ranges:
            view[f"{name}_ranges"] = [list(ends) for ends in bins.ranges]
    view |= {"error_rate": [], "count": [], "azimuth_error_deg": []}
    for e in range(len(elevation.values)):
        masks = [(elevation.index == e) & (azimuth.index == a) for a in range(len(azimuth.values))]
        view["count"].append([int(mask.sum()) for mask in masks])
        view["error_rate"].append([float(wrong[m].mean()) if m.any() else None for m in masks])
        view["azimuth_error_deg"].append([median_known(errors[mask]) for mask in masks])
    return view


def worst_views(measures: Measures, most: int = 10) -> list[dict[str, Any]]:
    """Return the azimuth sectors in which a category is most often wrong, worst first.

    A set whose azimuths are in even steps has a sector around each; others have sectors of 30
    degrees, centred on multiples of 30, so that 'from the front' is one. The worst of many figures
    looks worse than it is: ``objects`` says how many objects it rests on.
    """
    outcomes = measures.outcomes
    azimuth = axis_numbers(outcomes, "azimuth")
    width, start = _sectors(azimuth)
    sector = np.full(len(azimuth), -1)
    known = ~np.isnan(azimuth)
    count = round(360 / width)
    sector[known] = np.floor((azimuth[known] - start) / width + 0.5).astype(int) % count
    rows = []
    for label in range(len(outcomes.categories)):
        for place in np.unique(sector[known & (outcomes.labels == label)]):
            inside = (outcomes.labels == label) & (sector == place)
            if inside.sum() >= FEWEST_IMAGES and outcomes.wrong[inside].any():
                middle = start + float(place) * width
                rows.append(_row(measures, inside, label, middle, width))
    return sorted(rows, key=lambda row: -row["error_rate"])[:most]


def _sectors(azimuth: np.ndarray) -> tuple[float, float]:
    """Return the width of the sectors and the middle of the first."""
    values = np.unique(np.round(azimuth[~np.isnan(azimuth)], 6))
    if _FEWEST_STEPS <= len(values) <= _MOST_STEPS:
        gaps = np.diff(values, append=values[0] + AXIS["azimuth"].period)
        if np.ptp(gaps) < 1e-3:
            return float(gaps.mean()), float(values[0])
    return SECTOR, 0.0


def _row(
    measures: Measures, inside: np.ndarray, label: int, middle: float, width: float
) -> dict[str, Any]:
    outcomes = measures.outcomes
    return {
        "category": outcomes.categories[label],
        "azimuth": [(middle - width / 2) % 360, (middle + width / 2) % 360],
        "seen_as": taken_for(outcomes, inside),
        **measures.row(inside),
        "objects": len(np.unique(outcomes.objects[inside])),
    }
