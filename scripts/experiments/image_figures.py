"""Figures of many trainings: errors with intervals over objects, poses, and paired differences.

Pure functions of what `gathered` returns. Trainings that differ by their seed alone are averaged
image by image first, and those of different folds stand beside each other, so that every image
counts once. Intervals are drawn over objects within their categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gathered import COVERED, POSES, Images, Row

from objrec.evaluation.comparison import two_sided_p_value
from objrec.evaluation.metrics import Bootstrap

ERRORS = ("error", "mirrored", *COVERED)
VIEWS = ("", "familiar", "novel")


@dataclass(frozen=True)
class Averaged:
    """A measure by image, a mean over trainings.

    Attributes:
        keys: (N,) images, in order.
        values: (N,) means.
        objects: (N,) the object shown.
        categories: (N,) its category.
    """

    keys: np.ndarray
    values: np.ndarray
    objects: np.ndarray
    categories: np.ndarray

    def only(self, chosen: np.ndarray) -> Averaged:
        """Return some images."""
        arrays = (self.keys, self.values, self.objects, self.categories)
        return Averaged(*(a[chosen] for a in arrays))

    def drawn(self, bootstrap: Bootstrap) -> np.ndarray:
        """Return the mean in every draw, (resamples,)."""
        return bootstrap.means(self.values, self.objects, self.categories)


def averaged(images: Images, column: str) -> Averaged | None:
    """Average a column image by image; None if it was measured nowhere."""
    if column not in images.columns or np.isnan(images.columns[column]).all():
        return None
    images = images.only(~np.isnan(images.columns[column]))
    keys, first, index = np.unique(images.keys, return_index=True, return_inverse=True)
    values = np.bincount(index, images.columns[column]) / np.bincount(index)
    return Averaged(keys, values, images.objects[first], images.categories[first])


def mean_figures(
    images: Images, rows: Sequence[Row], column: str, bootstrap: Bootstrap
) -> dict[str, Any] | None:
    """Return the mean of a column, its interval, and its means by seed and by fold.

    Args:
        images: Of some trainings.
        rows: These trainings.
        column: A measure, higher or lower being better.
        bootstrap: Draws objects.
    """
    found = averaged(images, column)
    if found is None:
        return None
    folds = {i: row["part"].partition("/")[0].removeprefix("fold:") for i, row in enumerate(rows)}
    figures = {
        "mean": float(found.values.mean()),
        "ci": bootstrap.percentiles(found.drawn(bootstrap)),
        "images": len(found.keys),
        "objects": len(np.unique(found.objects)),
        "by_seed": _by(images, column, {i: str(row["seed"]) for i, row in enumerate(rows)}),
    }
    if any(row["part"].startswith("fold:") for row in rows):
        figures["by_fold"] = _by(images, column, folds)
    return figures


def _by(images: Images, column: str, names: Mapping[int, str]) -> dict[str, float]:
    """Return the mean over the trainings of each name."""
    values, groups = images.columns[column], np.array([names[i] for i in images.training.tolist()])
    return {
        name: float(np.nanmean(values[groups == name]))
        for name in sorted(set(names.values()))
        if not np.isnan(values[groups == name]).all()
    }


def error_figures(
    images: Images, rows: Sequence[Row], bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Return `mean_figures` of every kind of error that was measured, by its name."""
    found = {name: mean_figures(images, rows, name, bootstrap) for name in _error_names(images)}
    return {name: figures for name, figures in found.items() if figures}


def _error_names(images: Images) -> list[str]:
    names = [f"{error} {view}".rstrip() for error in ERRORS for view in VIEWS]
    return [name for name in names if name in images.columns]


def pose_figures(
    images: Images, rows: Sequence[Row], bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Return how right the poses are, given the category, by way of answering and by views.

    Returns:
        'grid', 'refined', 'mirrored', 'grid novel', … → ``within30`` (with ``_ci``), ``opposite``,
        ``azimuth_median``, ``elevation_mean``: means over seeds; and where no pose was labelled
        ``aligned30`` (with ``_ci``), after one best offset a category.
    """
    found = {}
    for how in (f"{pose} {view}".rstrip() for pose in POSES for view in VIEWS):
        near = mean_figures(images, rows, f"within30 {how}", bootstrap)
        if near is None:
            continue
        found[how] = {
            "within30": near["mean"],
            "within30_ci": near["ci"],
            "opposite": float(averaged(images, f"opposite {how}").values.mean()),
            "azimuth_median": _median(images, rows, f"azimuth {how}"),
        }
        aligned = mean_figures(images, rows, f"aligned30 {how}", bootstrap)
        if any("latent-pose" in row["part"] for row in rows):
            found[how] |= {"aligned30": aligned["mean"], "aligned30_ci": aligned["ci"]}
        elevation = averaged(images, f"elevation {how}")
        if elevation is not None:
            found[how]["elevation_mean"] = float(elevation.values.mean())
    return found


def _median(images: Images, rows: Sequence[Row], column: str) -> float:
    """Return the median over the images of each seed, and of these the mean."""
    seeds, values = np.array([row["seed"] for row in rows]), images.columns[column]
    own = seeds[images.training]
    return float(np.mean([np.nanmedian(values[own == seed]) for seed in np.unique(seeds)]))


def compared(
    one: tuple[Images, Sequence[Row]], other: tuple[Images, Sequence[Row]], bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Compare two kinds of models, error by error, over the trainings that both have.

    Args:
        one: What the other is held against.
        other: Another kind.
        bootstrap: Draws the same objects for both.

    Returns:
        Name of the error → what `apart` returns.
    """
    shared = {_training(row) for row in one[1]} & {_training(row) for row in other[1]}
    first, second = (_restricted(images, rows, shared) for images, rows in (one, other))
    found = {}
    for name in _error_names(first):
        pair = averaged(first, name), averaged(second, name)
        if None not in pair:
            found[name] = apart(*pair, bootstrap) | {"trainings": len(shared)}
    return found


def _training(row: Row) -> tuple[str, int]:
    return row["part"], row["seed"]


def _restricted(images: Images, rows: Sequence[Row], shared: set[tuple[str, int]]) -> Images:
    kept = np.array([_training(row) in shared for row in rows])
    return images.only(kept[images.training])


def apart(one: Averaged, other: Averaged, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the difference other - one and the ratio one / other, on the images of both.

    Returns:
        ``difference``, ``difference_ci``, ``p_value``; ``ratio``, ``ratio_ci``: None where the
        other makes no error (in enough of the draws).
    """
    keys, here, there = np.intersect1d(one.keys, other.keys, return_indices=True)
    one, other = one.only(here), other.only(there)
    if not len(keys):
        return {"images": 0}
    drawn, others = one.drawn(bootstrap), other.drawn(bootstrap)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(others > 0, drawn / others, np.inf)
    total = float(other.values.mean())
    return {
        "images": len(keys),
        "difference": total - float(one.values.mean()),
        "difference_ci": bootstrap.percentiles(others - drawn),
        "p_value": two_sided_p_value(others - drawn),
        "ratio": float(one.values.mean()) / total if total else None,
        "ratio_ci": [_finite(end) for end in _ends(ratios, bootstrap)],
    }


def _ends(drawn: np.ndarray, bootstrap: Bootstrap) -> list[float]:
    """Return the ends of the interval of what may be infinite in some draws."""
    tail = (1 - bootstrap.level) / 2
    return np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf").tolist()


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
